// A test program that is killed in the middle of a test leaves nothing behind: no process, no
// folder.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "cli/launcher/wait.h"
#include "tests/cluster/scratch_cluster.h"

namespace hexad::cluster_test {
namespace {

namespace fs = std::filesystem;

constexpr char kDieNow[] = "HEXAD_TEST_DIES";

TEST(Abandoned, DiesInTheMiddle) {
  if (std::getenv(kDieNow) == nullptr) GTEST_SKIP() << "only for the test below, which starts it";
  ScratchCluster cluster(
      {.nodes = {}, .azs = {}, .topology_file = {}, .volume = {}, .faults = true});
  std::cout << "ROOT " << cluster.folder().root() << std::endl;
  kill(getpid(), SIGKILL);
}

TEST(Abandoned, ATestThatIsKilledLeavesNothingBehind) {
  setenv(kDieNow, "1", 1);
  const Outcome outcome =
      RunProgram({launcher::OwnExecutable(), "--gtest_filter=Abandoned.DiesInTheMiddle"});
  unsetenv(kDieNow);
  ASSERT_EQ(outcome.exit_code, -1) << outcome.Said();
  const size_t at = outcome.out.find("ROOT ");
  ASSERT_NE(at, std::string::npos) << outcome.Said();
  const std::string root = outcome.out.substr(at + 5, outcome.out.find('\n', at) - at - 5);
  const auto left = [&] {
    return launcher::FindByArguments({"--data", root + "/cluster/data/n1"}).size() +
           launcher::FindByArguments({root + "/cluster/faults/links"}).size();
  };
  const absl::Status gone = launcher::WaitUntil(
      {"the cluster to be gone", launcher::Millis(30'000), ""},
      [&]() -> absl::StatusOr<bool> { return left() == 0 && !fs::exists(root); });
  EXPECT_TRUE(gone.ok()) << gone << ": " << left() << " processes, " << root;
}

}  // namespace
}  // namespace hexad::cluster_test
