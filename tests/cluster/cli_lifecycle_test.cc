// How a cluster begins and ends at the command line: up that is interrupted, or typed twice at
// once, down, and a node that comes back empty.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <future>

#include "cli/launcher/wait.h"
#include "tests/cluster/scratch_cluster.h"

namespace hexad::cluster_test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kRefused = 3;

TEST(CliLifecycle, InterruptedUpStopsWhatItStarted) {
  const ScratchFolder folder;
  {
    const BackgroundHexad up({"up", "--dir", folder.cluster()}, folder.root() + "/up.log");
    const absl::Status begun = launcher::WaitUntil(
        {"the first process", launcher::Millis(20'000), ""},
        [&]() -> absl::StatusOr<bool> { return fs::exists(folder.cluster() + "/pids/n1.json"); });
    ASSERT_TRUE(begun.ok()) << begun;
    up.Signal(SIGINT);
    const absl::Status ended =
        launcher::WaitUntil({"up to clean up", launcher::Millis(30'000), ""},
                            [&]() -> absl::StatusOr<bool> { return !up.running(); });
    ASSERT_TRUE(ended.ok()) << ended;
  }
  const nlohmann::json status = folder.Run({"status", "--json"}).Json();
  for (const auto& node : status.at("nodes")) {
    EXPECT_EQ(node.at("state"), "down");
  }
  EXPECT_EQ(folder.Run({"up"}).exit_code, 0) << "and the next up goes on from there";
}

TEST(CliLifecycle, ANodeThatLostItsDiskIsNeverTakenBackSilently) {
  ScratchCluster cluster;
  ASSERT_EQ(cluster.Run({"kill", "n4"}).exit_code, 0);
  fs::remove_all(cluster.launcher().dir().data_folder("n4"));
  const Outcome up = cluster.Run({"up"});
  EXPECT_EQ(up.exit_code, 0) << up.Said();
  EXPECT_THAT(up.out, HasSubstr("n4 lost its data"));
  const nlohmann::json status = cluster.Run({"status", "--json"}).Json();
  EXPECT_EQ(status.at("nodes").at(3).at("state"), "amnesiac");
  EXPECT_EQ(status.at("volumes").at(0).at("write_quorum").at("up"), 5);
  const Outcome doctor = cluster.Run({"doctor"});
  EXPECT_EQ(doctor.exit_code, kFailed);
  EXPECT_THAT(doctor.out, HasSubstr("amnesiac"));
  EXPECT_EQ(cluster.Run({"kill", "az:a"}).exit_code, kRefused) << "only three would count";
}

TEST(CliLifecycle, TwoUpsAtOnceMakeOneCluster) {
  const ScratchFolder folder;
  const auto up = [&folder] { return folder.Run({"up"}); };
  auto other = std::async(std::launch::async, up);
  const Outcome one = up();
  const Outcome two = other.get();
  EXPECT_EQ(one.exit_code, 0) << one.Said();
  EXPECT_EQ(two.exit_code, 0) << two.Said();
}

TEST(CliLifecycle, DownWipeLeavesNothing) {
  ScratchCluster cluster;
  const auto identity = cluster.launcher().dir().Remembered("n1");
  cluster.folder().Write("cluster/floor/left-by-a-killed-bench", "");
  ASSERT_EQ(cluster.Run({"down", "--wipe"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(cluster.folder().cluster()));
  EXPECT_EQ(launcher::StateOf(*identity), launcher::ProcessState::kDown);
}

TEST(CliLifecycle, NineNodesFromATopologyFile) {
  std::string text;
  for (int i = 1; i <= 9; ++i) {
    text += "[[node]]\nid = \"node-" + std::to_string(i) + "\"\naz = \"zone-" +
            std::to_string((i - 1) / 3) + "\"\naddress = \"127.0.0.1:" + std::to_string(32720 + i) +
            "\"\n\n";
  }
  const ScratchFolder folder;
  const std::string file = folder.Write("nine.toml", text);
  const Outcome up = folder.Run({"up", "--topology", file, "--json"});
  ASSERT_EQ(up.exit_code, 0) << up.Said();
  EXPECT_EQ(up.Json().at("nodes").size(), 9u);
  EXPECT_EQ(up.Json().at("volumes").at(0).at("pgs").at(0).at("segments").size(), 6u);
  EXPECT_EQ(folder.Run({"kill", "az:zone-1", "--dry-run"}).exit_code, 0);
  EXPECT_EQ(folder.Run({"up", "--nodes", "6"}).exit_code, kUsage) << "it has nine";
}

}  // namespace
}  // namespace hexad::cluster_test
