// Real processes whose links are cut (both ways, one way, for gossip only) or slow, under a writer
// at full speed: what the quorums tolerate costs no commit, what they do not stops writes in the
// user's words, and after the heal everything goes on by itself and all segments are equal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>

#include "absl/strings/ascii.h"
#include "cli/launcher/wait.h"
#include "tests/cluster/background_load.h"

namespace hexad::cluster_test {
namespace {

using compute::UserError;
using compute::UserErrorOf;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

constexpr int kUsage = 2;
constexpr int kRefused = 3;
constexpr uint64_t kManyMtrs = 2000;

launcher::ClusterRequest WithFaults() {
  launcher::ClusterRequest request;
  request.faults = true;
  return request;
}

// One test cluster for all tests of the suite; each begins healed, with a volume of its own that
// this process writes to over bench's links.
class Links : public testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<ScratchCluster>(WithFaults()); }
  static void TearDownTestSuite() { cluster_.reset(); }

  void SetUp() override {
    Do({"heal"});
    compute::OpenOptions impatient;
    impatient.commit_timeout = Duration::Seconds(4);
    volume_ = std::make_unique<OpenedVolume>(*cluster_, Name(), impatient, launcher::kBench);
    ASSERT_TRUE(volume_->ok());
  }
  void TearDown() override {
    volume_.reset();
    Do({"heal"});
  }

