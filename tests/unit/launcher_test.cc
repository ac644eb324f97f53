// The launcher's memory, its way of knowing a process again, and what it says a loss would cost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/launcher/cluster_dir.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/plan.h"
#include "cli/launcher/plan_cluster.h"
#include "cli/launcher/record_json.h"
#include "cli/launcher/slack.h"
#include "cli/launcher/targets.h"
#include "cli/launcher/wait.h"

namespace hexad::launcher {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Folder {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "/hexad-launcher-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(root_); }
  std::string path() const { return root_ + "/cluster"; }

 private:
  std::string root_;
};

ClusterRecord SixNodes() { return *PlanCluster({}); }

TEST(PlanClusterTest, SixNodesOverThreeAzsAreTheDefault) {
  const ClusterRecord record = SixNodes();
  ASSERT_EQ(record.nodes.size(), 6u);
  EXPECT_EQ(record.nodes[0].az, "a");
  EXPECT_EQ(record.nodes[3].az, "b");
  EXPECT_EQ(record.nodes[5].id, "n6");
  EXPECT_THAT(record.Azs(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(record.volume, "main");
}

TEST(PlanClusterTest, AnUpThatAsksForAnotherClusterIsWrongUsage) {
  const ClusterRecord record = SixNodes();
  EXPECT_TRUE(CheckSameCluster({}, record).ok());
  EXPECT_TRUE(
      CheckSameCluster({.nodes = 6, .azs = 3, .topology_file = {}, .volume = "main"}, record).ok());
  for (const ClusterRequest& other :
       {ClusterRequest{.nodes = 9, .azs = {}, .topology_file = {}, .volume = {}},
        ClusterRequest{.nodes = {}, .azs = 2, .topology_file = {}, .volume = {}},
        ClusterRequest{.nodes = {}, .azs = {}, .topology_file = {}, .volume = "other"}}) {
    EXPECT_EQ(ExitCodeOf(CheckSameCluster(other, record)), ExitCode::kUsage);
  }
}

TEST(Targets, NamesNodesZonesAndProcesses) {
  const ClusterRecord record = SixNodes();
  EXPECT_THAT(*ResolveTarget(record, "n3"), ElementsAre("n3"));
  EXPECT_THAT(*ResolveTarget(record, "az:b"), ElementsAre("n3", "n4"));
  EXPECT_THAT(*ResolveTarget(record, "compute"), ElementsAre("compute"));
  const auto unknown = ResolveTarget(record, "az:z");
  EXPECT_EQ(ExitCodeOf(unknown.status()), ExitCode::kUsage);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("az:c"));
}

TEST(Record, SurvivesTheWayToDiskAndBack) {
  ClusterRecord record = SixNodes();
  record.port_block = 7300;
  record.cluster = UINT64_MAX - 1;  // no double could hold it
  record.forming = Forming::kForming;
  record.nodes[2].incarnation = 0x123456789abcdef0;
  record.nodes[2].address = "127.0.0.1:7303";
  const auto back = DecodeRecord(EncodeRecord(record));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(EncodeRecord(*back), EncodeRecord(record));
  EXPECT_EQ(back->cluster, record.cluster);
  EXPECT_EQ(back->nodes[2].incarnation, record.nodes[2].incarnation);
}

TEST(Record, EveryTruncationIsAnErrorAndNoCrash) {
  const std::string whole = EncodeRecord(SixNodes());
  for (size_t length = 0; length + 2 < whole.size(); ++length) {
    EXPECT_FALSE(DecodeRecord(whole.substr(0, length)).ok()) << length;
  }
}

TEST(ClusterDirTest, PortsAreChosenOnceAndNotSharedByTwoClusters) {
  const Folder one;
  const Folder two;
  auto first = ClusterDir::Create(one.path(), SixNodes(), true);
  auto second = ClusterDir::Create(two.path(), SixNodes(), true);
  ASSERT_TRUE(first.ok() && second.ok()) << first.status() << second.status();
  EXPECT_NE(first->record().port_block, second->record().port_block);
  const auto again = ClusterDir::Open(one.path());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(EncodeRecord(again->record()), EncodeRecord(first->record()));
  EXPECT_EQ(ClusterDir::Create(one.path(), SixNodes(), true).status().code(),
            absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(first->Wipe().ok());
  ASSERT_TRUE(second->Wipe().ok());
  EXPECT_FALSE(fs::exists(one.path()));
}

TEST(ClusterDirTest, WipeKeepsWhatIsNotOurs) {
  const Folder folder;
  auto dir = ClusterDir::Create(folder.path(), SixNodes(), true);
  ASSERT_TRUE(dir.ok());
  std::ofstream(folder.path() + "/notes.txt") << "mine";
  ASSERT_TRUE(dir->Wipe().ok());
  EXPECT_TRUE(fs::exists(folder.path() + "/notes.txt"));
  EXPECT_FALSE(fs::exists(folder.path() + "/cluster.json"));
}

TEST(ProcessTest, IsKnownByMoreThanItsPid) {
  const Folder folder;
  const auto sleeper = Spawn({{"/bin/sleep", "100"}, testing::TempDir() + "/hexad-sleeper.log"});
  ASSERT_TRUE(sleeper.ok()) << sleeper.status();
  EXPECT_EQ(StateOf(*sleeper), ProcessState::kUp);

  ProcessIdentity reused = *sleeper;
  reused.start_ticks -= 1;  // the same pid, started at another time
  EXPECT_EQ(StateOf(reused), ProcessState::kDown);
  EXPECT_TRUE(absl::IsNotFound(Signal(reused, SIGKILL)));
  ProcessIdentity before_boot = *sleeper;
  before_boot.boot_id = "another boot";
  EXPECT_TRUE(absl::IsNotFound(Signal(before_boot, SIGKILL)));
  EXPECT_EQ(StateOf(*sleeper), ProcessState::kUp) << "nobody was hurt";

  ASSERT_TRUE(Signal(*sleeper, SIGSTOP).ok());
  const auto becomes = [&](ProcessState state) {
    return WaitUntil({"a change of state", Millis(5'000), ""},
                     [&]() -> absl::StatusOr<bool> { return StateOf(*sleeper) == state; });
  };
  EXPECT_TRUE(becomes(ProcessState::kPaused).ok());
  ASSERT_TRUE(Signal(*sleeper, SIGKILL).ok());
  EXPECT_TRUE(becomes(ProcessState::kDown).ok());
}

// The linker moves the old program away and deletes it; whoever runs it is still to be found.
TEST(ProcessTest, OutlivesItsProgramsFile) {
  const std::string program = testing::TempDir() + "/hexad-rebuilt";
  fs::copy_file("/bin/sleep", program, fs::copy_options::overwrite_existing);
  const auto sleeper = Spawn({{program, "100"}, testing::TempDir() + "/hexad-sleeper.log"});
  ASSERT_TRUE(sleeper.ok()) << sleeper.status();
  fs::rename(program, program + ".old");
  EXPECT_EQ(StateOf(*sleeper), ProcessState::kUp);
  fs::remove(program + ".old");
  EXPECT_EQ(StateOf(*sleeper), ProcessState::kUp);
  EXPECT_TRUE(Signal(*sleeper, SIGKILL).ok());
}

TEST(ProcessTest, AProgramThatIsNotThereIsAnError) {
  const auto none = Spawn({{"/nonexistent/hexad-storage-node"}, testing::TempDir() + "/none.log"});
  EXPECT_FALSE(none.ok());
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("cluster-scripts/build"));
}

TEST(WaitTest, SaysWhatItWaitedFor) {
  const absl::Status in_vain = WaitUntil({"n3 to answer", Millis(30), "hexad logs n3"},
                                         []() -> absl::StatusOr<bool> { return false; });
  EXPECT_TRUE(absl::IsDeadlineExceeded(in_vain));
  EXPECT_THAT(std::string(in_vain.message()), HasSubstr("for n3 to answer"));
  EXPECT_TRUE(
      absl::IsCancelled(WaitUntil({.what_for = "x", .next = "", .interrupted = [] { return true; }},
                                  []() -> absl::StatusOr<bool> { return false; })));
}

// A volume with one PG of six segments, some nodes of which are down.
ClusterPicture PictureWithDown(const std::vector<std::string>& down) {
  ClusterPicture cluster;
  PgPicture pg;
  for (const NodeRecord& record : SixNodes().nodes) {
    NodePicture node;
    node.id = record.id;
    node.az = record.az;
    const bool is_down = std::ranges::find(down, record.id) != down.end();
    node.state = is_down ? NodeState::kDown : NodeState::kUp;
    cluster.nodes.push_back(node);
    pg.membership.members.push_back({NodeId(record.id), AzId(record.az), Incarnation(1)});
  }
  VolumePicture volume;
  volume.name = "main";
  volume.pgs.push_back(pg);
  cluster.volumes.push_back(volume);
  return cluster;
}

TEST(SlackTest, AWholeClusterCanLoseAnAzAndANodeAndStillRead) {
  const ClusterPicture cluster = PictureWithDown({});
  const VolumeSlack slack = SlackOf(cluster.volumes[0], cluster);
  EXPECT_EQ(slack.write.nodes, 2);
  EXPECT_EQ(slack.write.azs, 1);
  EXPECT_EQ(slack.read.nodes, 3);
  EXPECT_EQ(slack.read.az_plus_nodes, 1);
  EXPECT_EQ(slack.up, 6);
}

TEST(SlackTest, AnAmnesiacNodeCountsForNothing) {
  ClusterPicture cluster = PictureWithDown({"n1", "n2"});
  cluster.nodes[2].state = NodeState::kAmnesiac;
  const VolumeSlack slack = SlackOf(cluster.volumes[0], cluster);
  EXPECT_FALSE(slack.can_write);
  EXPECT_TRUE(slack.can_read);
}

TEST(PlanTest, LosingAnAzIsAllowedAndTheNextNodeIsRefused) {
  Plan plan{.action = Action::kKill, .target = "az:a", .processes = {}, .costs = {}, .remarks = {}};
  plan.costs.volumes = CostOfLosing(PictureWithDown({}), {"n1", "n2"});
  EXPECT_FALSE(plan.costs.BreakAPromise());
  EXPECT_TRUE(CheckAllowed(plan, false).ok());

  plan.target = "n3";
  plan.costs.volumes = CostOfLosing(PictureWithDown({"n1", "n2"}), {"n3"});
  EXPECT_TRUE(plan.costs.volumes[0].BreaksWrite());
  EXPECT_FALSE(plan.costs.volumes[0].BreaksRead());
  const absl::Status refused = CheckAllowed(plan, false);
  EXPECT_EQ(ExitCodeOf(refused), ExitCode::kRefused);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--force"));
  EXPECT_TRUE(CheckAllowed(plan, true).ok());
}

TEST(PlanTest, WhatIsBrokenAlreadyIsNotBrokenAgain) {
  Plan plan{.action = Action::kKill, .target = "n6", .processes = {}, .costs = {}, .remarks = {}};
  plan.costs.volumes = CostOfLosing(PictureWithDown({"n1", "n2", "n3", "n4", "n5"}), {"n6"});
  EXPECT_FALSE(plan.costs.BreakAPromise());
}

}  // namespace
}  // namespace hexad::launcher
