// Which log positions a history consists of (quorum/path.h), and a worked example.
#include "quorum/path.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <vector>

namespace hexad::quorum {
namespace {

constexpr TimelineId kA(0xa);
constexpr TimelineId kB(0xb);

constexpr EpochId E(uint32_t number) { return EpochId{number, 0}; }
PathStep Step(TimelineId timeline, uint32_t number, uint64_t first, uint64_t last) {
  return PathStep{timeline, E(number), Lsn(first), Lsn(last)};
}
constexpr uint64_t kOpen = UINT64_MAX;

Path FromSteps(std::vector<PathStep> steps) {
  absl::StatusOr<Path> path = Path::FromSteps(std::move(steps));
  EXPECT_TRUE(path.ok()) << path.status();
  return path.ok() ? *path : Path();
}

// --- The worked example --------------------------------------------------------------------------

class WorkedExample : public ::testing::Test {
 protected:
  // Epoch 1 starts at 1; the writer crashes when VDL is 900, LAL is 1000.
  Path e1 = FromSteps({Step(kA, 1, 1, kOpen)});
  // Recovery: epoch 2 {parent 1, fork 900, first 1901}. Writes 1901..2400.
  Path e2 = e1.Fork(kA, E(2), Lsn(900), Lsn(1901));
  // Backtrack to the CPL at 700: epoch 3 {parent 1, fork 700, first 3401}.
  Path e3 = e2.Fork(kA, E(3), Lsn(700), Lsn(3401));
  // "Undo": epoch 4 {parent 2, fork 2400, first ...}.
  Path e4 = e2.Fork(kA, E(4), Lsn(2400), Lsn(4401));
  // A clone at 2000: timeline B, epoch 1 {parent (A, 2), fork 2000, first 2001}.
  Path clone = e2.Fork(kB, E(1), Lsn(2000), Lsn(2001));
};

TEST_F(WorkedExample, PathsAreAsPrinted) {
  EXPECT_EQ(e2, FromSteps({Step(kA, 1, 1, 900), Step(kA, 2, 1901, kOpen)}));
  EXPECT_EQ(e3, FromSteps({Step(kA, 1, 1, 700), Step(kA, 3, 3401, kOpen)}));
  EXPECT_EQ(e4,
            FromSteps({Step(kA, 1, 1, 900), Step(kA, 2, 1901, 2400), Step(kA, 4, 4401, kOpen)}));
  EXPECT_EQ(clone,
            FromSteps({Step(kA, 1, 1, 900), Step(kA, 2, 1901, 2000), Step(kB, 1, 2001, kOpen)}));
  // Epoch 3 is the same whether the fork is made from the path of epoch 1 or of epoch 2.
  EXPECT_EQ(e3, e1.Fork(kA, E(3), Lsn(700), Lsn(3401)));
}

TEST_F(WorkedExample, DescribesItself) {
  EXPECT_EQ(e2.Describe(), "e1.0 [1,900] > e2.0 [1901,...]");
  EXPECT_EQ(e3.Describe(), "e1.0 [1,700] > e3.0 [3401,...]");
  EXPECT_EQ(clone.Describe(),
            "timeline a: e1.0 [1,900] > e2.0 [1901,2000] > timeline b: e1.0 [2001,...]");
  EXPECT_EQ(e2.Fork(kA, {3, 0x7f}, Lsn(900), Lsn(2901)).Describe(),
            "e1.0 [1,900] > e2.0 [empty at 900] > e3.7f [2901,...]");
}

TEST_F(WorkedExample, VisibleIsWhatAnIntervalHolds) {
  struct Row {
    uint64_t lsn;
    bool in_e1, in_e2, in_e3, in_e4;
  };
  for (const Row& row : {Row{1, true, true, true, true}, Row{700, true, true, true, true},
                         Row{701, true, true, false, true}, Row{900, true, true, false, true},
                         // issued by epoch 1, lost in the crash
                         Row{901, true, false, false, false}, Row{1900, true, false, false, false},
                         Row{1901, true, true, false, true}, Row{2400, true, true, false, true},
                         Row{2401, true, true, false, false}, Row{3400, true, true, false, false},
                         Row{3401, true, true, true, false}, Row{4401, true, true, true, true}}) {
    EXPECT_EQ(e1.Visible(kA, Lsn(row.lsn)), row.in_e1) << row.lsn;
    EXPECT_EQ(e2.Visible(kA, Lsn(row.lsn)), row.in_e2) << row.lsn;
    EXPECT_EQ(e3.Visible(kA, Lsn(row.lsn)), row.in_e3) << row.lsn;
    EXPECT_EQ(e4.Visible(kA, Lsn(row.lsn)), row.in_e4) << row.lsn;
  }
  EXPECT_FALSE(e1.Visible(kA, Lsn::None()));
}

TEST_F(WorkedExample, CloneSeesItsParentUpToTheForkAndOnlyItselfAfterwards) {
  EXPECT_TRUE(clone.Visible(kA, Lsn(2000)));
  EXPECT_FALSE(clone.Visible(kA, Lsn(2001)));
  EXPECT_TRUE(clone.Visible(kB, Lsn(2001)));
  EXPECT_FALSE(clone.Visible(kB, Lsn(2000)));
  EXPECT_FALSE(e2.Visible(kB, Lsn(2001)));
}

TEST_F(WorkedExample, AFinerForkDropsTheEpochsThatTheHistoryNeverReached) {
  EXPECT_EQ(e3.Find(kA, E(2)), nullptr);
  EXPECT_EQ(e3.Clamp(kA, E(2), Lsn(2400)), Lsn::None());
  EXPECT_EQ(e3.Clamp(kA, E(1), Lsn(900)), Lsn(700));
  EXPECT_EQ(e3.Clamp(kA, E(1), Lsn(650)), Lsn(650));
  EXPECT_EQ(e3.Clamp(kA, E(3), Lsn(3500)), Lsn(3500));
  EXPECT_EQ(e4.Clamp(kA, E(2), Lsn(2500)), Lsn(2400));
  EXPECT_EQ(clone.Clamp(kA, E(2), Lsn(2400)), Lsn(2000));
  EXPECT_EQ(clone.Clamp(kB, E(2), Lsn(2400)), Lsn::None());
}

TEST_F(WorkedExample, ForkLsnIsWhereTheNewestLeftItsParent) {
  EXPECT_EQ(e1.fork_lsn(), Lsn::None());
  EXPECT_EQ(e2.fork_lsn(), Lsn(900));
  EXPECT_EQ(e3.fork_lsn(), Lsn(700));
  EXPECT_EQ(clone.fork_lsn(), Lsn(2000));
}

TEST_F(WorkedExample, OnlyPositionsOfTheHistoryCanBeForked) {
  EXPECT_TRUE(e2.CanForkAt(Lsn::None()));
  EXPECT_TRUE(e2.CanForkAt(Lsn(900)));
  EXPECT_FALSE(e2.CanForkAt(Lsn(901)));  // lost in the crash
  EXPECT_FALSE(e2.CanForkAt(Lsn(1900)));
  EXPECT_TRUE(e2.CanForkAt(Lsn(1901)));
  EXPECT_FALSE(e2.CanForkAt(Lsn::Max()));
}

using PathDeathTest = WorkedExample;
TEST_F(PathDeathTest, ForkChecksItsCaller) {
  EXPECT_DEATH(e2.Fork(kA, E(3), Lsn(1000), Lsn(3401)), "CanForkAt");
  EXPECT_DEATH(e2.Fork(kA, E(3), Lsn(2400), Lsn(2400)), "first_lsn > fork");
  EXPECT_DEATH(e2.Fork(kA, E(2), Lsn(2400), Lsn(3401)), "epoch > step.epoch");
  // LSNs of epoch 2 would be issued again.
  EXPECT_DEATH(e2.Fork(kA, E(3), Lsn(700), Lsn(1901)), "StartsAfter");
  EXPECT_DEATH(clone.Fork(kA, E(5), Lsn(2001), Lsn(9001)), "newest\\(\\).timeline");
}

// --- Openings that crashed before they wrote -----------------------------------------------------

TEST(Path, AnEpochThatWroteNothingStaysAsAnEmptyStep) {
  const Path root = Path::Root(kA);
  EXPECT_EQ(root.Describe(), "e0.0 [1,...]");
  EXPECT_EQ(root.epoch(), EpochId::Root());
  const Path e1 = root.Fork(kA, E(1), Lsn::None(), Lsn(1001));
  EXPECT_EQ(e1.Describe(), "e0.0 [empty at 0] > e1.0 [1001,...]");
  const Path e2 = e1.Fork(kA, E(2), Lsn(1900), Lsn(2901));
  const Path e3 = e2.Fork(kA, E(3), Lsn(1900), Lsn(3901));
  const Path e4 = e3.Fork(kA, E(4), Lsn(1900), Lsn(4901));
  EXPECT_EQ(e4.Describe(),
            "e0.0 [empty at 0] > e1.0 [1001,1900] > e2.0 [empty at 1900] > e3.0 [empty at 1900]"
            " > e4.0 [4901,...]");
  EXPECT_EQ(e4.fork_lsn(), Lsn(1900));

  // They hold nothing...
  for (const uint64_t lsn : {1u, 1000u, 1901u, 2901u, 3901u, 4900u}) {
    EXPECT_FALSE(e4.Visible(kA, Lsn(lsn))) << lsn;
  }
  // ... but a position learned under them still counts for what they inherited.
  EXPECT_EQ(e4.Clamp(kA, E(2), Lsn(1880)), Lsn(1880));
  EXPECT_EQ(e4.Clamp(kA, E(3), Lsn(3950)), Lsn(1900));
  EXPECT_EQ(e4.Clamp(kA, EpochId::Root(), Lsn(7)), Lsn::None());

  // A fork below theirs drops them, one at the very start keeps the root alone.
  EXPECT_EQ(e4.Fork(kA, E(5), Lsn(1899), Lsn(5901)).Describe(),
            "e0.0 [empty at 0] > e1.0 [1001,1899] > e5.0 [5901,...]");
  EXPECT_EQ(e4.Fork(kA, E(5), Lsn::None(), Lsn(5901)).Describe(),
            "e0.0 [empty at 0] > e1.0 [empty at 0] > e5.0 [5901,...]");
}

TEST(Path, ACloneOfAnEmptyEpochMayStartBelowIt) {
  const Path e2 = FromSteps({Step(kA, 1, 1, 900), Step(kA, 2, 1901, kOpen)});
  const Path clone = e2.Fork(kB, E(1), Lsn(900), Lsn(901));
  EXPECT_EQ(clone.Describe(),
            "timeline a: e1.0 [1,900] > e2.0 [empty at 900] > timeline b: e1.0 [901,...]");
  EXPECT_TRUE(clone.Visible(kB, Lsn(1901)));
  EXPECT_FALSE(clone.Visible(kA, Lsn(1901)));
  EXPECT_EQ(FromSteps(clone.steps()), clone);
}

TEST(Path, ACloneCanBacktrackToBeforeItWasCloned) {
  const Path clone = FromSteps({Step(kA, 1, 1, 900), Step(kB, 1, 901, kOpen)});
  EXPECT_EQ(clone.Fork(kB, E(2), Lsn(500), Lsn(2001)).Describe(),
            "timeline a: e1.0 [1,500] > timeline b: e2.0 [2001,...]");
}

// --- Bytes from outside --------------------------------------------------------------------------

TEST(Path, FromStepsRefusesWhatNoForkCanMake) {
  struct Row {
    std::vector<PathStep> steps;
    const char* why;
  };
  const std::vector<Row> rows = {
      {{}, "without a step"},
      {{Step(kA, 1, 1, 900)}, "only the newest step is open-ended"},
      {{Step(kA, 1, 1, kOpen), Step(kA, 2, 1901, kOpen)}, "only the newest step is open-ended"},
      {{Step(kA, 1, 0, kOpen)}, "starts at or below its fork"},
      {{Step(kA, 1, kOpen, kOpen)}, "reserved highest"},
      {{Step(kA, 1, 1, 900), Step(kA, 2, 900, kOpen)}, "starts at or below its fork"},
      {{Step(kA, 1, 1, 900), Step(kA, 2, 1901, 800), Step(kA, 3, 2901, kOpen)}, "does not end at"},
      {{Step(kA, 1, 1, 900), Step(kA, 2, 1901, 901), Step(kA, 3, 2901, kOpen)}, "does not end at"},
      {{Step(kA, 1, 5, 3), Step(kA, 2, 1901, kOpen)}, "does not end at"},
      {{Step(kA, 2, 1, 900), Step(kA, 2, 1901, kOpen)}, "does not raise the epoch"},
      {{Step(kA, 2, 1, 900), Step(kA, 1, 1901, kOpen)}, "does not raise the epoch"},
      {{Step(kA, 1, 1901, 0), Step(kA, 2, 1901, kOpen)}, "its parent's start"},
      {{Step(kA, 1, 1, 9), Step(kB, 1, 10, 19), Step(kA, 2, 90, kOpen)}, "returns to a timeline"},
  };
  for (const Row& row : rows) {
    const absl::StatusOr<Path> path = Path::FromSteps(row.steps);
    ASSERT_FALSE(path.ok()) << row.why;
    EXPECT_EQ(path.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(path.status().message().find(row.why), std::string::npos) << path.status();
  }
}

// --- Dumb twins ----------------------------------------------------------------------------------

// A tree of epochs as the papers draw it, and visibility by walking it upwards record by record.
struct TreeEpoch {
  int parent;  // -1: none
  uint64_t fork;
  TimelineId timeline;
  uint64_t first;
  uint64_t last;  // the last LSN it issued; below `first` if none
};

bool VisibleTwin(const std::vector<TreeEpoch>& tree, int newest, TimelineId timeline,
                 uint64_t lsn) {
  uint64_t cut = kOpen;
  for (int at = newest; at != -1; at = tree[at].parent) {
    const TreeEpoch& epoch = tree[at];
    if (epoch.timeline == timeline && epoch.first <= lsn && lsn <= epoch.last) return lsn <= cut;
    cut = std::min(cut, epoch.fork);
  }
  return false;
}

// Random openings, backtracks and clones: after each, every LSN ever issued (and those around it)
// is visible on the path exactly if the walk over the tree says so.
RC_GTEST_PROP(Path, AgreesWithAWalkOverTheEpochTree, ()) {
  std::vector<TreeEpoch> tree = {{-1, 0, TimelineId(1), 1, 0}};
  std::vector<Path> paths = {Path::Root(TimelineId(1))};
  std::map<TimelineId, uint64_t> used = {{TimelineId(1), 1}};  // at or above all issued
  const int forks = *rc::gen::inRange(1, 12);
  for (int i = 1; i <= forks; ++i) {
    const int parent = *rc::gen::inRange(0, i);
    const Path& path = paths[parent];
    // Fork at what the parent sees: anywhere, at its end, or where it began.
    std::vector<uint64_t> visible = {0, path.fork_lsn().value()};
    for (uint64_t lsn = 1; lsn <= tree[parent].last; ++lsn) {
      if (VisibleTwin(tree, parent, TimelineId(1), lsn) ||
          VisibleTwin(tree, parent, tree[parent].timeline, lsn)) {
        visible.push_back(lsn);
      }
    }
    const uint64_t fork =
        *rc::gen::inRange(0, 3) == 0 ? visible.back() : *rc::gen::elementOf(visible);
    const bool clone = *rc::gen::inRange(0, 4) == 0;
    const TimelineId timeline = clone ? TimelineId(i + 1) : tree[parent].timeline;
    const uint64_t lal = *rc::gen::inRange(1, 8);
    const uint64_t first = clone ? fork + 1 : std::max(used[timeline], fork) + lal;
    const uint64_t writes = *rc::gen::inRange(0, 6);
    tree.push_back({parent, fork, timeline, first, first + writes - 1});
    used[timeline] = first + writes;
    paths.push_back(path.Fork(timeline, E(static_cast<uint32_t>(i)), Lsn(fork), Lsn(first)));

    const Path& child = paths.back();
    RC_ASSERT(child.fork_lsn() == Lsn(fork));
    const absl::StatusOr<Path> decoded = Path::FromSteps(child.steps());
    RC_ASSERT(decoded.ok());
    RC_ASSERT(*decoded == child);
    for (const auto& [some_timeline, highest] : used) {
      for (uint64_t lsn = 0; lsn <= highest; ++lsn) {
        if (some_timeline == timeline && lsn >= first) break;  // open-ended: not yet issued
        RC_ASSERT(child.Visible(some_timeline, Lsn(lsn)) ==
                  VisibleTwin(tree, i, some_timeline, lsn));
      }
    }
  }
}

// Visible searches; its twin looks at each step. Also: a path of any steps either is refused, or
// keeps the promise that intervals are disjoint.
RC_GTEST_PROP(Path, AgreesWithAScanOfItsSteps, ()) {
  std::vector<PathStep> steps;
  const uint32_t count = *rc::gen::inRange<uint32_t>(1, 7);
  uint64_t fork = 0;
  for (uint32_t number = 1; number <= count; ++number) {
    const TimelineId timeline(number <= *rc::gen::inRange<uint32_t>(0, 7) ? 1 : 2);
    // A gap of 0 overlaps the parent, and is refused.
    const uint64_t gap = *rc::gen::weightedElement<uint64_t>({{1, 0}, {4, 1}, {4, 3}, {4, 5}});
    const uint64_t first = fork + gap;
    const bool is_empty = *rc::gen::inRange(0, 3) == 0;
    const uint64_t last = is_empty ? fork : first + *rc::gen::inRange<uint64_t>(0, 4);
    steps.push_back(PathStep{timeline, E(number), Lsn(first), Lsn(number == count ? kOpen : last)});
    fork = last;
  }
  const absl::StatusOr<Path> path = Path::FromSteps(steps);
  RC_CLASSIFY(path.ok(), "accepted");
  for (uint64_t lsn = 0; lsn < 50 && path.ok(); ++lsn) {
    int holders = 0;
    for (const PathStep& step : steps) {
      const bool holds = step.first_lsn <= Lsn(lsn) && Lsn(lsn) <= step.last_lsn;
      holders += holds ? 1 : 0;
      if (holds) RC_ASSERT(path->Visible(step.timeline, Lsn(lsn)));
    }
    RC_ASSERT(holders <= 1);
    if (holders == 0) {
      RC_ASSERT(!path->Visible(TimelineId(1), Lsn(lsn)));
      RC_ASSERT(!path->Visible(TimelineId(2), Lsn(lsn)));
    }
    RC_ASSERT(path->CanForkAt(Lsn(lsn)) == (lsn == 0 || holders == 1));
  }
}

}  // namespace
}  // namespace hexad::quorum
