// RocksDbSegmentStore against the contract. Damage, crashes and failing disks have files of their
// own.
#include "storage-node/io/rocksdb_segment_store.h"

#include "tests/contract/segment_store_contract.h"
#include "tests/contract/segment_store_property.h"
#include "tests/contract/tested_store.h"

namespace hexad::storage_node {
namespace {

class RocksDbFixture : public StoreFixture {
 public:
  RocksDbFixture() { EXPECT_EQ(Reopen(), absl::OkStatus()); }
  SegmentStore& store() override { return *store_; }
  absl::Status Reopen() override {
    store_.reset();
    auto opened = RocksDbSegmentStore::Open(directory_.path(), SmallStore());
    if (!opened.ok()) return opened.status();
    store_ = *std::move(opened);
    return absl::OkStatus();
  }
  absl::Status Settle() override { return store_->Flush(); }
  bool CutPower() override { return false; }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<RocksDbSegmentStore> store_;
};

std::unique_ptr<StoreFixture> MakeRocksDb() { return std::make_unique<RocksDbFixture>(); }

INSTANTIATE_TEST_SUITE_P(RocksDb, SegmentStoreContract, testing::Values(&MakeRocksDb));

}  // namespace
}  // namespace hexad::storage_node
