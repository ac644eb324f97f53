// Damage to the files of a RocksDbSegmentStore: what is found, when, and that nothing damaged is
// ever returned as data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "quorum/base/prng.h"
#include "rocksdb/db.h"
#include "storage-node/io/store_format.h"
#include "tests/contract/store_pattern.h"
#include "tests/contract/tested_store.h"

namespace hexad::storage_node {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uint64_t kSeed = 5;
constexpr size_t kBytes = 1500;
constexpr PgId kPg{1};
constexpr TimelineId kTimeline{1};
constexpr PageNo kPage{0};

class RocksDbDamage : public testing::Test {
 protected:
  const std::string& path() const { return directory_.path(); }

  void Open(StoreOptions options = SmallStore()) {
    auto opened = RocksDbSegmentStore::Open(path(), options);
    ASSERT_EQ(opened.status(), absl::OkStatus());
    store_ = *std::move(opened);
  }
  void Close() { store_.reset(); }
  absl::Status TryOpen() { return RocksDbSegmentStore::Open(path(), SmallStore()).status(); }

  // Writes first..last of the pattern, all of one durability.
  void WritePattern(uint64_t first, uint64_t last, Durability durability = Durability::kSynced) {
    for (uint64_t n = first; n <= last; ++n) {
      const StoreBatch batch = MakeWrite(kSeed, n, kBytes).batch;
      ASSERT_EQ(store_->Write({&batch}, durability), absl::OkStatus());
    }
  }
  absl::Status Write(std::vector<StoreOp> ops) {
    const StoreBatch batch{std::move(ops)};
    return store_->Write({&batch}, Durability::kSynced);
  }

  // The newest log: the one that is written to.
  fs::path NewestLog() const { return FilesEnding(path(), ".log").back(); }

  // Opens the store and tells which n it reached; the contents must be the model's after n writes.
  uint64_t ReachedAfterOpening() {
    Open();
    if (store_ == nullptr) return UINT64_MAX;
    const auto all = ReadAll(*store_, PatternUniverse());
    EXPECT_EQ(all.status(), absl::OkStatus());
    const uint64_t reached = ProgressOf(*all);
    EXPECT_EQ(*all, ModelAfter(kSeed, reached, kBytes));
    return reached;
  }

