// The LSN allocation limit: a bound that recovery may rely on, and back-pressure that lets go
// again.
#include "quorum/lsn_allocator.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <optional>

namespace hexad::quorum {
namespace {

TEST(LsnAllocator, HandsOutContiguousRuns) {
  LsnAllocator allocator(Lsn(1), Lsn::None(), 1000);
  EXPECT_EQ(allocator.Allocate(3), Lsn(1));
  EXPECT_EQ(allocator.Allocate(1), Lsn(4));
  EXPECT_EQ(allocator.Allocate(10), Lsn(5));
  EXPECT_EQ(allocator.next(), Lsn(15));
}

// The example of tests/unit/path_test.cc: fork 900, first 1901, LAL 1000. The VDL is far below the
// epoch's first LSN, and the limit still leaves a whole LAL of room.
TEST(LsnAllocator, CountsFromTheEpochsStartWhileTheVdlIsBelowIt) {
  LsnAllocator allocator(Lsn(1901), Lsn(900), 1000);
  EXPECT_EQ(allocator.limit(), Lsn(2900));
  EXPECT_EQ(allocator.Allocate(1000), Lsn(1901));
  EXPECT_EQ(allocator.Allocate(1), std::nullopt);
  allocator.VdlMoved(Lsn(1901));
  EXPECT_EQ(allocator.Allocate(1), Lsn(2901));
}

TEST(LsnAllocator, BlocksAtTheLimitAndLetsGoWhenTheVdlMoves) {
  LsnAllocator allocator(Lsn(1), Lsn::None(), 10);
  EXPECT_EQ(allocator.Allocate(8), Lsn(1));
  EXPECT_EQ(allocator.Allocate(3), std::nullopt) << "would reach 11, the limit is 10";
  EXPECT_EQ(allocator.next(), Lsn(9)) << "a refusal takes nothing";
  EXPECT_EQ(allocator.Allocate(2), Lsn(9)) << "up to the limit itself";
  allocator.VdlMoved(Lsn(8));
  EXPECT_EQ(allocator.Allocate(9), std::nullopt);
  EXPECT_EQ(allocator.Allocate(8), Lsn(11));
}

TEST(LsnAllocator, NeverReachesTheEndOfTheLsnSpace) {
  const uint64_t max = Lsn::Max().value();
  LsnAllocator allocator(Lsn(max - 5), Lsn(max - 6), kMaxLal);
  EXPECT_EQ(allocator.limit(), Lsn::Max());
  EXPECT_EQ(allocator.Allocate(6), std::nullopt) << "Max() itself is no LSN";
  EXPECT_EQ(allocator.Allocate(max), std::nullopt);
  EXPECT_EQ(allocator.Allocate(5), Lsn(max - 5));
  EXPECT_EQ(allocator.Allocate(1), std::nullopt);
}

TEST(LsnAllocatorDeathTest, RefusesAVdlThatCannotBe) {
  LsnAllocator allocator(Lsn(10), Lsn(5), 100);
  EXPECT_DEATH(allocator.VdlMoved(Lsn(4)), "INVARIANT") << "back";
  EXPECT_DEATH(allocator.VdlMoved(Lsn(10)), "INVARIANT") << "never issued";
  EXPECT_DEATH(allocator.Allocate(0), "INVARIANT");
  EXPECT_DEATH(LsnAllocator(Lsn(10), Lsn(10), 100), "INVARIANT");
}

// The promise to recovery, over random runs: whatever VDL a recovery finds is at or above the VDL
// that the allocator knew, so AllocationBound of it is at or above everything that was issued.
RC_GTEST_PROP(LsnAllocator, IssuesNothingAboveTheBoundOfAnyVdlItWasTold, ()) {
  const uint64_t lal = *rc::gen::inRange(1, 50);
  const Lsn first_lsn(*rc::gen::inRange(2, 1000));
  Lsn vdl(*rc::gen::inRange<uint64_t>(0, first_lsn.value()));
  LsnAllocator allocator(first_lsn, vdl, lal);
  Lsn expected = first_lsn;
  for (int step = 0; step < 200; ++step) {
    if (*rc::gen::inRange(0, 3) == 0 && expected > first_lsn) {
      const uint64_t issued = expected.value() - first_lsn.value();
      const Lsn moved = first_lsn.Plus(*rc::gen::inRange<uint64_t>(0, issued));
      if (moved < vdl) continue;
      vdl = moved;
      allocator.VdlMoved(vdl);
    }
    const uint64_t count = *rc::gen::inRange(1, 60);
    const std::optional<Lsn> first = allocator.Allocate(count);
    const bool fits = expected.Plus(count - 1) <= AllocationBound(vdl, first_lsn, lal);
    RC_ASSERT(first.has_value() == fits);
    if (!first) continue;
    RC_ASSERT(*first == expected);
    expected = expected.Plus(count);
    RC_ASSERT(expected.Prev() <= AllocationBound(vdl, first_lsn, lal));
  }
}

}  // namespace
}  // namespace hexad::quorum
