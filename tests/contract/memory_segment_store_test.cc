// MemorySegmentStore against the contract, and the faults that only it can be given.
#include "storage-node/io/memory_segment_store.h"

#include "tests/contract/segment_store_contract.h"
#include "tests/contract/segment_store_property.h"

namespace hexad::storage_node {
namespace {

using testing::HasSubstr;

class MemoryFixture : public StoreFixture {
 public:
  explicit MemoryFixture(uint64_t survivors_seed) : store_({survivors_seed}) {}
  SegmentStore& store() override { return store_; }
  absl::Status Reopen() override { return store_.Restart(); }
  absl::Status Settle() override { return absl::OkStatus(); }
  bool CutPower() override {
    store_.CutPower();
    return true;
  }

 private:
  MemorySegmentStore store_;
};

std::unique_ptr<StoreFixture> WithoutSurvivors() { return std::make_unique<MemoryFixture>(0); }
std::unique_ptr<StoreFixture> WithSurvivors() { return std::make_unique<MemoryFixture>(17); }

INSTANTIATE_TEST_SUITE_P(NothingUnsyncedSurvives, SegmentStoreContract,
                         testing::Values(&WithoutSurvivors));
INSTANTIATE_TEST_SUITE_P(APrefixSurvives, SegmentStoreContract, testing::Values(&WithSurvivors));

constexpr PgId kPg{1};
constexpr TimelineId kTimeline{1};
constexpr PageNo kPage{0};

StoreBatch Boxcar(uint64_t lsn) {
  return {{PutBoxcar{kPg, kTimeline, Lsn(lsn), BytesRef::Own("boxcar")}}};
}

std::vector<uint64_t> Lsns(const MemorySegmentStore& store) {
  std::vector<uint64_t> lsns;
  EXPECT_EQ(store.ScanLog(kPg, kTimeline, Lsn::None(),
                          [&](Lsn lsn, BytesRef) {
                            lsns.push_back(lsn.value());
                            return true;
                          }),
            absl::OkStatus());
  return lsns;
}

absl::Status Write(MemorySegmentStore& store, const StoreBatch& batch, Durability durability) {
  return store.Write({&batch}, durability);
}

TEST(MemorySegmentStore, WithoutSurvivorsAPowerCutGoesBackToTheLastSync) {
  MemorySegmentStore store;
  ASSERT_TRUE(Write(store, Boxcar(1), Durability::kSynced).ok());
  ASSERT_TRUE(Write(store, Boxcar(2), Durability::kOrdered).ok());
  store.CutPower();
  EXPECT_EQ(Lsns(store), std::vector<uint64_t>({1}));
}

TEST(MemorySegmentStore, SurvivorsAreAPrefixAndEveryLengthHappens) {
  std::set<size_t> lengths;
  for (uint64_t seed = 1; seed <= 64; ++seed) {
    MemorySegmentStore store({seed});
    for (uint64_t n = 1; n <= 3; ++n) {
      ASSERT_TRUE(Write(store, Boxcar(n), Durability::kOrdered).ok());
    }
    store.CutPower();
    const auto left = Lsns(store);
    for (size_t i = 0; i < left.size(); ++i) EXPECT_EQ(left[i], i + 1);
    lengths.insert(left.size());
  }
  EXPECT_EQ(lengths, std::set<size_t>({0, 1, 2, 3}));
}

TEST(MemorySegmentStore, EqualSeedsSurviveAlike) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    MemorySegmentStore a({seed}), b({seed});
    for (uint64_t n = 1; n <= 50; ++n) {
      ASSERT_TRUE(Write(a, Boxcar(n), Durability::kOrdered).ok());
      ASSERT_TRUE(Write(b, Boxcar(n), Durability::kOrdered).ok());
      if (n % 10 == 0) a.CutPower(), b.CutPower();
    }
    EXPECT_EQ(Lsns(a), Lsns(b));
  }
}

TEST(MemorySegmentStore, AFailedWriteStopsTheStoreForGood) {
  for (const bool stored : {false, true}) {
    MemorySegmentStore store;
    ASSERT_TRUE(Write(store, Boxcar(1), Durability::kSynced).ok());
    store.FailNextWrite(stored);
    EXPECT_TRUE(absl::IsInternal(Write(store, Boxcar(2), Durability::kSynced)));
    EXPECT_TRUE(absl::IsInternal(Write(store, Boxcar(3), Durability::kSynced)));
    store.CutPower();
    EXPECT_TRUE(absl::IsInternal(Write(store, Boxcar(4), Durability::kSynced)));
    EXPECT_TRUE(absl::IsDataLoss(store.Restart()));
    EXPECT_EQ(Lsns(store), stored ? std::vector<uint64_t>({1, 2}) : std::vector<uint64_t>({1}));
  }
}

