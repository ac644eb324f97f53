// What a backtrack leaves on one segment: the branch that is kept, how far it is whole here, and
// what the coalescer may take of it (docs/fork.md).
#include "gtest/gtest.h"
#include "storage-node/core/timeline_log.h"

namespace hexad::storage_node {
namespace {

using quorum::Boxcar;
using quorum::PgPath;

const TimelineId kTimeline{0xA};
const PgId kPg = quorum::MakePgId(kTimeline, 0);
EpochId E(uint32_t number) { return EpochId{number, number}; }

// Records [first, last] of one PG, each the next one's predecessor.
Boxcar Box(EpochId epoch, uint64_t first, uint64_t last, uint64_t prev) {
  quorum::BoxcarBuilder builder(kTimeline, kPg, epoch);
  Lsn before(prev);
  for (uint64_t lsn = first; lsn <= last; ++lsn) {
    quorum::RecordView record;
    record.lsn = Lsn(lsn);
    record.volume_prev = record.pg_prev = before;
    record.epoch_number = epoch.number;
    record.flags = quorum::RecordFlags::kAll;
    record.commit_time = CommitTime(1);
    builder.Add(record);
    before = Lsn(lsn);
  }
  return builder.Seal(Lsn(), Lsn());
}

// Epoch 1 wrote 1..9 and was backtracked to 4; epoch 2 wrote 2001 and 2002.
class Backtracked : public ::testing::Test {
 protected:
  const PgPath first = PgPath::Root(kTimeline).Fork(E(1), Lsn(), Lsn(1), Lsn());
  const PgPath second =
      *first.TryBacktrack(first, E(2), {Lsn(4), Lsn(4)}, Lsn(2001), {Lsn(9), Lsn(9)});
  const PgPath left = PgPath::Of(second.branches.at(0));

  TimelineLog With(const PgPath& path, Lsn coalesced = Lsn(), Lsn floor = Lsn()) {
    return TimelineLog(kTimeline, path, CoalescedMark{coalesced, floor, {}, 0, Lsn()});
  }
  static void LoadBranch(TimelineLog& log) {
    log.Load(Box(E(1), 1, 6, 0));
    log.Load(Box(E(1), 7, 9, 6));
  }
  static void LoadHead(TimelineLog& log) {
    log.Load(Box(E(2), 2001, 2002, 4));
    log.HearVdl(E(2), Lsn(2002));
  }
};

TEST_F(Backtracked, TheHeadIsCutAndTheBranchStaysWhole) {
  TimelineLog log = With(first);
  LoadBranch(log);
  ASSERT_TRUE(log.CanAdopt(second));
  log.Adopt(second);
  EXPECT_EQ(log.scl(), Lsn(4));
  EXPECT_EQ(log.SclOn(left), Lsn(9));
  EXPECT_EQ(log.VdlOn(left.path), Lsn(9)) << "what is left behind was recovered";
  EXPECT_EQ(log.BranchToFill(), nullptr);
}

TEST_F(Backtracked, TheCoalescerTakesTheBranchWithTheHead) {
  TimelineLog log = With(second);
  LoadBranch(log);
  LoadHead(log);
  const auto plan = log.PlanCoalesce();
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->up_to, Lsn(2002));
  ASSERT_EQ(plan->visible.size(), 2u);
  EXPECT_EQ(plan->visible[0].first, Lsn(2001));
  EXPECT_EQ(plan->visible[1].last, Lsn(9)) << "the branch's part too";
}

// A PG that the head does not touch again would otherwise keep what was undone in its hot log for
// ever, and several of them would fill it.
TEST_F(Backtracked, ABranchLeavesTheHotLogThoughTheHeadWritesNothing) {
  TimelineLog log = With(second);
  LoadBranch(log);
  const auto plan = log.PlanCoalesce();
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->up_to, Lsn(9));
  EXPECT_EQ(log.MarkAfter(*plan).vdl, Lsn(9)) << "found by the simulator: a mark above its VDL";
  log.CoalesceStarted(*plan);
  log.CoalesceDone(plan->up_to);
  EXPECT_EQ(log.hot_bytes(), 0u);
  EXPECT_EQ(log.scl(), Lsn(4));
  LoadHead(log);
  EXPECT_EQ(log.scl(), Lsn(2002));
  EXPECT_EQ(log.PlanCoalesce()->up_to, Lsn(2002));
  log.CheckInvariants();
}

