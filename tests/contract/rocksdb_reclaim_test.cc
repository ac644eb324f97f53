// Dropped log gives its files back at once, and nothing that was dropped comes back with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/contract/directory_watch.h"
#include "tests/contract/fault_file_system.h"
#include "tests/contract/tested_store.h"

namespace hexad::storage_node {
namespace {

constexpr PgId kPg{7};
constexpr TimelineId kMain{1};
constexpr size_t kBoxcarBytes = 64 << 10;
constexpr uint64_t kBoxcars = 1600;  // 100 MiB: more than one level
constexpr uint64_t kMiB = 1 << 20;

class RocksDbReclaim : public testing::Test {
 protected:
  void Open(uint64_t reclaim_bytes) {
    store_.reset();
    StoreOptions options = SmallStore();
    options.memory_bytes = 64 * kMiB;  // some 170 boxcars in a file
    options.reclaim_bytes = reclaim_bytes;
    options.file_system = faults_;
    auto opened = RocksDbSegmentStore::Open(directory_.path(), options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

  void Write(std::vector<StoreOp> ops) {
    const StoreBatch batch{std::move(ops)};
    ASSERT_EQ(store_->Write({&batch}, Durability::kOrdered), absl::OkStatus());
  }
  void Put(uint64_t lsn) {
    Write({PutBoxcar{kPg, kMain, Lsn(lsn), BytesRef::Own(std::string(kBoxcarBytes, 'b'))}});
  }
  void Drop(uint64_t below) { Write({DropLog{kPg, kMain, Lsn(below)}}); }
  void Fill() {
    for (uint64_t lsn = 1; lsn <= kBoxcars; ++lsn) Put(lsn);
    ASSERT_EQ(store_->Compact(), absl::OkStatus());
  }

  std::vector<uint64_t> Log() {
    std::vector<uint64_t> lsns;
    const auto status = store_->ScanLog(kPg, kMain, Lsn::None(), [&](Lsn lsn, const BytesRef&) {
      lsns.push_back(lsn.value());
      return true;
    });
    EXPECT_EQ(status, absl::OkStatus());
    return lsns;
  }
  size_t Tables() { return FilesEnding(directory_.path(), ".sst").size(); }

  TemporaryDirectory directory_;
  std::shared_ptr<FaultFileSystem> faults_ = std::make_shared<FaultFileSystem>();
  std::unique_ptr<RocksDbSegmentStore> store_;
};

std::vector<uint64_t> From(uint64_t lsn) {
  std::vector<uint64_t> lsns;
  for (; lsn <= kBoxcars; ++lsn) lsns.push_back(lsn);
  return lsns;
}

TEST_F(RocksDbReclaim, TheFilesOfDroppedLogAreGoneWhenTheDropReturns) {
  Open(kMiB);
  Fill();
  ASSERT_GE(store_->ApproximateBytes(kPg, kMain), 100 * kMiB);
  Drop(kBoxcars - 50);
  EXPECT_LT(store_->ApproximateBytes(kPg, kMain), 20 * kMiB);  // the file that it ends in
  EXPECT_LT(store_->ApproximateBytes(), 25 * kMiB);
  EXPECT_EQ(Log(), From(kBoxcars - 50));
  Open(kMiB);
  EXPECT_EQ(Log(), From(kBoxcars - 50));
}

// A power cut would take the drop, and the page versions before it, but not bring the files back.
TEST_F(RocksDbReclaim, FilesGoOnlyOnceTheDropIsDurable) {
  Open(kMiB);
  Fill();
  const size_t tables = Tables();
  faults_->Arm(Fault::kSyncFails, ".log");
  const StoreBatch drop{{DropLog{kPg, kMain, Lsn(kBoxcars - 50)}}};
  EXPECT_FALSE(store_->Write({&drop}, Durability::kOrdered).ok());
  EXPECT_EQ(faults_->strikes(), 1);
  EXPECT_EQ(Tables(), tables);
}

TEST_F(RocksDbReclaim, LittleDroppedLogIsLeftToCompaction) {
  Open(8 * kMiB);
  Fill();
  const size_t tables = Tables();
  Drop(100);  // 6 MiB
  EXPECT_EQ(Tables(), tables);
  EXPECT_EQ(Log(), From(100));
}

// The tombstone of an earlier drop comes to lie alone in a file above boxcars that it hides. When
// that file is deleted, and one of those boxcars' is not, they must stay hidden.
TEST_F(RocksDbReclaim, WhatAnEarlierDropHidesStaysHidden) {
  Open(422 * kBoxcarBytes);
  Fill();
  Drop(420);  // too little for its files
  const size_t tables = Tables();
  DirectoryWatch watch(directory_.path());
  for (int i = 0; i < 4; ++i) {  // so many flushes start a compaction into the level below
    Put(421);
    ASSERT_EQ(store_->Flush(), absl::OkStatus());
  }
  while (Tables() > tables + 1) ASSERT_TRUE(watch.AwaitChanges(1));
  ASSERT_EQ(Log(), From(420));
  Drop(424);
  EXPECT_EQ(Log(), From(424));
  EXPECT_LT(Tables(), tables);
  Open(422 * kBoxcarBytes);
  EXPECT_EQ(Log(), From(424));
}

}  // namespace
}  // namespace hexad::storage_node
