// A segment that lost a part of its log must not be believed by an opening: its SCL tells less than
// it acknowledged. It says so, until its peers have refilled it.
#include "tests/unit/node_under_test.h"

namespace hexad::storage_node {
namespace {

using quorum::RefusalReason;

// Three boxcars of two records each, acknowledged; then the node restarts.
struct Damaged : NodeUnderTest {
  std::vector<quorum::Boxcar> boxcars;

  Damaged() {
    Open();
    for (uint64_t i = 0; i < 3; ++i) {
      boxcars.push_back(Box(Epoch(1), Lsn(2 * i + 1), 2, Lsn(2 * i)));
      EXPECT_EQ(std::get<quorum::Ack>(Ask(Append(boxcars.back()))).scl, Lsn(2 * i + 2));
    }
  }
  quorum::SegmentAnswer Inventory() {
    Ask(quorum::Seal{To(Epoch(2))});
    return Ask(quorum::TakeInventory{To(Epoch(2)), First(), std::nullopt});
  }
  PeerAnswered Fill() const {
    quorum::GossipFill fill;
    fill.from = To(Epoch(1));
    fill.begun = First();
    fill.scl = Lsn(6);
    for (const auto& boxcar : boxcars) fill.boxcars.push_back(boxcar.bytes);
    return {NodeId("n2"), pg, timeline, std::move(fill)};
  }
};

TEST(SegmentDamage, WithoutDamageTheInventoryListsEverything) {
  Damaged node;
  ASSERT_TRUE(node.Start().ok());
  const auto taken = std::get<quorum::InventoryTaken>(node.Inventory());
  EXPECT_EQ(taken.inventory.scl, Lsn(6));
  EXPECT_EQ(taken.inventory.records.size(), 6u);
}

TEST(SegmentDamage, GivesNoInventoryAndNoLogBeyondTheGap) {
  Damaged node;
  ASSERT_TRUE(node.store.CorruptBoxcar(node.pg, node.timeline, Lsn(3)));
  ASSERT_TRUE(node.Start().ok());
  const auto polled = std::get<quorum::Polled>(node.Ask(quorum::Poll{node.To(Epoch(1))}));
  EXPECT_EQ(polled.scl, Lsn(2));
  EXPECT_TRUE(polled.damaged) << "a snapshot must not believe that SCL";
  EXPECT_EQ(std::get<quorum::Ack>(node.Ask(node.Tell(Epoch(1), Lsn()))).scl, Lsn(2));
  EXPECT_EQ(Reason(node.Inventory()), RefusalReason::kDamaged);
  const auto to = node.To(Epoch(2));
  EXPECT_EQ(Reason(node.Ask(quorum::FetchLog{to, node.First(), Lsn(), Lsn(6)})),
            RefusalReason::kDamaged);
  const auto before =
      node.Do(RequestReceived{kConn, quorum::FetchLog{to, node.First(), Lsn(), Lsn(2)}});
  EXPECT_TRUE(std::holds_alternative<ServeFetch>(before.at(0)));
}

TEST(SegmentDamage, IsOverWhenPeersHaveRefilledIt) {
  Damaged node;
  ASSERT_TRUE(node.store.CorruptBoxcar(node.pg, node.timeline, Lsn(3)));
  ASSERT_TRUE(node.Start().ok());
  node.Do(node.Fill());
  EXPECT_EQ(std::get<quorum::InventoryTaken>(node.Inventory()).inventory.scl, Lsn(6));
  EXPECT_FALSE(std::get<quorum::Polled>(node.Ask(quorum::Poll{node.To(Epoch(1))})).damaged);
  // The refill lies under the damaged key: a restart finds nothing wrong either.
  ASSERT_TRUE(node.Start().ok());
  EXPECT_EQ(std::get<quorum::InventoryTaken>(node.Inventory()).inventory.scl, Lsn(6));
}

TEST(SegmentDamage, OfTwoBoxcarsIsNotOverAfterOne) {
  Damaged node;
  ASSERT_TRUE(node.store.CorruptBoxcar(node.pg, node.timeline, Lsn(1)));
  ASSERT_TRUE(node.store.CorruptBoxcar(node.pg, node.timeline, Lsn(5)));
  ASSERT_TRUE(node.Start().ok());
  EXPECT_EQ(std::get<quorum::Ack>(node.Ask(node.Append(node.boxcars[0]))).scl, Lsn(4));
  EXPECT_EQ(Reason(node.Inventory()), RefusalReason::kDamaged);
}

// The store cannot even say what is missing: nothing that comes from peers makes up for that.
TEST(SegmentDamage, OfUnknownExtentLastsAsLongAsTheProcess) {
  Damaged node;
  ASSERT_TRUE(node.store.LoseBoxcar(node.pg, node.timeline, Lsn(3)));
  ASSERT_TRUE(node.Start().ok());
  node.Do(node.Fill());
  EXPECT_EQ(std::get<quorum::Ack>(node.Ask(node.Tell(Epoch(1), Lsn()))).scl, Lsn(6));
  EXPECT_EQ(Reason(node.Inventory()), RefusalReason::kDamaged);
}

// An opening without this segment forked below the lost boxcar, so it was never acknowledged.
TEST(SegmentDamage, OnABranchThatTheHistoryLeftIsNone) {
  Damaged node;
  ASSERT_TRUE(node.store.CorruptBoxcar(node.pg, node.timeline, Lsn(5)));
  ASSERT_TRUE(node.Start().ok());
  const auto forked = node.First().Fork(Epoch(2), Lsn(4), Lsn(2000), Lsn(4));
  EXPECT_EQ(Reason(node.Ask(node.BeginOf(forked))), std::nullopt);
  node.Ask(quorum::Seal{node.To(Epoch(3))});
  const auto taken = node.Ask(quorum::TakeInventory{node.To(Epoch(3)), forked, std::nullopt});
  EXPECT_EQ(std::get<quorum::InventoryTaken>(taken).inventory.scl, Lsn(4));
}

// A coalesced mark above the damaged boxcar: the page store has what it meant.
TEST(SegmentDamage, BelowWhatIsCoalescedIsNone) {
  Damaged node;
  node.Ask(node.Tell(Epoch(1), Lsn(4)));
  node.Tick();
  node.RunCoalesce();
  ASSERT_TRUE(node.store.CorruptBoxcar(node.pg, node.timeline, Lsn(3)));
  ASSERT_TRUE(node.Start().ok());
  EXPECT_EQ(std::get<quorum::InventoryTaken>(node.Inventory()).inventory.scl, Lsn(6));
}

}  // namespace
}  // namespace hexad::storage_node