  // The witness as it was some time before, as after a power cut.
  std::string ReadWitness() const {
    std::ifstream file(path() + "/HEXAD", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void RestoreWitness(const std::string& bytes) const {
    std::ofstream(path() + "/HEXAD", std::ios::binary) << bytes;
  }

  std::unique_ptr<RocksDbSegmentStore> store_;

 private:
  TemporaryDirectory directory_;
};

// ---- the newest log -----------------------------------------------------------------------------

TEST_F(RocksDbDamage, AnyCutIntoTheSyncedLogIsFound) {
  Open();
  WritePattern(1, 40);
  Close();
  const fs::path log = NewestLog();
  const auto size = fs::file_size(log);
  TemporaryDirectory copies;
  for (int i = 0; i < 30; ++i) {
    const std::string copy = copies.path() + "/" + std::to_string(i);
    fs::copy(path(), copy);
    fs::resize_file(copy + "/" + log.filename().string(), size * i / 30);
    const auto opened = RocksDbSegmentStore::Open(copy, SmallStore());
    EXPECT_TRUE(absl::IsDataLoss(opened.status())) << i << ": " << opened.status();
    EXPECT_THAT(std::string(opened.status().message()), HasSubstr("lost synced writes"));
    const auto again = RocksDbSegmentStore::Open(copy, SmallStore());
    EXPECT_TRUE(absl::IsDataLoss(again.status())) << i << ": the second opening believed it";
  }
}

TEST_F(RocksDbDamage, ABitFlippedAnywhereInTheSyncedLogIsFound) {
  Open();
  WritePattern(1, 40);
  Close();
  const fs::path log = NewestLog();
  const auto size = static_cast<int64_t>(fs::file_size(log));
  TemporaryDirectory copies;
  for (int i = 0; i < 30; ++i) {
    const std::string copy = copies.path() + "/" + std::to_string(i);
    fs::copy(path(), copy);
    FlipBit(copy + "/" + log.filename().string(), size * i / 30 + 1);
    const auto opened = RocksDbSegmentStore::Open(copy, SmallStore());
    EXPECT_TRUE(absl::IsDataLoss(opened.status())) << i << ": " << opened.status();
  }
}

TEST_F(RocksDbDamage, ALostLogIsFound) {
  Open();
  WritePattern(1, 10);
  Close();
  fs::remove(NewestLog());
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

TEST_F(RocksDbDamage, ATornUnsyncedTailIsCutOffAtAWholeWrite) {
  for (int i = 0; i < 20; ++i) {
    TemporaryDirectory fresh;
    auto store = RocksDbSegmentStore::Open(fresh.path(), SmallStore());
    ASSERT_EQ(store.status(), absl::OkStatus());
    for (uint64_t n = 1; n <= 30; ++n) {
      const StoreBatch batch = MakeWrite(kSeed, n, kBytes).batch;
      const auto durability = n <= 10 ? Durability::kSynced : Durability::kOrdered;
      ASSERT_EQ((*store)->Write({&batch}, durability), absl::OkStatus());
    }
    store->reset();
    const fs::path log = FilesEnding(fresh.path(), ".log").back();
    const auto size = fs::file_size(log);
    fs::resize_file(log, size - size * i / 40);  // up to half of it: 10 writes are a third
    auto again = RocksDbSegmentStore::Open(fresh.path(), SmallStore());
    ASSERT_EQ(again.status(), absl::OkStatus()) << i;
    const auto all = ReadAll(**again, PatternUniverse());
    ASSERT_EQ(all.status(), absl::OkStatus());
    EXPECT_GE(ProgressOf(*all), 10u);
    EXPECT_EQ(*all, ModelAfter(kSeed, ProgressOf(*all), kBytes)) << "cut " << i;
  }
}

// A file system may write a later block of the unsynced tail and not an earlier one. RocksDB skips
// a zeroed block if a record begins with it and another one begins behind it; WalOrder must not let
// it.
TEST_F(RocksDbDamage, AHoleInTheUnsyncedTailEndsTheReplay) {
  constexpr size_t kBlock = 32 * 1024;
  Open(StoreOptions{});  // with memory enough that all of it stays in one log
  uint64_t lsn = 0;
  const auto put = [&](size_t bytes) {
    ++lsn;
    const StoreBatch batch{
        {PutBoxcar{kPg, kTimeline, Lsn(lsn), BytesRef::Own(std::string(bytes, 'x'))}}};
    ASSERT_EQ(store_->Write({&batch}, Durability::kOrdered), absl::OkStatus());
  };
  const auto size = [&] { return fs::file_size(NewestLog()); };
  // A record of `bytes` costs `bytes` plus this much, for values of 128 B to 16 KiB.
  const auto before = size();
  put(1000);
  const size_t overhead = size() - before - 1000;
  const auto fill_block = [&] {
    const size_t rest = kBlock - size() % kBlock;
    if (rest > 16'000) put(rest - 15'000);
    put(kBlock - size() % kBlock - overhead);
    ASSERT_EQ(size() % kBlock, 0u);
  };
  fill_block();
  const uint64_t last_before_hole = lsn;
  const auto hole = static_cast<int64_t>(size());
  fill_block();
  put(1000);
  Close();
  std::fstream file(NewestLog(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(hole);
  file << std::string(kBlock, '\0');
  file.close();
  Open();
  EXPECT_EQ(*store_->FloorBoxcar(kPg, kTimeline, Lsn::Max()), Lsn(last_before_hole));
}

// What the witness cannot know (store_witness.h): it was last written back before the lost writes.
TEST_F(RocksDbDamage, WithAnOldWitnessACutBehindItPassesAndACutBeforeItIsFound) {
  Open();
  WritePattern(1, 10);
  const std::string old_witness = ReadWitness();
  const auto size_then = fs::file_size(NewestLog());
  WritePattern(11, 20);
  Close();
  RestoreWitness(old_witness);
  fs::resize_file(NewestLog(), size_then + 100);
  EXPECT_EQ(ReachedAfterOpening(), 10u);
  Close();

  RestoreWitness(old_witness);
  Open();
  WritePattern(11, 12);
  Close();
  fs::resize_file(NewestLog(), 10);
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

// ---- MANIFEST -----------------------------------------------------------------------------------

TEST_F(RocksDbDamage, AnyCutIntoTheManifestIsFound) {
  Open();
  for (uint64_t n = 0; n < 5; ++n) {
    WritePattern(n * 20 + 1, n * 20 + 20);
    ASSERT_EQ(store_->Flush(), absl::OkStatus());
  }
  Close();
  fs::path manifest;
  for (const auto& file : fs::directory_iterator(path())) {
    if (file.path().filename().string().starts_with("MANIFEST")) manifest = file.path();
  }
  const auto size = fs::file_size(manifest);
  TemporaryDirectory copies;
  for (int i = 0; i < 30; ++i) {
    const std::string copy = copies.path() + "/" + std::to_string(i);
    fs::copy(path(), copy);
    fs::resize_file(copy + "/" + manifest.filename().string(), size * i / 30);
    for (int attempt = 0; attempt < 2; ++attempt) {
      const auto opened = RocksDbSegmentStore::Open(copy, SmallStore());
      EXPECT_TRUE(absl::IsDataLoss(opened.status())) << i << ": " << opened.status();
    }
    fs::remove_all(copy);
    fs::copy(path(), copy);
    FlipBit(copy + "/" + manifest.filename().string(), static_cast<int64_t>(size * i / 30));
    const auto opened = RocksDbSegmentStore::Open(copy, SmallStore());
    EXPECT_TRUE(absl::IsDataLoss(opened.status())) << i << ": " << opened.status();
  }
}

// ---- tables -------------------------------------------------------------------------------------

// Many boxcars in one table, then a bit of it flips: all others are handed out, none is invented,
// and the loss is reported.
TEST_F(RocksDbDamage, AScanGoesOnBehindADamagedBlock) {
  for (uint64_t round = 0; round < 12; ++round) {
    TemporaryDirectory fresh;
    auto store = RocksDbSegmentStore::Open(fresh.path(), SmallStore());
    ASSERT_EQ(store.status(), absl::OkStatus());
    StoreBatch batch;
    for (uint64_t i = 1; i <= 300; ++i) {
      batch.ops.push_back(PutBoxcar{kPg, kTimeline, Lsn(i * 1000),
                                    BytesRef::Own(std::string(1000, char('a' + i % 26)))});
    }
    ASSERT_EQ((*store)->Write({&batch}, Durability::kSynced), absl::OkStatus());
    ASSERT_EQ((*store)->Flush(), absl::OkStatus());
    store->reset();
    const fs::path table = FilesEnding(fresh.path(), ".sst").back();
    FlipBit(table, static_cast<int64_t>(round * 25'000));  // within the 300 KB of data
    auto again = RocksDbSegmentStore::Open(fresh.path(), SmallStore());
    ASSERT_EQ(again.status(), absl::OkStatus());
    size_t seen = 0;
    Lsn last;
    const auto status =
        (*again)->ScanLog(kPg, kTimeline, Lsn::None(), [&](Lsn lsn, BytesRef bytes) {
          EXPECT_GT(lsn, last);
          EXPECT_EQ(bytes.view(), std::string(1000, char('a' + lsn.value() / 1000 % 26)));
          last = lsn;
          ++seen;
          return true;
        });
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_LT(seen, 300u);
    EXPECT_GE(seen, 300u - 40u);  // a block holds 32 KiB
    const bool at_end = last < Lsn(300'000);
    EXPECT_EQ(at_end, absl::IsDataLoss((*again)->FloorBoxcar(kPg, kTimeline, Lsn::Max()).status()));
  }
}

TEST_F(RocksDbDamage, ADamagedTableGivesNoPagesAndNoMeta) {
  Open();
  std::vector<StoreOp> ops;
  for (uint32_t page = 0; page < 200; ++page) {
    ops.push_back(PutVersion{kPg, PageNo(page), kTimeline, Lsn(1), VersionKind::kImage,
                             std::string(4096, char(page))});
  }
  ASSERT_EQ(Write(std::move(ops)), absl::OkStatus());
  ASSERT_EQ(store_->Flush(), absl::OkStatus());
  Close();
  for (const fs::path& table : FilesEnding(path(), ".sst")) {
    // The data blocks alone: a damaged index is found by Open.
    const auto data_bytes = std::min<int64_t>(200 * 4096, int64_t(fs::file_size(table)) - 2000);
    for (int64_t at = 100; at < data_bytes; at += 39'997) FlipBit(table, at);
  }
  Open();
  int lost = 0;
  std::vector<PageNo> pages;
  for (uint32_t page = 0; page < 200; ++page) pages.push_back(PageNo(page));
  const auto at_once = store_->ReadVersions(kPg, pages, {{kTimeline, Lsn(1), Lsn(1)}});
  for (uint32_t page = 0; page < 200; ++page) {
    const auto read = store_->ReadVersions(kPg, PageNo(page), {{kTimeline, Lsn(1), Lsn(1)}});
    EXPECT_EQ(at_once[page].status(), read.status());
    if (read.ok()) {
      EXPECT_EQ(read->size(), 1u);
      EXPECT_EQ((*read)[0].bytes.view(), std::string(4096, char(page)));
    } else {
      EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
      EXPECT_THAT(std::string(read.status().message()), HasSubstr("of PG 1"));
      ++lost;
    }
  }
  EXPECT_GT(lost, 0);
  EXPECT_LT(lost, 200);
}

// ---- values -------------------------------------------------------------------------------------

// Values that RocksDB itself believes: damaged before it checksummed them, or put in a wrong place.
class RocksDbValues : public RocksDbDamage {
 protected:
  void PutRaw(const char* family, const std::string& key, const std::string& value) {
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const char* name : {"default", "log", "pages", "meta"}) families.push_back({name, {}});
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, path(), families, &handles, &db).ok());
    for (auto* handle : handles) {
      if (handle->GetName() != family) continue;
      ASSERT_TRUE(db->Put({}, handle, key, value).ok());
    }
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    delete db;
  }
};

TEST_F(RocksDbValues, AVersionIsBelievedOnlyWhole_AndOnlyInItsPlace) {
  Open();
  ASSERT_EQ(Write({PutVersion{kPg, kPage, kTimeline, Lsn(5), VersionKind::kImage, "page"}}),
            absl::OkStatus());
  Close();
  const std::string key = VersionKey(kPg, kPage, kTimeline, Lsn(9));
  const std::string sealed = SealVersion(key, VersionKind::kRun, "run");
  const auto read = [&] {
    Open();
    const auto versions = store_->ReadVersions(kPg, kPage, {{kTimeline, Lsn::First(), Lsn::Max()}});
    Close();
    return versions;
  };
  PutRaw("pages", key, sealed);
  ASSERT_EQ(read()->size(), 2u);
  for (size_t at = 0; at < sealed.size(); ++at) {
    std::string damaged = sealed;
    damaged[at] ^= 1;
    PutRaw("pages", key, damaged);
    EXPECT_TRUE(absl::IsDataLoss(read().status())) << "byte " << at;
  }
  for (size_t size : {size_t{0}, size_t{7}, size_t{8}, sealed.size() - 1}) {
    PutRaw("pages", key, sealed.substr(0, size));
    EXPECT_TRUE(absl::IsDataLoss(read().status())) << "cut to " << size;
  }
  // A misdirected write: whole, but sealed for another page, timeline or LSN.
  for (const std::string& other :
       {VersionKey(kPg, PageNo(1), kTimeline, Lsn(9)),
        VersionKey(kPg, kPage, TimelineId(2), Lsn(9)), VersionKey(kPg, kPage, kTimeline, Lsn(8)),
        VersionKey(PgId(2), kPage, kTimeline, Lsn(9))}) {
    PutRaw("pages", key, SealVersion(other, VersionKind::kRun, "run"));
    EXPECT_TRUE(absl::IsDataLoss(read().status()));
  }
}

TEST_F(RocksDbValues, MetaIsBelievedOnlyWholeAndOnlyInItsPlace) {
  Open();
  Close();
  const auto scan = [&] {
    Open();
    const auto status = store_->ScanMeta("promise", [](auto, auto) {});
    Close();
    return status;
  };
  PutRaw("meta", "promise", SealMeta("promise", "epoch 4"));
  EXPECT_EQ(scan(), absl::OkStatus());
  PutRaw("meta", "promise", SealMeta("promisf", "epoch 4"));
  EXPECT_TRUE(absl::IsDataLoss(scan()));
  PutRaw("meta", "promise", "epoch 4");
  EXPECT_TRUE(absl::IsDataLoss(scan()));
}

TEST_F(RocksDbValues, KeysOfForeignLengthAreDamageNotACrash) {
  Open();
  Close();
  PutRaw("log", LogKey(kPg, kTimeline, Lsn(1)) + "x", "?");
  PutRaw("pages", VersionKey(kPg, kPage, kTimeline, Lsn(5)) + "x", "?");
  Open();
  const auto visit = [](Lsn, BytesRef) { return true; };
  EXPECT_TRUE(absl::IsDataLoss(store_->ScanLog(kPg, kTimeline, Lsn::None(), visit)));
  EXPECT_TRUE(absl::IsDataLoss(store_->FloorBoxcar(kPg, kTimeline, Lsn::Max()).status()));
  EXPECT_TRUE(absl::IsDataLoss(
      store_->ReadVersions(kPg, kPage, {{kTimeline, Lsn::First(), Lsn::Max()}}).status()));
}

}  // namespace
}  // namespace hexad::storage_node