TEST_F(Backtracked, WhatTheHeadLacksBelowItsForkHoldsTheBranch) {
  TimelineLog log = With(second);
  log.Load(Box(E(1), 1, 3, 0));
  log.Load(Box(E(1), 5, 9, 4));
  EXPECT_EQ(log.PlanCoalesce()->up_to, Lsn(3));
}

TEST_F(Backtracked, ABranchThatIsNotWholeHereHoldsTheCoalescer) {
  TimelineLog log = With(second);
  log.Load(Box(E(1), 1, 4, 0));
  log.Load(Box(E(1), 5, 6, 4));
  LoadHead(log);
  ASSERT_NE(log.BranchToFill(), nullptr);
  EXPECT_EQ(log.PlanCoalesce()->up_to, Lsn(6)) << "up to where it is whole";
  log.Load(Box(E(1), 7, 9, 6));
  EXPECT_EQ(log.BranchToFill(), nullptr);
  EXPECT_EQ(log.PlanCoalesce()->up_to, Lsn(2002));
}

// Found by the simulator: a segment that was away lacked the end of a branch that every peer had
// let go of since, waited for it for ever, and its floor waited for its coalescer.
TEST_F(Backtracked, ABranchThatIsOverAtTheFloorThatMayBeNeedNotBeWhole) {
  const PgPath third =
      *second.TryBacktrack(left, E(3), {Lsn(9), Lsn(9)}, Lsn(4001), {Lsn(2002), Lsn(2002)});
  TimelineLog log = With(third);
  log.Load(Box(E(1), 1, 4, 0));
  log.Load(Box(E(1), 5, 9, 4));
  log.HearPgmrpl(Lsn(4002));
  ASSERT_EQ(log.BranchToFill(), nullptr) << "peers have nothing of it to give";
  EXPECT_EQ(log.PlanCoalesce()->up_to, Lsn(4)) << "the floor cannot pass the branch's end yet";
  log.Load(Box(E(3), 4001, 4002, 9));
  log.HearVdl(E(3), Lsn(4002));
  const auto plan = log.PlanCoalesce();
  EXPECT_EQ(plan->up_to, Lsn(4002));
  EXPECT_EQ(plan->floor, Lsn(4002));
  for (const LsnRange& range : plan->visible) {
    EXPECT_FALSE(range.first <= Lsn(2001) && Lsn(2001) <= range.last) << "only the branch saw it";
  }
}

// Found by the simulator: a branch took the room that the head needed for a gap below it, or the
// other way round, and nothing could leave the hot log any more.
TEST_F(Backtracked, WhatIsLowestIsAskedForFirst) {
  TimelineLog log = With(second);
  log.Load(Box(E(1), 1, 3, 0));
  EXPECT_EQ(log.BranchToFill(), nullptr) << "the head lacks LSN 4";
  EXPECT_EQ(log.BranchesWholeTo(), Lsn(3));
  log.Load(Box(E(1), 4, 6, 3));
  LoadHead(log);
  ASSERT_NE(log.BranchToFill(), nullptr);
  EXPECT_EQ(log.BranchToFill()->left_by, E(2));
  EXPECT_EQ(log.BranchesWholeTo(), Lsn(6));
}

TEST_F(Backtracked, WhatIsCoalescedMayBeLeftBehindButNotLost) {
  TimelineLog log = With(first, /*coalesced=*/Lsn(9), /*floor=*/Lsn(3));
  EXPECT_TRUE(log.CanAdopt(second));
  EXPECT_FALSE(log.CanAdopt(first.Fork(E(2), Lsn(4), Lsn(2001), Lsn(4)))) << "without a branch";
  const auto below = first.TryBacktrack(first, E(2), {Lsn(2), Lsn(2)}, Lsn(2001), {Lsn(9), Lsn(9)});
  EXPECT_FALSE(log.CanAdopt(*below)) << "versions below the floor were merged";
  log.Adopt(second);
  EXPECT_EQ(log.scl(), Lsn(4));
  EXPECT_EQ(log.SclOn(left), Lsn(9));
}

