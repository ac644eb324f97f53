// The core of a volume's life against six real node cores: going back while it writes.
#include "compute/core/volume_core.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/opening_cluster.h"

namespace hexad::compute {
namespace {

using backtrack::OpeningCluster;
using ::testing::HasSubstr;

const std::vector<int> kAll = {1, 2, 3, 4, 5, 6};

// Every answer is delivered in the order in which it was made.
class VolumeCoreTest : public ::testing::Test {
 protected:
  VolumeCoreTest() { OpenAnew(1); }

  // Another process opens the volume.
  void OpenAnew(uint64_t seed) {
    VolumeCoreOptions options = Options();
    options.seed = seed;
    core_ = std::make_unique<VolumeCore>(options);
    Step(OpenVolume{});
    for (const auto& node : cluster_.roster) Step(quorum::NodeUp{node.node, node.incarnation});
    EXPECT_EQ(core_->phase(), VolumeCore::Phase::kWriting);
  }

  VolumeCoreOptions Options() const {
    VolumeCoreOptions options;
    options.named = cluster_.named;
    options.roster = cluster_.roster;
    options.lal = options.writer.lal = backtrack::kLal;
    options.mark_every = Duration::Micros(1);
    return options;
  }

  void Step(VolumeInput in) {
    Feed(std::move(in));
    while (!waiting_.empty()) {
      auto next = std::move(waiting_.front());
      waiting_.pop_front();
      Feed(std::move(next));
    }
  }
  void Feed(VolumeInput in) {
    VolumeCore::Effects out;
    core_->Step(in, cluster_.now, out);
    core_->CheckInvariants();
    for (auto& effect : out) {
      if (auto* send = std::get_if<quorum::Send>(&effect)) {
        Ask(*send);
      } else if (auto* opening = std::get_if<OpeningSend>(&effect)) {
        Ask(opening->send);
      } else if (auto* issued = std::get_if<quorum::MtrIssued>(&effect)) {
        commits_.push_back(issued->commit_lsn);
      } else if (auto* ended = std::get_if<BacktrackEnded>(&effect)) {
        ended_.push_back(std::move(*ended));
      }
    }
  }
  void Ask(const quorum::Send& send) {
    const bool looks = std::holds_alternative<quorum::FindCommit>(send.request);
    if (looks && nobody_finds_) return;
    for (auto& answer : cluster_.Ask(send.node, send.request)) {
      waiting_.push_back({send.node, std::move(answer)});
    }
  }
  void RunTo(Instant end) {
    while (core_->NextDeadline(cluster_.now) <= end) {
      cluster_.now = std::max(cluster_.now, core_->NextDeadline(cluster_.now));
      Step(VolumeTick{});
    }
    cluster_.now = end;
  }
  // An MTR of one record, durable. Its commit time: 10 times its number, which counts from 1.
  Lsn Commit() { return CommitAt(CommitTime(static_cast<int64_t>(10 * (commits_.size() + 1)))); }
  Lsn CommitAt(CommitTime clock) {
    const size_t before = commits_.size();
    quorum::PageChange change;
    change.page = PageNo(1);
    change.kind = quorum::RecordKind::kNop;
    const std::vector<quorum::PageChange> changes = {change};
    Step(quorum::SubmitMtr{before + 1, changes, clock});
    RunTo(cluster_.now + Duration::Millis(50));
    EXPECT_EQ(commits_.size(), before + 1);
    EXPECT_EQ(core_->vdl(), commits_.back());
    return commits_.back();
  }
  // As a segment has it.
  CommitTime TimeOf(Lsn commit) {
    const quorum::Envelope to = cluster_.To(0, core_->epoch());
    const auto answers = cluster_.Ask(1, quorum::FindCommit{to, *core_->history(), commit, commit});
    const auto* found =
        answers.empty() ? nullptr : std::get_if<quorum::CommitFound>(&answers.front());
    EXPECT_TRUE(found != nullptr && found->before.has_value() && found->before->lsn == commit);
    return found == nullptr ? CommitTime() : found->before.value_or(quorum::CommitPoint{}).time;
  }
  absl::Status GoBack(const backtrack::BacktrackTarget& target) {
    ended_.clear();
    Step(Backtrack{target});
    RunTo(cluster_.now + Duration::Seconds(3));
    EXPECT_EQ(ended_.size(), 1u);
    EXPECT_FALSE(core_->going_back());
    EXPECT_EQ(core_->phase(), VolumeCore::Phase::kWriting);
    return ended_.empty() ? absl::InternalError("not ended") : ended_.front().status;
  }