  static std::string Name() {
    return absl::AsciiStrToLower(testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  static std::string AckLog() { return cluster_->folder().root() + "/" + Name() + ".acks"; }
  static void Do(const std::vector<std::string>& verb) {
    const Outcome outcome = cluster_->Run(verb);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.Said();
  }
  // Every acknowledged MTR is there, and all six segments are equal.
  static void Prove(uint64_t acked) {
    const Outcome verify = cluster_->Run({"verify", Name(), "--ack-log", AckLog(), "--json"}, 90);
    ASSERT_EQ(verify.exit_code, 0) << verify.Said();
    EXPECT_EQ(verify.Json().at("present"), acked);
    EXPECT_EQ(verify.Json().at("segments"), 6);
  }
  // Commits go on under this fault, and none fails; returns how they did meanwhile.
  workload::WriteResult ExpectNothingFails(const std::vector<std::vector<std::string>>& fault) {
    BackgroundLoad load(**volume_, AckLog());
    EXPECT_TRUE(load.AwaitMore(kManyMtrs));
    for (const auto& verb : fault) Do(verb);
    EXPECT_TRUE(load.AwaitMore(kManyMtrs)) << "commits go on";
    Do({"heal"});
    EXPECT_TRUE(load.AwaitMore(kManyMtrs));
    workload::WriteResult result = load.End();
    EXPECT_TRUE(result.ended.ok()) << result.ended;
    EXPECT_EQ(result.failed + result.unknown, 0u);
    Prove(result.acked);
    return result;
  }

  static std::unique_ptr<ScratchCluster> cluster_;
  std::unique_ptr<OpenedVolume> volume_;
};
std::unique_ptr<ScratchCluster> Links::cluster_;

TEST_F(Links, AnAzCutOffFromEverybodyCostsNoCommit) {
  ExpectNothingFails({{"cut", "az:b", "az:a,az:c,compute,bench"}});
}

TEST_F(Links, OneWayCutsCostNoCommit) {
  // n1 hears the writer, and its acks are lost; n3 answers, and hears nothing.
  ExpectNothingFails({{"cut", "n1", "bench", "--one-way"}, {"cut", "bench", "n3", "--one-way"}});
}

TEST_F(Links, NodesThatCannotGossipCostNoCommit) {
  ExpectNothingFails({{"cut", "n2", "n1,n3,n4,n5,n6"}, {"cut", "n5,n6", "n3,n4"}});
}

// The write set is the fastest four.
TEST_F(Links, TwoSlowNodesAreNotWaitedFor) {
  const workload::WriteResult result =
      ExpectNothingFails({{"slow", "n2", "--disk", "400ms"}, {"slow", "n5", "--net", "400ms"}});
  EXPECT_LT(result.commit_us.Percentile(9'000), 400'000u);
}

TEST_F(Links, WhatGossipAloneBringsIsWhole) {
  uint64_t acked = 0;
  {
    BackgroundLoad load(**volume_, AckLog());
    ASSERT_TRUE(load.AwaitMore(kManyMtrs));
    Do({"cut", "n6", "bench"});
    ASSERT_TRUE(load.AwaitMore(kManyMtrs));
    acked = load.End().acked;
  }
  Prove(acked);  // n6 is still cut off from who wrote it
}

TEST_F(Links, AWriterCutOffFromThreeStopsAndGoesOnByItself) {
  uint64_t acked = 0;
  {
    BackgroundLoad load(**volume_, AckLog());
    ASSERT_TRUE(load.AwaitMore(kManyMtrs));
    Do({"cut", "bench", "n1,n3", "--force"});
    Do({"cut", "n5", "bench", "--one-way", "--force"});
    ASSERT_TRUE(load.AwaitEnd()) << "three of six make nothing durable";
    const workload::WriteResult result = load.End();
    EXPECT_THAT(UserErrorOf(result.ended), AnyOf(UserError::kReadOnly, UserError::kCommitUnknown))
        << result.ended;
    acked = result.acked;
  }
  // A link that only holds everything back is not seen to be cut before gRPC's keepalive ends it.
  absl::Status last;
  const absl::Status refused = launcher::WaitUntil(
      {"writes to be refused", launcher::Millis(40'000), ""}, [&]() -> absl::StatusOr<bool> {
        last = PutDurably(**volume_, PageNo(300), "no");
        return UserErrorOf(last) == UserError::kReadOnly;
      });
  EXPECT_TRUE(refused.ok()) << last;
  const EpochId epoch = (*volume_)->Status().epoch;
  Do({"heal"});
  const absl::Status resumed = launcher::WaitUntil(
      {"writes to resume", launcher::Millis(20'000), ""}, [&]() -> absl::StatusOr<bool> {
        last = PutDurably(**volume_, PageNo(300), "again");
        return last.ok();
      });
  ASSERT_TRUE(resumed.ok()) << last;
  EXPECT_EQ((*volume_)->Status().epoch, epoch) << "the same tenure goes on";
  Prove(acked);
}

// ---- the command --------------------------------------------------------------------------------

TEST_F(Links, ACutSaysWhatItWouldDoAndCost) {
  const Outcome dry = cluster_->Run({"cut", "compute", "n1,az:b", "--dry-run"});
  EXPECT_EQ(dry.exit_code, 0) << dry.Said();
  EXPECT_THAT(dry.out, AllOf(HasSubstr("would cut compute <-> n1\n"),
                             HasSubstr("would cut compute <-> n3\n"),
                             HasSubstr("volume main:  write quorum 4/6 LOST (3 up)"),
                             HasSubstr("refused without --force")));
  const Outcome refused = cluster_->Run({"cut", "compute", "n1,az:b"});
  EXPECT_EQ(refused.exit_code, kRefused) << refused.Said();
  EXPECT_TRUE(cluster_->Look().faults.none());
}

TEST_F(Links, StatusShowsWhatIsInForceAndHealEndsIt) {
  Do({"cut", "n1", "n2", "--one-way"});
  Do({"slow", "n4", "--disk", "50ms", "--net", "20ms"});
  const nlohmann::json faults = cluster_->Run({"status", "--json"}).Json().at("faults");
  EXPECT_THAT(faults.at("links"),
              testing::Contains(
                  nlohmann::json({{"from", "n1"}, {"to", "n2"}, {"cut", true}, {"delay_us", 0}})));
  EXPECT_EQ(faults.at("disks").at(0).at("fsync_delay_us"), 50'000);
  EXPECT_THAT(cluster_->Run({"status"}).out, HasSubstr("n1 -> n2: cut"));
  EXPECT_THAT(cluster_->Run({"heal", "--dry-run"}).out, HasSubstr("would heal n1 -> n2: cut"));
  EXPECT_FALSE(cluster_->Look().faults.none());
  Do({"heal"});
  EXPECT_TRUE(cluster_->Look().faults.none());
}

TEST_F(Links, WrongTargetsAreRefused) {
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"cut", "n1", "n9"},
                                             {"cut", "n1", "n1"},
                                             {"cut", "compute", "bench"},
                                             {"slow", "n1"},
                                             {"slow", "compute", "--disk", "5ms"},
                                             {"slow", "n1", "--net", "5"},
                                             {"wipe", "compute"}}) {
    const Outcome outcome = cluster_->Run(verb);
    EXPECT_EQ(outcome.exit_code, kUsage) << outcome.Said();
  }
}

TEST_F(Links, ARelayThatWasKilledIsMissedAndStartedAgain) {
  const auto relay = cluster_->launcher().dir().Remembered(launcher::kRelay);
  ASSERT_TRUE(relay);
  ASSERT_TRUE(launcher::Signal(*relay, SIGKILL).ok());
  EXPECT_THAT(cluster_->Run({"doctor"}).out, HasSubstr("relay"));
  Do({"up"});
  ExpectNothingFails({});
}

// Last: what is wiped does not come back.
TEST_F(Links, ZzAWipedNodeComesBackEmptyAndCountsForNothing) {
  uint64_t acked = 0;
  {
    BackgroundLoad load(**volume_, AckLog());
    ASSERT_TRUE(load.AwaitMore(kManyMtrs));
    Do({"wipe", "n4"});
    EXPECT_TRUE(load.AwaitMore(kManyMtrs)) << "five are enough";
    const workload::WriteResult result = load.End();
    EXPECT_TRUE(result.ended.ok()) << result.ended;
    EXPECT_EQ(result.failed + result.unknown, 0u);
    acked = result.acked;
  }
  EXPECT_EQ(cluster_->Look().nodes[3].state, launcher::NodeState::kAmnesiac);
  const workload::AckVerdict kept = CheckAcks(**volume_, AckLog());
  EXPECT_TRUE(kept.ok()) << Complaint(kept);
  EXPECT_EQ(kept.present, acked);
  // Down nodes come back with their copies; wiped ones do not, and a third copy is not given away.
  Do({"wipe", "n1"});
  Do({"kill", "n2", "--force"});
  const Outcome refused = cluster_->Run({"wipe", "n2"});
  EXPECT_EQ(refused.exit_code, kRefused) << refused.Said();
}

TEST(ClusterWithoutFaults, RefusesToBeCutAndHasNoRelay) {
  ScratchCluster cluster;
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"cut", "n1", "n2"}, {"slow", "n1", "--net", "5ms"}, {"heal"}, {"up", "--faults"}}) {
    const Outcome outcome = cluster.Run(verb);
    EXPECT_EQ(outcome.exit_code, kUsage) << outcome.Said();
    EXPECT_THAT(outcome.err, HasSubstr("--faults"));
  }
  EXPECT_FALSE(cluster.launcher().dir().Remembered(launcher::kRelay));
}

TEST(ClusterThatIsDown, HasNoLinkToHurtAndForgetsWhatItSuffered) {
  ScratchCluster cluster(WithFaults());
  ASSERT_EQ(cluster.Run({"cut", "n1", "n2"}).exit_code, 0);
  ASSERT_EQ(cluster.Run({"slow", "n3", "--disk", "9ms"}).exit_code, 0);
  ASSERT_EQ(cluster.Run({"down"}).exit_code, 0);
  EXPECT_FALSE(cluster.launcher().dir().Remembered(launcher::kRelay));
  EXPECT_TRUE(cluster.Look().faults.none());
  const Outcome cut = cluster.Run({"cut", "n1", "n2"});
  EXPECT_EQ(cut.exit_code, 1) << cut.Said();
  EXPECT_THAT(cut.err, HasSubstr("hexad up"));
}

}  // namespace
}  // namespace hexad::cluster_test
