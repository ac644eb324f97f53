// Real processes: a node's data folder deleted, cut short or damaged between two
// starts, and disks that are full. The node says what is wrong and how to go on, or refuses for as
// long as it must; the volume stays writable and readable, and nothing acknowledged is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <vector>

#include "cli/launcher/wait.h"
#include "tests/cluster/background_load.h"
#include "tests/cluster/compute_client.h"

namespace hexad::cluster_test {
namespace {

namespace fs = std::filesystem;
using compute::UserError;
using compute::UserErrorOf;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

constexpr int kFailed = 1;
constexpr uint64_t kManyMtrs = 2000;

// ---- a folder that changed between two starts ---------------------------------------------------

struct Damage {
  std::string name;
  // What is done to the folder of a node that is down.
  void (*harm)(const fs::path& folder);
  std::string complaint;  // of the node
};
void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

// The newest file of the folder whose name ends so.
fs::path Newest(const fs::path& folder, const std::string& end) {
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(end) && entry.file_size() > 0 && name > newest.filename()) newest = entry;
  }
  EXPECT_FALSE(newest.empty()) << "no " << end << " in " << folder;
  return newest;
}

class DamagedFolder : public testing::TestWithParam<Damage> {};

TEST_P(DamagedFolder, IsSaidAndTheVolumeGoesOn) {
  ScratchCluster cluster;
  const std::string acks = cluster.folder().root() + "/acks";
  const std::vector<std::string> write = {"bench",   "write", "--seconds", "1",
                                          "--pages", "128",   "--ack-log", acks};
  ASSERT_EQ(cluster.Run(write).exit_code, 0);
  ASSERT_EQ(cluster.Run({"kill", "n4"}).exit_code, 0);
  const fs::path folder = cluster.launcher().dir().data_folder("n4");
  GetParam().harm(folder);

  const Outcome restart = cluster.Run({"restart", "n4"});
  EXPECT_EQ(restart.exit_code, kFailed) << restart.Said();
  EXPECT_THAT(restart.err, AllOf(HasSubstr("n4"), HasSubstr(GetParam().complaint),
                                 HasSubstr("move the directory away"), HasSubstr("empty one")));
  const Outcome bench = cluster.Run(write);
  EXPECT_EQ(bench.exit_code, 0) << "five are enough: " << bench.Said();
  {
    OpenedVolume reader(cluster, "bench", ReadOnly());
    ASSERT_TRUE(reader.ok());
    const workload::AckVerdict kept = CheckAcks(*reader, acks);
    EXPECT_TRUE(kept.ok()) << Complaint(kept);
  }
  ComputeClient client(cluster);
  EXPECT_EQ(client.Write("main", 1, "written").error_message(), "");
  EXPECT_EQ(client.Text("main", 1, 7), "written");

  // As it was told: the node comes back with an empty folder, and counts for nothing.
  fs::rename(folder, folder.string() + ".away");
  const Outcome up = cluster.Run({"restart", "n4"});
  EXPECT_EQ(up.exit_code, 0) << up.Said();
  const nlohmann::json status = cluster.Run({"status", "--json"}).Json();
  EXPECT_EQ(status.at("nodes").at(3).at("state"), "amnesiac");
  EXPECT_EQ(client.Write("main", 1, "again").error_message(), "");
}

INSTANTIATE_TEST_SUITE_P(
    Cluster, DamagedFolder,
    testing::Values(Damage{"LogCutShort",
                           [](const fs::path& folder) {
                             const fs::path log = Newest(folder, ".log");
                             fs::resize_file(log, fs::file_size(log) / 2);
                           },
                           "log is cut short"},
                    Damage{"LogDeleted",
                           [](const fs::path& folder) { fs::remove(Newest(folder, ".log")); },
                           "n4"},
                    Damage{"CurrentDeleted",
                           [](const fs::path& folder) { fs::remove(folder / "CURRENT"); },
                           "CURRENT"},
                    Damage{"EverythingEmptied",
                           [](const fs::path& folder) {
                             for (const auto& entry : fs::directory_iterator(folder)) {
                               if (entry.is_regular_file()) fs::resize_file(entry, 0);
                             }
                           },
                           "n4"}),
    [](const auto& info) { return info.param.name; });

// ---- a full disk --------------------------------------------------------------------------------

// Disks of their own for some nodes of a cluster: each a small tmpfs, which a ballast fills. They
// live in a mount namespace of this process and its children, so they vanish with them.
class SmallDisks {
 public:
  // Why there can be none, or nullptr.
  static const char* Missing() {
    static const char* const missing = [] {
      if (geteuid() != 0) return "needs root";
      if (unshare(CLONE_NEWNS) != 0 || mount("", "/", "", MS_REC | MS_PRIVATE, nullptr) != 0) {
        return "needs a mount namespace of its own";
      }
      return static_cast<const char*>(nullptr);
    }();
    return missing;
  }

  // REQUIRES: !Missing(); the cluster is down. Its data moves there.
  SmallDisks(ScratchCluster& cluster, const launcher::ProcessNames& nodes) {
    for (const std::string& node : nodes) {
      const std::string folder = cluster.launcher().dir().data_folder(node);
      const std::string disk = folder + ".disk";
      fs::create_directory(disk);
      const int failed = mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=256m");
      EXPECT_EQ(failed, 0) << "tmpfs on " << disk;
      fs::copy(folder, disk + "/store", fs::copy_options::recursive);
      fs::remove_all(folder);
      fs::create_directory_symlink(disk + "/store", folder);
      disks_[node] = disk;
    }
  }
  ~SmallDisks() {
    for (const auto& [node, disk] : disks_) umount2(disk.c_str(), MNT_DETACH);
  }
  SmallDisks(const SmallDisks&) = delete;
  SmallDisks& operator=(const SmallDisks&) = delete;

