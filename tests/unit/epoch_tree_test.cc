// The epoch tree on the worked example of path_test.cc, and everything that may not be added to it.
#include "backtrack/epoch_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hexad::backtrack {
namespace {

using ::testing::HasSubstr;

constexpr TimelineId kA{0xA};
constexpr TimelineId kB{0xB};

EpochKey Key(TimelineId timeline, uint32_t number) { return {timeline, EpochId{number, 7}}; }

// Epoch 1 starts at 1; its writer crashes when VDL is 900, LAL is 1000. Recovery is epoch 2, from
// 1901. Backtrack to the CPL at 700 is epoch 3, from 3401. "Undo" is epoch 4, which forks 2 at
// 2400.
class WorkedExample : public ::testing::Test {
 protected:
  WorkedExample() : tree_(kA) {
    Add(Key(kA, 1), {kA, EpochId::Root()}, 0, 1);
    Add(Key(kA, 2), Key(kA, 1), 900, 1901);
    Add(Key(kA, 3), Key(kA, 1), 700, 3401);
    Add(Key(kA, 4), Key(kA, 2), 2400, 5001);
  }
  void Add(EpochKey key, EpochKey parent, uint64_t fork, uint64_t first) {
    const absl::Status status = TryAdd(key, parent, fork, first);
    EXPECT_TRUE(status.ok()) << status;
  }
  absl::Status TryAdd(EpochKey key, EpochKey parent, uint64_t fork, uint64_t first) {
    return tree_.Add({key, parent, Lsn(fork), Lsn(first), parent, Lsn(fork)});
  }
  std::string Describe(EpochKey key) const { return tree_.PathOf(key).Describe(); }

  EpochTree tree_;
};

TEST_F(WorkedExample, PathsAreCutAtEachChildsFork) {
  EXPECT_EQ(tree_.size(), 5u);
  const std::string root = "e0.0 [empty at 0] > ";
  EXPECT_EQ(Describe(Key(kA, 1)), root + "e1.7 [1,...]");
  EXPECT_EQ(Describe(Key(kA, 2)), root + "e1.7 [1,900] > e2.7 [1901,...]");
  EXPECT_EQ(Describe(Key(kA, 3)), root + "e1.7 [1,700] > e3.7 [3401,...]");
  EXPECT_EQ(Describe(Key(kA, 4)), root + "e1.7 [1,900] > e2.7 [1901,2400] > e4.7 [5001,...]");
}

// A clone at 2000 sees epoch 2 up to there, and writes a log of its own.
TEST_F(WorkedExample, ACloneForksAnotherTimeline) {
  Add(Key(kB, 1), Key(kA, 2), 2000, 2001);
  const quorum::Path clone = tree_.PathOf(Key(kB, 1));
  EXPECT_TRUE(clone.Visible(kA, Lsn(2000)));
  EXPECT_FALSE(clone.Visible(kA, Lsn(2001)));
  EXPECT_TRUE(clone.Visible(kB, Lsn(2001)));
  EXPECT_FALSE(clone.Visible(kA, Lsn(901))) << "between the fork of 1 and the start of 2";
}

// The example's numbers are what recovery computes: first_lsn = max(VDL', first_lsn - 1) + LAL + 1.
TEST_F(WorkedExample, RecoverysForkIsTheExamples) {
  const auto first_after = [this](uint32_t epoch, Lsn vdl, std::vector<quorum::Branch> branches) {
    return NextFirstLsn({tree_.PathOf(Key(kA, epoch)), {}, std::move(branches)}, vdl, 1000);
  };
  EXPECT_EQ(first_after(1, Lsn(900), {}), Lsn(1901));
  // Nothing was written in epoch 2 yet: it may still have issued everything up to 1900 + LAL.
  EXPECT_EQ(first_after(2, Lsn(900), {}), Lsn(2901));
  EXPECT_EQ(first_after(2, Lsn(2400), {}), Lsn(3401));
  // What a branch may have issued counts, too.
  quorum::Branch left{tree_.PathOf(Key(kA, 2)), {}, {Lsn(2400), Lsn(2400)}, Key(kA, 3).epoch};
  EXPECT_EQ(first_after(1, Lsn(700), {left}), Lsn(3401));
}

TEST_F(WorkedExample, RefusesWhatIsNoForkOfIt) {
  const auto refused = [&](EpochKey key, EpochKey parent, uint64_t fork, uint64_t first,
                           const char* why) {
    const absl::Status status = TryAdd(key, parent, fork, first);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(why));
    EXPECT_EQ(tree_.size(), 5u);
  };
  refused(Key(kA, 5), Key(kA, 5), 0, 6001, "a second root");
  refused(Key(kA, 4), Key(kA, 2), 2400, 6001, "it exists");
  refused(Key(kA, 5), Key(kA, 9), 2400, 6001, "parent is unknown");
  refused(Key(kA, 5), Key(kA, 2), 1500, 6001, "outside the parent's history");
  refused(Key(kA, 5), Key(kA, 4), 6000, 6000, "starts at or below its fork");
  refused(Key(kA, 3), Key(kA, 4), 5001, 6001, "it exists");
  refused({kA, EpochId{3, 8}}, Key(kA, 2), 2400, 6001, "a later epoch exists");
  refused(Key(kA, 5), Key(kA, 1), 700, 5001, "at or below an earlier epoch");
}

}  // namespace
}  // namespace hexad::backtrack
