// What RocksDbSegmentStore::Open says of directories that are not, or no longer, a sound store.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "quorum/base/checksum.h"
#include "rocksdb/db.h"
#include "tests/contract/store_pattern.h"
#include "tests/contract/tested_store.h"

namespace hexad::storage_node {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr size_t kBytes = 2000;

absl::Status TryOpen(const std::string& path) {
  return RocksDbSegmentStore::Open(path, SmallStore()).status();
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class RocksDbOpen : public testing::Test {
 protected:
  const std::string& path() const { return directory_.path(); }

  // A store that was written to, moved into tables in part, and closed in order.
  void MakeStore(uint64_t writes = 200) {
    auto store = RocksDbSegmentStore::Open(path(), SmallStore());
    ASSERT_EQ(store.status(), absl::OkStatus());
    for (uint64_t n = 1; n <= writes; ++n) {
      const PatternWrite write = MakeWrite(1, n, kBytes);
      ASSERT_EQ((*store)->Write({&write.batch}, Durability::kSynced), absl::OkStatus());
      if (n == writes / 2) {
        ASSERT_EQ((*store)->Flush(), absl::OkStatus());
      }
    }
  }

  // Refused twice with the same code: an opening must not hide what it found.
  std::string ExpectRefused(absl::StatusCode code) {
    const absl::Status first = TryOpen(path());
    EXPECT_EQ(first.code(), code) << first;
    EXPECT_EQ(TryOpen(path()).code(), code) << "the second opening believed it";
    return Message(first);
  }

 private:
  TemporaryDirectory directory_;
};

TEST_F(RocksDbOpen, MakesMissingDirectories) {
  const std::string nested = path() + "/a/b";
  EXPECT_EQ(TryOpen(nested), absl::OkStatus());
  EXPECT_TRUE(fs::exists(nested + "/CURRENT"));
}

TEST_F(RocksDbOpen, TakesAnEmptyDirectoryAndAFreshFileSystem) {
  fs::create_directory(path() + "/lost+found");
  EXPECT_EQ(TryOpen(path()), absl::OkStatus());
}

TEST_F(RocksDbOpen, OpensAgainWhatItWrote) {
  MakeStore();
  auto store = RocksDbSegmentStore::Open(path(), SmallStore());
  ASSERT_EQ(store.status(), absl::OkStatus());
  const auto all = ReadAll(**store, PatternUniverse());
  ASSERT_EQ(all.status(), absl::OkStatus());
  EXPECT_EQ(*all, ModelAfter(1, 200, kBytes));
}

TEST_F(RocksDbOpen, RefusesADirectoryInUse) {
  auto store = RocksDbSegmentStore::Open(path(), SmallStore());
  ASSERT_EQ(store.status(), absl::OkStatus());
  const absl::Status second = TryOpen(path());
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_THAT(Message(second),
              AllOf(HasSubstr("in use"), HasSubstr(absl::StrCat("process ", getpid()))));
  const StoreBatch batch{{PutMeta{"k", "v"}}};  // the first one was not disturbed
  EXPECT_EQ((*store)->Write({&batch}, Durability::kSynced), absl::OkStatus());
  store->reset();
  EXPECT_EQ(TryOpen(path()), absl::OkStatus());
}

TEST_F(RocksDbOpen, RefusesADirectoryThatRocksDbItselfHasOpen) {
  MakeStore();
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : {"default", "log", "pages", "meta"}) families.push_back({name, {}});
  ASSERT_TRUE(rocksdb::DB::Open({}, path(), families, &handles, &db).ok());
  const absl::Status second = TryOpen(path());
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_THAT(Message(second), HasSubstr("another process uses it"));
  for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  delete db;
}

TEST_F(RocksDbOpen, RefusesAFile) {
  const std::string file = path() + "/file";
  std::ofstream(file) << "x";
  EXPECT_TRUE(absl::IsFailedPrecondition(TryOpen(file))) << TryOpen(file);
  EXPECT_TRUE(absl::IsFailedPrecondition(TryOpen(file + "/below"))) << TryOpen(file + "/below");
}

TEST_F(RocksDbOpen, RefusesADirectoryWithSomethingElseInItAndLeavesItAlone) {
  std::ofstream(path() + "/letter.txt") << "dear";
  const std::string message = ExpectRefused(absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(message, AllOf(HasSubstr("letter.txt"), HasSubstr("empty directory")));
  EXPECT_EQ(std::distance(fs::directory_iterator(path()), fs::directory_iterator()), 1);
}

TEST_F(RocksDbOpen, RefusesSomebodyElsesDatabase) {
  rocksdb::DB* db = nullptr;
  rocksdb::Options options;
  options.create_if_missing = true;
  ASSERT_TRUE(rocksdb::DB::Open(options, path(), &db).ok());
  delete db;
  ExpectRefused(absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(fs::exists(path() + "/HEXAD"));
}

// Root may do everything, so the attempt is made by an ordinary user in a child process.
TEST_F(RocksDbOpen, SaysSoWhenPermissionsAreMissing) {
  MakeStore();
  const auto code_for = [&](const std::string& what, mode_t mode) {
    EXPECT_EQ(chmod(what.c_str(), mode), 0);
    const pid_t child = fork();  // no store is open here, so no thread of it is lost in the child
    if (child == 0) {
      if (getuid() == 0 && setuid(65534) != 0) _exit(99);
      _exit(static_cast<int>(TryOpen(path()).code()));
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(chmod(what.c_str(), 0777), 0);
    return WIFEXITED(status) ? static_cast<absl::StatusCode>(WEXITSTATUS(status))
                             : absl::StatusCode::kUnknown;
  };
  for (const auto& entry : fs::directory_iterator(path())) fs::permissions(entry, fs::perms::all);
  EXPECT_EQ(code_for(path(), 0), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code_for(path(), 0555), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code_for(path() + "/HEXAD", 0444), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code_for(path() + "/CURRENT", 0), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code_for(FilesEnding(path(), ".sst").front(), 0),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(TryOpen(path()), absl::OkStatus());  // and none of it did any harm
}

// ---- damage -------------------------------------------------------------------------------------

TEST_F(RocksDbOpen, MissesALostCurrentFile) {
  MakeStore();
  fs::remove(path() + "/CURRENT");
  EXPECT_THAT(ExpectRefused(absl::StatusCode::kDataLoss), HasSubstr("CURRENT"));
  EXPECT_FALSE(FilesEnding(path(), ".sst").empty());  // nothing was cleaned up meanwhile
}

TEST_F(RocksDbOpen, MissesAnEmptiedCurrentFile) {
  MakeStore();
  fs::resize_file(path() + "/CURRENT", 0);
  EXPECT_THAT(ExpectRefused(absl::StatusCode::kDataLoss), HasSubstr("peers will fill it"));
}

TEST_F(RocksDbOpen, MissesALostOrCutManifest) {
  MakeStore();
  const fs::path manifest = [&] {
    for (const auto& entry : fs::directory_iterator(path())) {
      if (entry.path().filename().string().starts_with("MANIFEST")) return entry.path();
    }
    return fs::path();
  }();
  const auto size = fs::file_size(manifest);
  fs::copy(path(), path() + "-copy");
  fs::resize_file(manifest, size / 3);
  ExpectRefused(absl::StatusCode::kDataLoss);
  fs::remove(manifest);
  ExpectRefused(absl::StatusCode::kDataLoss);
  fs::remove_all(path() + "-copy");
}

TEST_F(RocksDbOpen, MissesALostOrCutTable) {
  MakeStore();
  const fs::path table = FilesEnding(path(), ".sst").front();
  fs::resize_file(table, fs::file_size(table) - 1);
  EXPECT_THAT(ExpectRefused(absl::StatusCode::kDataLoss), HasSubstr("peers will fill it"));
  fs::remove(table);
  EXPECT_THAT(ExpectRefused(absl::StatusCode::kDataLoss), HasSubstr("peers will fill it"));
}

TEST_F(RocksDbOpen, DistrustsADamagedWitness) {
  MakeStore();
  FlipBit(path() + "/HEXAD", 20);
  EXPECT_THAT(ExpectRefused(absl::StatusCode::kDataLoss), HasSubstr("HEXAD is damaged"));
  fs::resize_file(path() + "/HEXAD", 0);
  ExpectRefused(absl::StatusCode::kDataLoss);
}

TEST_F(RocksDbOpen, AFirstOpeningThatDidNotGetFarIsRepeated) {
  std::ofstream(path() + "/HEXAD").flush();  // the file was made, then the power went
  EXPECT_EQ(TryOpen(path()), absl::OkStatus());
}

TEST_F(RocksDbOpen, AnUnknownVersionIsRefusedNotGuessed) {
  MakeStore(1);
  std::fstream file(path() + "/HEXAD", std::ios::in | std::ios::out | std::ios::binary);
  std::string sector(512, '\0');
  file.read(sector.data(), 512);
  StoreLe(&sector[8], uint32_t{2});
  StoreLe(&sector[504], Checksum(std::string_view(sector).substr(0, 504)));
  file.seekp(0);
  file.write(sector.data(), 512);
  file.close();
  EXPECT_THAT(ExpectRefused(absl::StatusCode::kFailedPrecondition), HasSubstr("version 2"));
}

}  // namespace
}  // namespace hexad::storage_node
