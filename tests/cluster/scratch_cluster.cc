#include "tests/cluster/scratch_cluster.h"

#include <filesystem>
#include <fstream>

namespace hexad::cluster_test {
namespace {

namespace fs = std::filesystem;

launcher::LauncherOptions TestOptions() {
  launcher::LauncherOptions options;
  options.bin_dir = BinDir();
  return options;
}

}  // namespace

ScratchFolder::ScratchFolder() {
  std::string pattern = testing::TempDir() + "/hexad-test-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "mkdtemp " << pattern;
  root_ = fs::canonical(pattern);
  guardian_.emplace(root_, cluster());
}

ScratchFolder::~ScratchFolder() {
  if (fs::exists(cluster() + "/cluster.json")) {
    const Outcome down = Run({"down", "--wipe"});
    EXPECT_EQ(down.exit_code, 0) << down.Said();
  }
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

std::string ScratchFolder::Write(const std::string& name, const std::string& text) const {
  const std::string path = root_ + "/" + name;
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path) << text;
  return path;
}

Outcome ScratchFolder::Run(std::vector<std::string> arguments, double deadline_seconds) const {
  arguments.insert(arguments.end(), {"--dir", cluster()});
  return Hexad(arguments, deadline_seconds);
}

ScratchCluster::ScratchCluster(const launcher::ClusterRequest& request)
    : launcher_(launcher::BringUp(folder_.cluster(), request, TestOptions())) {
  EXPECT_TRUE(launcher_.ok()) << launcher_.status();
}

uint64_t ScratchCluster::ProveAcknowledged(const std::string& ack_log) const {
  const Outcome verify = Run({"verify", "bench", "--ack-log", ack_log, "--json"}, 120);
  EXPECT_EQ(verify.exit_code, 0) << verify.Said();
  if (verify.exit_code != 0) return 0;
  const nlohmann::json found = verify.Json();
  EXPECT_EQ(found.at("segments"), 6);
  EXPECT_EQ(found.at("present"), found.at("acked"));
  EXPECT_EQ(found.at("partial_mtrs"), 0);
  return found.at("acked").get<uint64_t>();
}

}  // namespace hexad::cluster_test