TEST(MemorySegmentStore, AFullDiskTakesPromisesAndDropsAndRecovers) {
  MemorySegmentStore store;
  ASSERT_TRUE(Write(store, Boxcar(1), Durability::kSynced).ok());
  store.SetFull(true);
  const StoreBatch mixed{{PutMeta{"k", "1"}, Boxcar(2).ops[0]}};
  EXPECT_TRUE(absl::IsResourceExhausted(Write(store, mixed, Durability::kSynced)));
  const StoreBatch promise{{PutMeta{"promise", "1"}, DropLog{kPg, kTimeline, Lsn(2)}}};
  EXPECT_TRUE(Write(store, promise, Durability::kSynced).ok());
  EXPECT_EQ(Lsns(store), std::vector<uint64_t>());
  std::vector<std::string> keys;  // nothing of the refused batch was stored
  ASSERT_TRUE(store.ScanMeta("", [&](auto key, auto) { keys.emplace_back(key); }).ok());
  EXPECT_EQ(keys, std::vector<std::string>({"promise"}));
  store.SetFull(false);
  EXPECT_TRUE(Write(store, mixed, Durability::kSynced).ok());
  EXPECT_EQ(Lsns(store), std::vector<uint64_t>({2}));
}

TEST(MemorySegmentStore, RottenBoxcarsAreHandedOutAndLostOnesReported) {
  MemorySegmentStore store;
  for (uint64_t n = 1; n <= 3; ++n) ASSERT_TRUE(Write(store, Boxcar(n), Durability::kSynced).ok());
  EXPECT_FALSE(store.CorruptBoxcar(kPg, kTimeline, Lsn(9)));
  ASSERT_TRUE(store.CorruptBoxcar(kPg, kTimeline, Lsn(1)));
  ASSERT_TRUE(store.LoseBoxcar(kPg, kTimeline, Lsn(2)));
  store.CutPower();  // the damage is on the disk
  std::vector<std::string> seen;
  const auto status = store.ScanLog(kPg, kTimeline, Lsn::None(), [&](Lsn lsn, BytesRef bytes) {
    seen.push_back(absl::StrCat(lsn.value(), bytes.view() == "boxcar" ? " whole" : " rotten"));
    return true;
  });
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(seen, std::vector<std::string>({"1 rotten", "3 whole"}));
  ASSERT_TRUE(Write(store, Boxcar(2), Durability::kSynced).ok());  // refilled from a peer
  ASSERT_TRUE(Write(store, Boxcar(1), Durability::kSynced).ok());
  EXPECT_EQ(Lsns(store), std::vector<uint64_t>({1, 2, 3}));
}

TEST(MemorySegmentStore, DamagedVersionsAndMetaAreNeverReturned) {
  MemorySegmentStore store;
  const auto version = [](uint64_t lsn, VersionKind kind) {
    return PutVersion{kPg, kPage, kTimeline, Lsn(lsn), kind, "bytes"};
  };
  const StoreBatch batch{{version(1, VersionKind::kImage), version(2, VersionKind::kImage),
                          version(3, VersionKind::kRun), PutMeta{"k", "v"}}};
  ASSERT_TRUE(Write(store, batch, Durability::kSynced).ok());
  ASSERT_TRUE(store.CorruptVersion(kPg, kPage, kTimeline, Lsn(1)));
  const std::vector<LsnRange> all = {{kTimeline, Lsn(1), Lsn::Max()}};
  EXPECT_EQ(store.ReadVersions(kPg, kPage, all)->size(),
            2u);  // not needed: behind the newest image
  ASSERT_TRUE(store.CorruptVersion(kPg, kPage, kTimeline, Lsn(3)));
  const auto read = store.ReadVersions(kPg, kPage, all);
  EXPECT_TRUE(absl::IsDataLoss(read.status()));
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("page 0 of PG 1"));
  EXPECT_FALSE(store.CorruptVersion(kPg, kPage, kTimeline, Lsn(9)));
  ASSERT_TRUE(store.CorruptMeta("k"));
  EXPECT_TRUE(absl::IsDataLoss(store.ScanMeta("", [](auto, auto) { FAIL(); })));
  EXPECT_FALSE(store.CorruptMeta("none"));
}

}  // namespace
}  // namespace hexad::storage_node