  OpeningCluster cluster_;
  std::unique_ptr<VolumeCore> core_;
  std::deque<quorum::NodeAnswered> waiting_;
  std::vector<Lsn> commits_;
  std::vector<BacktrackEnded> ended_;
  bool nobody_finds_ = false;
};

TEST_F(VolumeCoreTest, GoesBackInItsNextEpoch) {
  const Lsn first = Commit();
  const Lsn second = Commit();
  const uint32_t epoch = core_->epoch().number;
  ASSERT_TRUE(GoBack(first).ok());
  EXPECT_EQ(core_->vdl(), first);
  EXPECT_EQ(core_->epoch().number, epoch + 1);
  EXPECT_EQ(ended_.front().forked_at.lsn, first);
  EXPECT_EQ(ended_.front().first_left->lsn, second);
}

// Found by the simulator: each refused backtrack cost two openings.
TEST_F(VolumeCoreTest, ATargetThatCannotBeCostsNoEpoch) {
  const Lsn first = Commit();
  const Lsn second = Commit();
  const EpochId epoch = core_->epoch();
  const auto refuses = [&](const backtrack::BacktrackTarget& target, const std::string& why) {
    const absl::Status status = GoBack(target);
    EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
    EXPECT_THAT(status.ToString(), HasSubstr(why));
    EXPECT_EQ(core_->epoch(), epoch) << "an opening was made for it";
    EXPECT_EQ(core_->vdl(), second);
  };
  refuses(second.Next(), "on none of its histories");
  refuses(CommitTime(9), absl::StrCat("the first one is LSN ", first.value()));
  refuses(Lsn(), "no commit at or before the target");
  Commit();
}

TEST_F(VolumeCoreTest, WhatIsNotRetainedCostsNoEpoch) {
  quorum::Retention nothing;
  nothing.window_ms = 0;
  Step(ChangeRetention{nothing});
  const Lsn first = Commit();
  for (int i = 0; i < 5; ++i) Commit();
  ASSERT_GT(core_->manifest().retained_from, first) << "nothing was forgotten";
  const EpochId epoch = core_->epoch();
  const absl::Status status = GoBack(first);
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("older than what is retained"));
  EXPECT_EQ(core_->epoch(), epoch);
}

TEST_F(VolumeCoreTest, ABranchIsLookedUpUpToItsEnd) {
  const Lsn first = Commit();
  const Lsn second = Commit();
  ASSERT_TRUE(GoBack(first).ok());
  Commit();
  const EpochId epoch = core_->epoch();
  EXPECT_TRUE(absl::IsOutOfRange(GoBack(second.Next())));
  EXPECT_EQ(core_->epoch(), epoch);
  ASSERT_TRUE(GoBack(second).ok());
  EXPECT_EQ(core_->vdl(), second);
}

TEST_F(VolumeCoreTest, ForwardIntoABranchItsCommitsAreThereAgainUpToTheFork) {
  const Lsn first = Commit();
  const Lsn second = Commit();
  const Lsn third = Commit();
  const Lsn fourth = Commit();
  ASSERT_TRUE(GoBack(first).ok());
  EXPECT_TRUE(core_->IsDurable(first));
  EXPECT_FALSE(core_->IsDurable(second));
  ASSERT_TRUE(GoBack(third).ok());
  EXPECT_TRUE(core_->IsDurable(second));
  EXPECT_TRUE(core_->IsDurable(third));
  EXPECT_FALSE(core_->IsDurable(fourth));
  const Lsn fifth = Commit();
  EXPECT_TRUE(core_->IsDurable(fifth));
  EXPECT_FALSE(core_->IsDurable(fourth)) << "VDL has passed it, on another history";
  ASSERT_TRUE(GoBack(fourth).ok());
  EXPECT_TRUE(core_->IsDurable(fourth));
  EXPECT_FALSE(core_->IsDurable(fifth));
}

// The question is not answered: the opening finds out.
TEST_F(VolumeCoreTest, WithoutAnAnswerTheOpeningLooks) {
  const Lsn first = Commit();
  Commit();
  nobody_finds_ = true;
  ended_.clear();
  Step(Backtrack{first});
  EXPECT_TRUE(core_->going_back());
  EXPECT_EQ(core_->phase(), VolumeCore::Phase::kWriting) << "it goes on until it knows";
  Commit();
  RunTo(cluster_.now + VolumeCore::kLookUpPatience);
  EXPECT_EQ(core_->phase(), VolumeCore::Phase::kSucceeding);
  nobody_finds_ = false;
  RunTo(cluster_.now + Duration::Seconds(3));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_TRUE(ended_.front().status.ok()) << ended_.front().status;
  EXPECT_EQ(core_->vdl(), first);
}

// The commit times of a history do not fall, but for what the newest mark did not know.
TEST_F(VolumeCoreTest, AWriterWhoseClockIsBehindRepeatsAtMostOneMarksStep) {
  const int64_t step = quorum::Retention().window_ms * 1000 / RetentionMarks::kSteps;
  const int64_t start = 1'000 * step;
  int64_t newest = 0;
  for (int i = 0; i <= 45; ++i) CommitAt(CommitTime(newest = start + i * step / 10));
  OpenAnew(2);
  const CommitTime first = TimeOf(CommitAt(CommitTime(1)));
  EXPECT_LE(first, CommitTime(newest));
  EXPECT_GE(first, CommitTime(newest - step)) << "what the marks know is not fallen behind";
  const CommitTime second = TimeOf(CommitAt(CommitTime(2)));
  EXPECT_GE(second, first);
  EXPECT_EQ(TimeOf(CommitAt(CommitTime(newest + 7))), CommitTime(newest + 7)) << "right again";
}

// A clock that jumps back under a writer moves nothing.
TEST_F(VolumeCoreTest, WithinATenureCommitTimesNeverFall) {
  EXPECT_EQ(TimeOf(CommitAt(CommitTime(500))), CommitTime(500));
  EXPECT_EQ(TimeOf(CommitAt(CommitTime(3))), CommitTime(500));
  EXPECT_EQ(TimeOf(CommitAt(CommitTime(501))), CommitTime(501));
}

}  // namespace
}  // namespace hexad::compute
