// One timeline's log on one segment: chains with gaps, forks inside boxcars, inventories, what may
// leave for the page store, and what a restart must not forget.
#include "storage-node/core/timeline_log.h"

#include <rapidcheck.h>

#include <map>

#include "gtest/gtest.h"

namespace hexad::storage_node {
namespace {

using Fit = TimelineLog::Fit;
using quorum::Boxcar;
using quorum::PgPath;
using quorum::RecordKind;

const TimelineId kTimeline{0xA};
const PgId kPg = quorum::MakePgId(kTimeline, 0);
EpochId E(uint32_t number) { return EpochId{number, number}; }

PgPath First() { return PgPath::Root(kTimeline).Fork(E(1), Lsn(), Lsn(1), Lsn()); }
TimelineLog NewLog(CoalescedMark mark = {}) { return TimelineLog(kTimeline, First(), mark); }

struct Part {
  uint64_t first;
  uint64_t last;
  uint64_t pg_prev;
};
// Nops, but for a truncate of pages >= the given one at each LSN named.
Boxcar Box(EpochId epoch, Part part, Lsn vdl = Lsn(), std::map<uint64_t, uint32_t> truncates = {}) {
  quorum::BoxcarBuilder builder(kTimeline, kPg, epoch);
  Lsn prev(part.pg_prev);
  for (uint64_t lsn = part.first; lsn <= part.last; ++lsn) {
    quorum::RecordView record;
    record.lsn = Lsn(lsn);
    record.volume_prev = record.pg_prev = prev;
    record.epoch_number = epoch.number;
    record.flags = quorum::RecordFlags::kAll;
    record.commit_time = CommitTime(1);
    if (const auto at = truncates.find(lsn); at != truncates.end()) {
      record.kind = RecordKind::kTruncate;
      record.page = PageNo(at->second);
    }
    builder.Add(record);
    prev = Lsn(lsn);
  }
  return builder.Seal(vdl, Lsn());
}

TEST(TimelineLog, SclMovesOverTheGapWhenItCloses) {
  TimelineLog log = NewLog();
  EXPECT_EQ(log.Load(Box(E(1), {1, 2, 0})), Fit::kNew);
  EXPECT_EQ(log.Load(Box(E(1), {5, 6, 4})), Fit::kNew);
  EXPECT_EQ(log.scl(), Lsn(2));
  EXPECT_TRUE(log.has_gap());
  EXPECT_EQ(log.Load(Box(E(1), {3, 4, 2})), Fit::kNew);
  EXPECT_EQ(log.scl(), Lsn(6));
  EXPECT_FALSE(log.has_gap());
}

TEST(TimelineLog, WhatIsNotDurableDoesNotCount) {
  TimelineLog log = NewLog();
  ASSERT_EQ(log.Take(Box(E(1), {1, 2, 0})), Fit::kNew);
  EXPECT_EQ(log.scl(), Lsn());
  EXPECT_EQ(log.Inventory(First())->records.size(), 0u);
  log.Cancel(Lsn(1));
  EXPECT_EQ(log.hot_bytes(), 0u);
  ASSERT_EQ(log.Take(Box(E(1), {1, 2, 0})), Fit::kNew);
  log.MarkDurable(Lsn(1));
  EXPECT_EQ(log.scl(), Lsn(2));
}

TEST(TimelineLog, KnowsADuplicateFromAConflict) {
  TimelineLog log = NewLog();
  log.Load(Box(E(1), {1, 4, 0}));
  EXPECT_EQ(log.Take(Box(E(1), {1, 4, 0})), Fit::kDuplicate);
  EXPECT_EQ(log.Take(Box(E(1), {1, 3, 0})), Fit::kConflict) << "other bytes under the same LSN";
  EXPECT_EQ(log.Take(Box(E(1), {3, 6, 2})), Fit::kConflict) << "overlaps";
  EXPECT_EQ(log.Take(Box(E(1), {6, 7, 3})), Fit::kConflict) << "record 4 follows 3 already";
  EXPECT_EQ(log.Take(Box(E(1), {6, 7, 5})), Fit::kNew);
}

// --- forks ---------------------------------------------------------------------------------------

TEST(TimelineLog, AForkInsideABoxcarCutsItsChainThere) {
  TimelineLog log = NewLog();
  log.Load(Box(E(1), {1, 6, 0}));
  log.Adopt(First().Fork(E(2), Lsn(4), Lsn(2001), Lsn(4)));
  EXPECT_EQ(log.scl(), Lsn(4));
  EXPECT_EQ(log.vdl_heard(), Lsn(4)) << "a fork is planned at a VDL";
  EXPECT_EQ(log.Load(Box(E(2), {2001, 2002, 4})), Fit::kNew);
  EXPECT_EQ(log.scl(), Lsn(2002));
  EXPECT_EQ(log.SclOn(First()), Lsn(6)) << "on the old history nothing changed";
}

// The fork at 4 came to nothing; the next opening forks at 6, and the rest of the boxcar counts.
TEST(TimelineLog, AForkThatCameToNothingGivesTheBoxcarsRestBack) {
  TimelineLog log = NewLog();
  log.Load(Box(E(1), {1, 6, 0}));
  log.Adopt(First().Fork(E(2), Lsn(4), Lsn(2001), Lsn(4)));
  log.Adopt(First().Fork(E(3), Lsn(6), Lsn(4001), Lsn(6)));
  EXPECT_EQ(log.scl(), Lsn(6));
}

TEST(TimelineLog, NothingForksBelowWhatIsCoalesced) {
  TimelineLog log = NewLog();
  log.Load(Box(E(1), {1, 6, 0}));
  log.HearVdl(E(1), Lsn(6));
  const auto plan = log.PlanCoalesce();
  ASSERT_TRUE(plan.has_value());
  const PgPath below = First().Fork(E(2), Lsn(4), Lsn(2001), Lsn(4));
  EXPECT_TRUE(log.CanAdopt(below));
  log.CoalesceStarted(*plan);
  EXPECT_FALSE(log.CanAdopt(below)) << "from the start of the coalescing";
  log.CoalesceDone(plan->up_to);
  EXPECT_FALSE(log.CanAdopt(below));
  EXPECT_TRUE(log.CanAdopt(First().Fork(E(2), Lsn(6), Lsn(2001), Lsn(6))));
}

TEST(TimelineLog, HowFarItWasWrittenOutlivesTheHotLog) {
  TimelineLog log = NewLog(CoalescedMark{Lsn(), Lsn(), {}, 17, Lsn()});
  EXPECT_EQ(log.pages_seen(), 17u);
  log.Load(Box(E(1), {1, 6, 0}));
  log.HearVdl(E(1), Lsn(6));
  EXPECT_EQ(log.MarkAfter(*log.PlanCoalesce()).pages_seen, 17u);
}

// Found by the simulator: what is coalesced may end inside an MTR that goes on in the next boxcar,
// or in another PG. After a power cut everywhere nobody had heard of anything higher, and a
// snapshot took that for a VDL.
TEST(TimelineLog, TheVdlThatWasHeardOutlivesTheHotLog) {
  TimelineLog log = NewLog();
  log.Load(Box(E(1), {1, 6, 0}));
  log.HearVdl(E(1), Lsn(9));
  const auto plan = log.PlanCoalesce();
  ASSERT_TRUE(plan.has_value());
  ASSERT_EQ(plan->up_to, Lsn(6));
  EXPECT_EQ(NewLog(log.MarkBefore(*plan)).vdl_heard(), Lsn(9));
  EXPECT_EQ(NewLog(log.MarkAfter(*plan)).vdl_heard(), Lsn(9)) << "6 may lie inside an MTR";
}

// --- what was heard ------------------------------------------------------------------------------

TEST(TimelineLog, TheVdlThatWasHeardSurvivesARestartInTheBoxcars) {
  TimelineLog log = NewLog();
  log.Load(Box(E(1), {1, 4, 0}));
  log.Load(Box(E(1), {5, 6, 4}, /*vdl=*/Lsn(4)));
  EXPECT_EQ(log.vdl_heard(), Lsn(4));
  EXPECT_EQ(log.PlanCoalesce()->up_to, Lsn(4));
}

TEST(TimelineLog, TheInventoryIsWhatABruteForceWalkFinds) {
  EXPECT_TRUE(rc::check("any boxcars, any order of arrival, any VDL", [] {
    TimelineLog log = NewLog();
    std::vector<Part> parts;
    uint64_t next = 1;
    const int count = *rc::gen::inRange(1, 10);
    for (int i = 0; i < count; ++i) {
      const uint64_t length = *rc::gen::inRange<uint64_t>(1, 5);
      parts.push_back({next, next + length - 1, next - 1});
      next += length;
    }
    std::vector<bool> here(next, false);
    here[0] = true;
    const auto keys = *rc::gen::container<std::vector<uint32_t>>(
        parts.size(), rc::gen::inRange<uint32_t>(0, 1000));
    std::multimap<uint32_t, Part> order;  // a fifth of them never arrives
    for (size_t i = 0; i < parts.size(); ++i) order.emplace(keys[i], parts[i]);
    for (const auto& [key, part] : order) {
      if (key % 5 == 0) continue;
      RC_ASSERT(log.Load(Box(E(1), part)) == Fit::kNew);
      for (uint64_t lsn = part.first; lsn <= part.last; ++lsn) here[lsn] = true;
    }
    uint64_t scl = 0;
    while (scl + 1 < next && here[scl + 1]) ++scl;
    const uint64_t vdl = *rc::gen::inRange<uint64_t>(0, next);
    log.HearVdl(E(1), Lsn(vdl));
    const auto inventory = log.Inventory(First());
    RC_ASSERT(inventory.ok());
    RC_ASSERT(inventory->scl == Lsn(scl));
    RC_ASSERT(inventory->vdl_heard == Lsn(vdl));
    RC_ASSERT(inventory->tail_at_vdl <= Lsn(vdl));
    if (scl > vdl) RC_ASSERT(inventory->tail_at_vdl == Lsn(vdl));
    std::vector<quorum::InventoryRecord> expected;
    for (uint64_t lsn = vdl + 1; lsn < next; ++lsn) {
      if (here[lsn]) expected.push_back({Lsn(lsn), Lsn(lsn - 1), Lsn(lsn - 1), true});
    }
    RC_ASSERT(inventory->records == expected);
  }));
}

// --- truncates -----------------------------------------------------------------------------------

// The fork lies inside the boxcar, so the boxcar straddles the coalesced mark: a restart loads it
// again, and the truncate in its first half is in the mark already.
TEST(TimelineLog, ATruncateIsKnownOnceAfterARestart) {
  const PgPath second = First().Fork(E(2), Lsn(4), Lsn(2001), Lsn(4));
  TimelineLog log(kTimeline, second,
                  CoalescedMark{Lsn(4), Lsn(), {{Lsn(3), PageNo(2)}}, 0, Lsn(4)});
  EXPECT_EQ(log.Load(Box(E(1), {1, 6, 0}, Lsn(), {{3, 2}})), Fit::kNew);
  log.Load(Box(E(2), {2001, 2002, 4}));
  log.HearVdl(E(2), Lsn(2002));
  const auto plan = log.PlanCoalesce();
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->truncates, (std::vector<TruncateMark>{{Lsn(3), PageNo(2)}}));
}

TEST(TimelineLog, ForgetsTruncatesThatALaterOneCovers) {
  TimelineLog log = NewLog();
  // By LSN: 2 is covered by 4; 3 takes pages that 4 does not; 7 lies above the floor.
  log.Load(Box(E(1), {1, 8, 0}, Lsn(), {{2, 9}, {3, 1}, {4, 5}, {7, 0}}));
  log.HearVdl(E(1), Lsn(8));
  log.HearPgmrpl(Lsn(5));
  const auto plan = log.PlanCoalesce();
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->truncates.size(), 4u);
  const std::vector<TruncateMark> kept = {
      {Lsn(3), PageNo(1)}, {Lsn(4), PageNo(5)}, {Lsn(7), PageNo(0)}};
  EXPECT_EQ(log.MarkAfter(*plan).truncates, kept);
  EXPECT_EQ(log.MarkBefore(*plan).gc_floor, Lsn(5));
  EXPECT_EQ(log.MarkBefore(*plan).up_to, Lsn());
  log.CoalesceStarted(*plan);
  log.CoalesceDone(plan->up_to);
  EXPECT_EQ(log.hot_bytes(), 0u);
  ReadPlan read;
  read.page = PageNo(9);
  log.PlanRead(First().path, Lsn(6), read);
  EXPECT_TRUE(read.truncated);
  EXPECT_EQ(read.visible.back().first, Lsn(5));
}

}  // namespace
}  // namespace hexad::storage_node
