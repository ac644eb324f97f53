// Durability receipts: of which commit, whose acks, and for how long.
#include "compute/core/commit_receipts.h"

#include <gmock/gmock.h>

namespace hexad::compute {
namespace {

using ::testing::ElementsAre;

const PgId kFirst(1);
const PgId kSecond(2);

Instant At(int64_t micros) { return Instant() + Duration::Micros(micros); }

std::vector<std::string> Told(const CommitReceipt& receipt) {
  std::vector<std::string> told;
  for (const auto& ack : receipt.acks) {
    told.push_back(ack.node.value() + "/" + std::to_string(ack.pg.value()) + "+" +
                   std::to_string(ack.after.micros()));
  }
  return told;
}

std::vector<CommitReceipts::Part> In(PgId pg, uint64_t last) { return {{pg, Lsn(last)}}; }

TEST(CommitReceipts, TellsWhoHadItAndWhen) {
  CommitReceipts receipts;
  receipts.Ordered(Lsn(10), EpochId{3, 7}, In(kFirst, 10), At(100));
  receipts.Acked(kFirst, NodeId("n2"), Lsn(9), At(150));    // not up to it
  receipts.Acked(kSecond, NodeId("n2"), Lsn(12), At(160));  // another PG
  receipts.Acked(kFirst, NodeId("n1"), Lsn(10), At(200));
  receipts.Acked(kFirst, NodeId("n2"), Lsn(14), At(300));
  receipts.Durable(Lsn(9), At(310));
  receipts.Acked(kFirst, NodeId("n1"), Lsn(14), At(320));  // it had it before
  ASSERT_TRUE(receipts.Find(Lsn(10)).has_value());
  EXPECT_FALSE(receipts.Find(Lsn(10))->durable_after.has_value());
  receipts.Durable(Lsn(14), At(400));
  const auto receipt = receipts.Find(Lsn(10));
  EXPECT_EQ(receipt->epoch, (EpochId{3, 7}));
  EXPECT_EQ(receipt->durable_after, Duration::Micros(300));
  EXPECT_THAT(Told(*receipt), ElementsAre("n1/1+100", "n2/1+200"));
}

TEST(CommitReceipts, ACommitOverTwoPgsNeedsBoth) {
  CommitReceipts receipts;
  const std::vector<CommitReceipts::Part> parts = {{kFirst, Lsn(9)}, {kSecond, Lsn(10)}};
  receipts.Ordered(Lsn(10), EpochId{1, 1}, parts, At(0));
  receipts.Acked(kSecond, NodeId("n1"), Lsn(10), At(5));
  receipts.Acked(kFirst, NodeId("n1"), Lsn(9), At(7));
  EXPECT_THAT(Told(*receipts.Find(Lsn(10))), ElementsAre("n1/2+5", "n1/1+7"));
}

TEST(CommitReceipts, WhatIsOldIsForgottenAndTheRestIsNot) {
  CommitReceipts receipts;
  for (uint64_t lsn = 1; lsn <= CommitReceipts::kCommits + 5; ++lsn) {
    const auto now = static_cast<int64_t>(lsn) * 10;
    receipts.Ordered(Lsn(lsn), EpochId{1, 1}, In(kFirst, lsn), At(now));
    receipts.Acked(kFirst, NodeId("n1"), Lsn(lsn), At(now + 1));
    receipts.Durable(Lsn(lsn), At(now + 2));
  }
  EXPECT_FALSE(receipts.Find(Lsn(5)).has_value());
  for (const uint64_t lsn : {uint64_t{6}, uint64_t{CommitReceipts::kCommits + 5}}) {
    ASSERT_TRUE(receipts.Find(Lsn(lsn)).has_value()) << lsn;
    EXPECT_THAT(Told(*receipts.Find(Lsn(lsn))), ElementsAre("n1/1+1")) << lsn;
    EXPECT_EQ(receipts.Find(Lsn(lsn))->durable_after, Duration::Micros(2)) << lsn;
  }
}

// Acks of what was below before a backtrack do not count for what is written after it.
TEST(CommitReceipts, AcksFromBeforeItWasOrderedAreNotItsOwn) {
  CommitReceipts receipts;
  receipts.Acked(kFirst, NodeId("n1"), Lsn(50), At(10));
  receipts.Durable(Lsn(50), At(10));
  receipts.Ordered(Lsn(40), EpochId{2, 1}, In(kFirst, 40), At(20));
  EXPECT_THAT(Told(*receipts.Find(Lsn(40))), ElementsAre());
  EXPECT_FALSE(receipts.Find(Lsn(40))->durable_after.has_value());
}

}  // namespace
}  // namespace hexad::compute
