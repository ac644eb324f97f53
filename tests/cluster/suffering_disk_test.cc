// Real processes whose kernel says no: fsync fails, the disk is full. No root needed
// (cli/faults/process_faults.h); tmpfs and ext4 of their own are in damaged_disk_test and
// power_cut_cluster_test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "cli/launcher/wait.h"
#include "tests/cluster/background_load.h"

namespace hexad::cluster_test {
namespace {

using launcher::NodePicture;
using launcher::NodeState;

constexpr uint64_t kManyMtrs = 2000;

class SufferingDisk : public testing::Test {
 protected:
  static launcher::ClusterRequest WithFaults() {
    launcher::ClusterRequest request;
    request.faults = true;
    return request;
  }
  SufferingDisk() : cluster_(WithFaults()), volume_(cluster_, "bench") {}

  faults::ProcessFaults Of(const std::string& node) {
    auto block = launcher::FaultsOfProcess(cluster_.launcher().dir(), node);
    EXPECT_TRUE(block.ok()) << block.status();
    return *std::move(block);
  }
  void AwaitNodes(size_t count, const std::function<bool(const NodePicture&)>& are) {
    const absl::Status seen = launcher::WaitUntil(
        {"nodes to notice", launcher::Millis(20'000), ""}, [&]() -> absl::StatusOr<bool> {
          return static_cast<size_t>(std::ranges::count_if(cluster_.Look().nodes, are)) == count;
        });
    EXPECT_TRUE(seen.ok()) << seen << "\n" << cluster_.Run({"status"}).out;
  }
  std::string Acks() const { return cluster_.folder().root() + "/acks"; }
  void Prove(uint64_t acked) {
    const Outcome verify = cluster_.Run({"verify", "bench", "--ack-log", Acks(), "--json"}, 90);
    ASSERT_EQ(verify.exit_code, 0) << verify.Said();
    EXPECT_EQ(verify.Json().at("present"), acked);
    EXPECT_EQ(verify.Json().at("segments"), 6);
  }

  ScratchCluster cluster_;
  OpenedVolume volume_;
};

// What a failed fsync left on the disk is not known, so the node stops, and does not start on that
// disk again; what it had acknowledged before is on the others' disks.
TEST_F(SufferingDisk, NodesWhoseFsyncFailsStopForGoodAndCostNoCommit) {
  ASSERT_TRUE(volume_.ok());
  BackgroundLoad load(*volume_, Acks());
  ASSERT_TRUE(load.AwaitMore(kManyMtrs));
  Of("n2")->sync_error = EIO;
  Of("n5")->sync_error = ENOSPC;  // of an fsync, that is a lost write all the same
  AwaitNodes(2, [](const NodePicture& node) { return node.state == NodeState::kDown; });
  EXPECT_TRUE(load.AwaitMore(kManyMtrs)) << "four are enough";
  ASSERT_EQ(cluster_.Run({"heal"}).exit_code, 0);
  for (const char* node : {"n2", "n5"}) {
    const Outcome restart = cluster_.Run({"restart", node});
    EXPECT_EQ(restart.exit_code, 1) << restart.Said();
    EXPECT_THAT(restart.err, testing::HasSubstr("stopped after a failed write"));
    const Outcome wipe = cluster_.Run({"wipe", node});
    EXPECT_EQ(wipe.exit_code, 0) << wipe.Said();
  }
  AwaitNodes(2, [](const NodePicture& node) { return node.state == NodeState::kAmnesiac; });
  EXPECT_TRUE(load.AwaitMore(kManyMtrs));
  const workload::WriteResult result = load.End();
  EXPECT_TRUE(result.ended.ok()) << result.ended;
  EXPECT_EQ(result.failed + result.unknown, 0u);
  const workload::AckVerdict kept = CheckAcks(*volume_, Acks());
  EXPECT_TRUE(kept.ok()) << Complaint(kept);
  EXPECT_EQ(kept.present, result.acked);
}

TEST_F(SufferingDisk, TwoFullDisksCostNoCommitAndGoOnWithoutARestart) {
  ASSERT_TRUE(volume_.ok());
  BackgroundLoad load(*volume_, Acks());
  ASSERT_TRUE(load.AwaitMore(kManyMtrs));
  const auto full = [](const NodePicture& node) { return node.disk_full; };
  Of("n2")->disk_full = 1;
  Of("n5")->disk_full = 1;
  AwaitNodes(2, full);
  EXPECT_TRUE(load.AwaitMore(kManyMtrs)) << "four are enough";
  Of("n2").Heal();
  Of("n5").Heal();
  AwaitNodes(0, full);
  EXPECT_TRUE(load.AwaitMore(kManyMtrs));
  const workload::WriteResult result = load.End();
  EXPECT_TRUE(result.ended.ok()) << result.ended;
  EXPECT_EQ(result.failed + result.unknown, 0u);
  AwaitNodes(6, [](const NodePicture& node) { return node.state == NodeState::kUp; });
  Prove(result.acked);
}

}  // namespace
}  // namespace hexad::cluster_test