TEST_F(Backtracked, ARestartKnowsBothHistoriesFromTheMark) {
  TimelineLog log = With(second, /*coalesced=*/Lsn(9));
  EXPECT_EQ(log.scl(), Lsn(4));
  EXPECT_EQ(log.SclOn(left), Lsn(9));
  LoadHead(log);
  EXPECT_EQ(log.scl(), Lsn(2002));
  log.CheckInvariants();
}

TEST_F(Backtracked, ReturningFindsEverythingUpToTheEnd) {
  const PgPath third =
      *second.TryBacktrack(left, E(3), {Lsn(9), Lsn(9)}, Lsn(4001), {Lsn(2002), Lsn(2002)});
  ASSERT_EQ(third.branches.size(), 1u) << "the head holds the first branch whole";
  EXPECT_EQ(third.branches[0].path.epoch(), E(2));
  TimelineLog log = With(second, /*coalesced=*/Lsn(9));
  LoadHead(log);
  ASSERT_TRUE(log.CanAdopt(third));
  log.Adopt(third);
  EXPECT_EQ(log.scl(), Lsn(9));
  EXPECT_EQ(log.SclOn(PgPath::Of(third.branches[0])), Lsn(2002));
}

// --- what is settled (docs/fork.md, Short paths) -------------------------------------------------

// Epochs 1 to 3 of three records each, at 1, 1001 and 2001, and epoch 4.
class Restarted : public Backtracked {
 protected:
  const PgPath two = first.Fork(E(2), Lsn(3), Lsn(1001), Lsn(3));
  const PgPath three = two.Fork(E(3), Lsn(1003), Lsn(2001), Lsn(1003));
  const PgPath four = three.Fork(E(4), Lsn(2003), Lsn(3001), Lsn(2003));
};

TEST_F(Restarted, OnlyWhatIsInThePageStoreIsSettled) {
  EXPECT_EQ(With(four).Settled(), E(1)) << "before epoch 1 there is nothing";
  EXPECT_EQ(With(four, Lsn(1002)).Settled(), E(2));
  EXPECT_EQ(With(four, Lsn(1003)).Settled(), E(3));
  EXPECT_EQ(With(four, Lsn(2003)).Settled(), E(4));
}

TEST_F(Restarted, WhatABranchDoesNotShareIsNotSettled) {
  // Back to 2 by epoch 4, forward again by epoch 5: epoch 4's branch leaves the head at 2.
  const PgPath back =
      *three.TryBacktrack(three, E(4), {Lsn(2), Lsn(2)}, Lsn(3001), {Lsn(2003), Lsn(2003)});
  const PgPath again =
      *back.TryBacktrack(PgPath::Of(back.branches.at(0)), E(5), {Lsn(2003), Lsn(2003)}, Lsn(4001),
                         {Lsn(3002), Lsn(3002)});
  ASSERT_EQ(again.branches.size(), 1u);
  EXPECT_EQ(With(again, Lsn(3002)).Settled(), E(1));
  EXPECT_EQ(With(again, Lsn(3002), Lsn(3003)).Settled(), E(5)) << "at that floor it is over";
}

TEST_F(Restarted, WhatACloneDoesNotShareIsNotSettled) {
  TimelineLog log = With(four, Lsn(2003));
  const auto clone = three.TryClone(TimelineId{0xB}, {Lsn(1002), Lsn(1002)});
  ASSERT_TRUE(clone.ok());
  log.KeepFor(quorum::InheritedBy(*clone));
  EXPECT_EQ(log.Settled(), E(2)) << "the clone ends inside epoch 2";
}

TEST_F(Restarted, ABranchThatWasPassedMayBeToldNoMore) {
  const PgPath back =
      *three.TryBacktrack(three, E(4), {Lsn(2), Lsn(2)}, Lsn(3001), {Lsn(2003), Lsn(2003)});
  PgPath next = back.Fork(E(5), Lsn(3002), Lsn(4001), Lsn(3002));
  next.branches.clear();
  // This PG has written nothing since: all that it has stored last lies on the branch.
  TimelineLog log = With(back, Lsn(2003));
  ASSERT_TRUE(log.CanAdopt(next));
  log.Adopt(next);
  EXPECT_TRUE(log.CanAdopt(next)) << "found by the simulator: asked again";
  PgPath lost = back;
  lost.branches.clear();
  EXPECT_FALSE(With(three, Lsn(2003)).CanAdopt(lost)) << "a backtrack that keeps no branch";
}

}  // namespace
}  // namespace hexad::storage_node
