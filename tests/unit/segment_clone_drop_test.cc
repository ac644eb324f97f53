// Clones and parents that are dropped, and what goes with each of them (docs/fork.md, Dropping).
#include "tests/unit/clone_on_a_node.h"

namespace hexad::storage_node {
namespace {

TEST_F(CloneOnANode, DroppedItTakesOnlyItsOwnAndItsPin) {
  const PgPath begun = Open(Root(Lsn(4)));
  Follows(kPage, Lsn(4));
  Write(begun, Lsn(5), 2, Lsn(4));
  Coalesce();
  EXPECT_GT(Entries(kClone), 0u);
  const size_t parents = Entries(node.timeline);
  ASSERT_TRUE(Drop(kClone).ok());
  EXPECT_EQ(Entries(kClone), 0u);
  EXPECT_EQ(Entries(node.timeline), parents);
  EXPECT_EQ(Read(node.timeline, Lsn(7)), "lsn 6");
  quorum::Poll poll{node.To(EpochId::Root())};
  poll.to.timeline = kClone;
  EXPECT_EQ(Reason(node.Ask(poll)), RefusalReason::kUnknownSegment);
  // And the parent's floor may rise again.
  Follows(kPage, Lsn(6));
  Write(node.First(), Lsn(8), 300, Lsn(7));
  Tell(node.First(), Lsn(307), Lsn(307));
  Coalesce();
  EXPECT_EQ(FloorOf(node.timeline), Lsn(307));
}

TEST_F(CloneOnANode, TheDroppedParentStaysForItAlone) {
  const PgPath begun = Open(Root(Lsn(4)));
  ASSERT_TRUE(Drop(node.timeline).ok());
  const auto gone = [&] {
    EXPECT_EQ(Reason(node.Ask(quorum::Poll{node.To(Epoch(1))})), RefusalReason::kUnknownSegment);
    EXPECT_THAT(Read(node.timeline, Lsn(7)), testing::HasSubstr("no timeline"));
    EXPECT_EQ(Reason(node.Ask(node.BeginOf(node.First()))), RefusalReason::kUnknownSegment);
  };
  gone();
  EXPECT_EQ(Read(kClone, Lsn(4)), "lsn 4");
  ASSERT_TRUE(node.Start().ok());
  gone();
  EXPECT_EQ(Read(kClone, Lsn(4)), "lsn 4");
  Follows(kPage, Lsn(4));
  Write(begun, Lsn(5), 2, Lsn(4));
  Coalesce();
  EXPECT_EQ(Read(kClone, Lsn(6)), "lsn 6");
  EXPECT_EQ(Read(kClone, Lsn(4)), "lsn 4");
  // With the last of the family everything goes.
  ASSERT_TRUE(Drop(kClone).ok());
  EXPECT_EQ(Entries(node.timeline) + Entries(kClone), 0u);
  EXPECT_TRUE(node.core->Describe(node.now).empty());
}

TEST_F(CloneOnANode, AParentInTheMiddleGoesWithItsLastClone) {
  const PgPath b = Open(Root(Lsn(4)));
  Follows(kPage, Lsn(4));
  Write(b, Lsn(5), 3, Lsn(4));
  Open(*b.TryClone(kSecond, {Lsn(6), Lsn(6)}));
  ASSERT_TRUE(Drop(kClone).ok());
  EXPECT_EQ(Read(kSecond, Lsn(6)), "lsn 6");
  EXPECT_GT(Entries(kClone), 0u);
  ASSERT_TRUE(Drop(kSecond).ok());
  EXPECT_EQ(Entries(kClone), 0u);
  EXPECT_EQ(Read(node.timeline, Lsn(7)), "lsn 6") << "the volume itself is untouched";
  ASSERT_TRUE(Drop(kSecond).ok()) << "idempotent";
  EXPECT_EQ(Read(node.timeline, Lsn(7)), "lsn 6");
}

TEST_F(CloneOnANode, ADropWithoutRoomChangesNothing) {
  Open(Root(Lsn(4)));
  auto effects = node.Step(DropSegmentsAsked{CallId(3), node.cluster, node.timeline, {node.pg}});
  const auto sent = node.Do(NotPersisted{std::get<Persist>(effects.at(0)).ticket});
  EXPECT_FALSE(std::get<DropSegmentsDone>(sent.at(0)).status.ok());
  EXPECT_EQ(Read(node.timeline, Lsn(7)), "lsn 6");
}

// --- what stays for its clones alone -------------------------------------------------------------

size_t HotBytes(NodeUnderTest& node, TimelineId timeline) {
  for (const auto& d : node.core->Describe(node.now)) {
    if (d.timeline == timeline) return d.hot_log_bytes;
  }
  return 0;
}

TEST_F(CloneOnANode, WhatOnlyADroppedCloneSawLeavesTheHotLog) {
  Follows(kPage, Lsn(6));
  Write(node.First(), Lsn(8), 200, Lsn(7));
  Open(Root(Lsn(6)));
  Open(Root(Lsn(207), kSecond));
  ASSERT_TRUE(Drop(node.timeline).ok());
  const size_t for_both = HotBytes(node, node.timeline);
  ASSERT_TRUE(Drop(kSecond).ok());
  EXPECT_LT(HotBytes(node, node.timeline), for_both / 2);
  EXPECT_EQ(Read(kClone, Lsn(6)), "lsn 6");
}

// The mark lies inside a boxcar that a fork cut in two, and the clone ends before it.
TEST_F(CloneOnANode, TheMarkOfADroppedParentNeverGoesBack) {
  Follows(kPage, Lsn(6));
  Write(node.First(), Lsn(8), 10, Lsn(7));
  const PgPath second = node.First().Fork(Epoch(2), Lsn(12), Lsn(2001), Lsn(12));
  ASSERT_TRUE(std::holds_alternative<Begun>(node.Ask(node.BeginOf(second))));
  Follows(kPage, Lsn(12));
  const auto box = node.Box(second.path.epoch(), Lsn(2001), 10, Lsn(12));
  node.Ask(node.Append(box, Lsn(2001)));  // half of it is durable: it stays in the hot log
  told = {{node.timeline, {second.path.epoch(), Lsn(2001), Lsn()}}};
  Coalesce();
  ASSERT_TRUE(std::holds_alternative<Created>(
      node.Ask(Create(*second.TryClone(kClone, {Lsn(10), Lsn(10)})))));
  ASSERT_TRUE(Drop(node.timeline).ok());
  const auto mark = [&] {
    for (const auto& d : node.core->Describe(node.now)) {
      if (d.timeline == node.timeline) return d.coalesced;
    }
    return Lsn::None();
  };
  ASSERT_EQ(mark(), Lsn(12));
  Coalesce();
  EXPECT_EQ(mark(), Lsn(12));
}

}  // namespace
}  // namespace hexad::storage_node