  // To the last byte.
  void Fill(const std::string& node) {
    std::ofstream ballast(Ballast(node), std::ios::binary);
    const std::string block(64 << 10, 'b');
    while (ballast.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
    EXPECT_LT(fs::space(disks_.at(node)).available, block.size());
  }
  void Free(const std::string& node) { fs::remove(Ballast(node)); }

 private:
  std::string Ballast(const std::string& node) const { return disks_.at(node) + "/ballast"; }

  std::map<std::string, std::string> disks_;
};

class FullDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (SmallDisks::Missing() != nullptr) GTEST_SKIP() << SmallDisks::Missing();
    cluster_ = std::make_unique<ScratchCluster>();
    ASSERT_EQ(cluster_->Run({"down"}).exit_code, 0);
    disks_ = std::make_unique<SmallDisks>(*cluster_, launcher::ProcessNames{"n1", "n3", "n5"});
    const Outcome up = cluster_->Run({"up"});
    ASSERT_EQ(up.exit_code, 0) << up.Said();
    compute::OpenOptions impatient;
    impatient.commit_timeout = Duration::Seconds(4);
    volume_ = std::make_unique<OpenedVolume>(*cluster_, "bench", impatient);
    ASSERT_TRUE(volume_->ok());
  }
  void TearDown() override {
    if (cluster_ == nullptr) return;
    volume_.reset();
    EXPECT_EQ(cluster_->Run({"down"}).exit_code, 0);
    disks_.reset();
  }

  std::string Acks() const { return cluster_->folder().root() + "/acks"; }
  // How many nodes say that their disk is full.
  size_t FullNodes() {
    const auto nodes = cluster_->Look().nodes;
    return static_cast<size_t>(
        std::ranges::count_if(nodes, [](const auto& node) { return node.disk_full; }));
  }
  void AwaitFullNodes(size_t count) {
    const absl::Status seen =
        launcher::WaitUntil({"nodes to say that their disk is full", launcher::Millis(20'000), ""},
                            [&]() -> absl::StatusOr<bool> { return FullNodes() == count; });
    EXPECT_TRUE(seen.ok()) << seen;
  }
  void Prove(uint64_t acked) {
    const Outcome verify = cluster_->Run({"verify", "bench", "--ack-log", Acks(), "--json"}, 90);
    ASSERT_EQ(verify.exit_code, 0) << verify.Said();
    EXPECT_EQ(verify.Json().at("present"), acked);
    EXPECT_EQ(verify.Json().at("segments"), 6);
  }

  std::unique_ptr<ScratchCluster> cluster_;
  std::unique_ptr<SmallDisks> disks_;
  std::unique_ptr<OpenedVolume> volume_;
};

TEST_F(FullDisk, OfTwoNodesCostsNothingAndOfThreeStopsWritesUntilThereIsSpace) {
  OpenedVolume& volume = *volume_;
  uint64_t acked = 0;
  {
    BackgroundLoad load(*volume, Acks());
    ASSERT_TRUE(load.AwaitMore(kManyMtrs));
    disks_->Fill("n1");
    disks_->Fill("n3");
    EXPECT_TRUE(load.AwaitMore(kManyMtrs)) << "commits go on with four";
    AwaitFullNodes(2);
    disks_->Fill("n5");
    ASSERT_TRUE(load.AwaitEnd()) << "three of six take nothing";
    const workload::WriteResult result = load.End();
    EXPECT_THAT(UserErrorOf(result.ended), AnyOf(UserError::kReadOnly, UserError::kCommitUnknown))
        << result.ended;
    acked = result.acked;
  }
  AwaitFullNodes(3);
  const absl::Status refused = PutDurably(*volume, PageNo(300), "no");
  EXPECT_EQ(UserErrorOf(refused), UserError::kReadOnly) << refused;
  const Outcome doctor = cluster_->Run({"doctor"});
  EXPECT_THAT(doctor.out, AllOf(HasSubstr("n1"), HasSubstr("full"))) << doctor.Said();
  EXPECT_EQ(cluster_->launcher().InState(launcher::ProcessState::kDown),
            launcher::ProcessNames{launcher::kBench})
      << "every node runs on";
  const workload::AckVerdict kept = CheckAcks(*volume, Acks());
  EXPECT_TRUE(kept.ok()) << Complaint(kept);
  EXPECT_EQ(kept.present, acked);

  // Space comes back to one of them; nothing is started again.
  disks_->Free("n5");
  absl::Status last;
  const absl::Status resumed = launcher::WaitUntil(
      {"writes to resume", launcher::Millis(30'000), ""}, [&]() -> absl::StatusOr<bool> {
        last = PutDurably(*volume, PageNo(300), "again");
        return last.ok();
      });
  ASSERT_TRUE(resumed.ok()) << last;
  disks_->Free("n1");
  disks_->Free("n3");
  {
    BackgroundLoad load(*volume, Acks());
    EXPECT_TRUE(load.AwaitMore(kManyMtrs));
    const workload::WriteResult result = load.End();
    EXPECT_TRUE(result.ended.ok()) << result.ended;
    acked += result.acked;
  }
  AwaitFullNodes(0);
  Prove(acked);
}

}  // namespace
}  // namespace hexad::cluster_test
