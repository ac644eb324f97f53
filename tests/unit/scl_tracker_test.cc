// SCL beside a dumb twin that follows the links anew each time: every order of arrival of a chain's
// runs, and every pair of runs that could contradict each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "quorum/trackers.h"

namespace hexad::quorum {
namespace {

using Verdict = SclTracker::Verdict;

struct Boxcar {
  uint64_t pg_prev, first, last;
};

Verdict Add(SclTracker& tracker, const Boxcar& run) {
  return tracker.Add(Lsn(run.pg_prev), Lsn(run.first), Lsn(run.last));
}

// The dumb twin: a bag of runs. SCL is found by following links from the start, every time.
struct BagOfRuns {
  uint64_t start = 0;
  std::vector<Boxcar> runs;

  uint64_t Scl() const {
    uint64_t scl = start;
    for (size_t i = 0; i < runs.size(); ++i) {
      for (const Boxcar& run : runs) {
        if (run.pg_prev == scl) scl = run.last;
      }
    }
    return scl;
  }
};

// One chain, cut into runs; LSNs between runs belong to other PGs.
const std::vector<Boxcar> kChain = {{0, 1, 3}, {3, 6, 6}, {6, 7, 9}, {9, 20, 25}, {25, 26, 26}};

TEST(SclTracker, AgreesWithTheTwinInEveryOrderOfArrival) {
  std::vector<size_t> order(kChain.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    SclTracker tracker;
    BagOfRuns twin;
    for (const size_t i : order) {
      const uint64_t before = twin.Scl();
      twin.runs.push_back(kChain[i]);
      const Verdict verdict = Add(tracker, kChain[i]);
      EXPECT_EQ(verdict, twin.Scl() > before ? Verdict::kAdvanced : Verdict::kWaiting);
      ASSERT_EQ(tracker.scl().value(), twin.Scl());
      uint64_t highest = 0;
      for (const Boxcar& run : twin.runs) highest = std::max(highest, run.last);
      EXPECT_EQ(tracker.highest().value(), highest);
      EXPECT_EQ(tracker.has_gap(), highest > twin.Scl());
      for (const Boxcar& run : twin.runs) EXPECT_EQ(Add(tracker, run), Verdict::kDuplicate);
    }
    EXPECT_EQ(tracker.scl(), Lsn(26));
  } while (std::next_permutation(order.begin(), order.end()));
}

// Two runs fit into one chain if nothing forbids it when they are laid out position by position:
// a run claims records at first and last, a record (or the start) at pg_prev, none between those
// two.
bool Fit(const Boxcar& a, const Boxcar& b) {
  for (const auto& [x, y] : {std::pair(a, b), std::pair(b, a)}) {
    for (uint64_t lsn = x.pg_prev + 1; lsn < x.first; ++lsn) {
      if (lsn == y.pg_prev || lsn == y.first || lsn == y.last) return false;
    }
    for (uint64_t lsn = x.first; lsn <= x.last; ++lsn) {
      // Inside one run only the run itself has records; a link to its last is the way out of it.
      if (lsn == y.first || lsn == y.last || (lsn == y.pg_prev && lsn != x.last)) return false;
    }
  }
  return true;
}

// Every pair of runs with LSNs up to 6 on an SCL of 0..3: duplicate, conflict or fit.
TEST(SclTracker, FindsEveryContradictionBetweenTwoRuns) {
  std::vector<Boxcar> runs;
  for (uint64_t prev = 0; prev < 6; ++prev) {
    for (uint64_t first = prev + 1; first <= 6; ++first) {
      for (uint64_t last = first; last <= 6; ++last) runs.push_back({prev, first, last});
    }
  }
  int conflicts = 0;
  for (uint64_t scl = 0; scl <= 3; ++scl) {
    for (const Boxcar& a : runs) {
      if (a.pg_prev < scl) continue;  // judged against SCL alone: the test below
      for (const Boxcar& b : runs) {
        SclTracker tracker((Lsn(scl)));
        Add(tracker, a);
        const Lsn before = tracker.scl();
        const Verdict verdict = Add(tracker, b);
        const bool same =
            std::tie(a.pg_prev, a.first, a.last) == std::tie(b.pg_prev, b.first, b.last);
        if (Lsn(b.last) <= before || same) {
          ASSERT_EQ(verdict, Verdict::kDuplicate);
        } else {
          const bool fits = b.pg_prev >= scl && Fit(a, b);
          const bool attaches = Lsn(b.pg_prev) == before;
          ASSERT_EQ(verdict, !fits      ? Verdict::kConflict
                             : attaches ? Verdict::kAdvanced
                                        : Verdict::kWaiting)
              << "scl " << scl << " a " << a.pg_prev << ":" << a.first << "-" << a.last << " b "
              << b.pg_prev << ":" << b.first << "-" << b.last;
        }
        if (verdict == Verdict::kConflict) {
          ++conflicts;
          ASSERT_EQ(tracker.scl(), before) << "a refused run must leave no trace";
        }
      }
    }
  }
  EXPECT_GT(conflicts, 1000);
}

TEST(SclTracker, RefusesWhatContradictsTheKnownChain) {
  SclTracker tracker(Lsn(10));
  EXPECT_EQ(tracker.Add(Lsn(9), Lsn(10), Lsn(11)), Verdict::kConflict) << "overlaps SCL";
  EXPECT_EQ(tracker.Add(Lsn(8), Lsn(12), Lsn(13)), Verdict::kConflict) << "attaches below SCL";
  EXPECT_EQ(tracker.Add(Lsn(3), Lsn(4), Lsn(10)), Verdict::kDuplicate);
  EXPECT_EQ(tracker.Add(Lsn(15), Lsn(16), Lsn(17)), Verdict::kWaiting);
  EXPECT_EQ(tracker.Add(Lsn(15), Lsn(16), Lsn(18)), Verdict::kConflict) << "same place, longer";
  EXPECT_EQ(tracker.Add(Lsn(10), Lsn(11), Lsn(16)), Verdict::kConflict) << "overlaps a waiting run";
  EXPECT_EQ(tracker.scl(), Lsn(10));
  EXPECT_EQ(tracker.Add(Lsn(10), Lsn(11), Lsn(15)), Verdict::kAdvanced);
  EXPECT_EQ(tracker.scl(), Lsn(17));
}

TEST(SclTracker, CutForgetsEverythingAbove) {
  SclTracker tracker;
  tracker.Add(Lsn(0), Lsn(1), Lsn(5));
  tracker.Add(Lsn(9), Lsn(10), Lsn(12));
  tracker.CutTo(Lsn(3));
  EXPECT_EQ(tracker.scl(), Lsn(3));
  EXPECT_EQ(tracker.highest(), Lsn(3));
  EXPECT_FALSE(tracker.has_gap());
  EXPECT_EQ(tracker.Add(Lsn(3), Lsn(1003), Lsn(1004)), Verdict::kAdvanced) << "the new epoch";
  EXPECT_EQ(tracker.scl(), Lsn(1004));
}

TEST(SclTrackerDeathTest, RequiresRunsThatRise) {
  SclTracker tracker;
  EXPECT_DEATH(tracker.Add(Lsn(5), Lsn(5), Lsn(6)), "INVARIANT");
  EXPECT_DEATH(tracker.Add(Lsn(1), Lsn(5), Lsn(4)), "INVARIANT");
  EXPECT_DEATH(tracker.CutTo(Lsn(1)), "INVARIANT");
}

}  // namespace
}  // namespace hexad::quorum
