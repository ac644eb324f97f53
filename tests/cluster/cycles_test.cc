// Again and again, under a writer that is always there: kill -9 of anything (a node, two, a zone,
// the writer, zone + 1, all at once), and power cuts of one node, of two, and of all six. After
// every few of them every acknowledged MTR is there, none is partly applied, and six segments are
// equal.
//
// A few by default. The long forms (docs/testing.md has the figures; HEXAD_SEED chooses the
// victims):
//   HEXAD_KILLS=1000 build/bin/cluster_cycles_test --gtest_filter=Cycles.Kill*
//   HEXAD_POWER_CUTS=200 build/bin/cluster_cycles_test --gtest_filter=PowerCuts.*
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/launcher/faults.h"
#include "quorum/base/prng.h"
#include "tests/cluster/loop_disk.h"
#include "tests/cluster/scratch_cluster.h"
#include "tests/cluster/steady_load.h"

namespace hexad::cluster_test {
namespace {

namespace fs = std::filesystem;
using launcher::ProcessNames;

constexpr int kKills = 20;
constexpr int kPowerCuts = 10;
constexpr int kProveEvery = 10;
constexpr uint64_t kSomeMtrs = 200;
constexpr double kResumesWithinSeconds = 40;

int Asked(const char* variable, int by_default) {
  const char* asked = std::getenv(variable);
  return asked == nullptr ? by_default : std::atoi(asked);
}

uint64_t Seed() { return static_cast<uint64_t>(Asked("HEXAD_SEED", 1)); }

ProcessNames NodesOf(const launcher::ClusterRecord& record, const std::string& az) {
  ProcessNames names;
  for (const auto& node : record.nodes) {
    if (az.empty() || node.az == az) names.push_back(node.id);
  }
  return names;
}

// One node, two of different zones, a zone, a zone and another node, or all.
ProcessNames Victims(const launcher::ClusterRecord& record, Prng& prng) {
  const auto& nodes = record.nodes;
  const size_t first = prng.Below(nodes.size());
  const std::string& second = nodes[(first + 2 + prng.Below(3)) % nodes.size()].id;
  switch (prng.Below(5)) {
    case 0:
      return {nodes[first].id};
    case 1:
      return {nodes[first].id, second};
    case 2:
      return NodesOf(record, nodes[first].az);
    case 3: {
      ProcessNames names = NodesOf(record, nodes[first].az);
      if (std::ranges::find(names, second) == names.end()) names.push_back(second);
      return names;
    }
    default:
      return NodesOf(record, "");
  }
}

class Cycles : public testing::Test {
 protected:
  std::string AckLog() const {
    return cluster_->folder().root() + "/acks-" + std::to_string(proofs_);
  }
  void StartLoad() {
    load_ = std::make_unique<SteadyLoad>(cluster_->launcher(),
                                         SteadyLoad::Options{.ack_log = AckLog()});
  }
  void AwaitAcks() {
    EXPECT_TRUE(load_->AwaitMore(kSomeMtrs, kResumesWithinSeconds))
        << "writes do not go on; " << cluster_->Run({"status"}).out;
  }
  // Ends the load, proves what it was promised, and begins another with an ack log of its own.
  void Prove(bool last) {
    load_.reset();
    acked_ += cluster_->ProveAcknowledged(AckLog());
    ASSERT_FALSE(HasFailure());
    fs::remove(AckLog());
    ++proofs_;
    if (!last) StartLoad();
  }
  void Report(const std::string& what, int cycles) const {
    std::cout << cycles << " " << what << ", " << proofs_ << " proofs: " << acked_
              << " acknowledged MTRs, all present, six segments equal each time\n";
  }

  std::unique_ptr<ScratchCluster> cluster_;
  std::unique_ptr<SteadyLoad> load_;
  int proofs_ = 0;
  uint64_t acked_ = 0;
};

TEST_F(Cycles, KilledWithKill9NothingAcknowledgedIsMissing) {
  const int kills = Asked("HEXAD_KILLS", kKills);
  ASSERT_GT(kills, 0) << "HEXAD_KILLS";
  cluster_ = std::make_unique<ScratchCluster>();
  Prng prng(Seed());
  StartLoad();
  for (int cycle = 1; cycle <= kills; ++cycle) {
    const ProcessNames victims = Victims(cluster_->launcher().record(), prng);
    const bool writer_too = prng.Below(3) == 0;
    SCOPED_TRACE(absl::StrCat("cycle ", cycle, ": ", absl::StrJoin(victims, " "),
                              writer_too ? " and the writer" : ""));
    AwaitAcks();
    if (writer_too) load_->Signal(SIGKILL);
    const absl::Status killed = cluster_->launcher().Kill(victims);
    ASSERT_TRUE(killed.ok()) << killed;
    const absl::Status started = cluster_->launcher().Start(victims);
    ASSERT_TRUE(started.ok()) << started;
    if (cycle % kProveEvery == 0 || cycle == kills) {
      AwaitAcks();
      ASSERT_NO_FATAL_FAILURE(Prove(cycle == kills));
    }
    if (HasFailure()) break;
  }
  Report("cycles of kill -9", kills);
}

// ---- power cuts ---------------------------------------------------------------------------------

constexpr uint64_t kDiskBytes = uint64_t{512} << 20;

class PowerCuts : public Cycles {
 protected:
  void SetUp() override {
    if (const char* why = LoopDisk::Missing(); why != nullptr) GTEST_SKIP() << why;
    cluster_ = std::make_unique<ScratchCluster>();
    ASSERT_EQ(cluster_->Run({"down"}).exit_code, 0);
    auto disks = LoopDisks::Make(cluster_->launcher(), cluster_->folder().root(), kDiskBytes);
    ASSERT_TRUE(disks.ok()) << disks.status();
    disks_.emplace(*std::move(disks));
    const Outcome up = cluster_->Run({"up"});
    ASSERT_EQ(up.exit_code, 0) << up.Said();
  }
  void TearDown() override {
    if (cluster_ == nullptr) return;
    load_.reset();
    EXPECT_EQ(cluster_->Run({"down"}).exit_code, 0);
    disks_.reset();
  }
  // The power of all of them goes at once; then they are started again on what is left.
  void Cut(const ProcessNames& victims) {
    const absl::Status cut = disks_->CutPower(cluster_->launcher(), victims);
    ASSERT_TRUE(cut.ok()) << cut;
    const absl::Status started = cluster_->launcher().Start(victims);
    ASSERT_TRUE(started.ok()) << started;
  }

  std::optional<LoopDisks> disks_;
};

TEST_F(PowerCuts, TakeNothingThatWasAcknowledged) {
  const int cuts = Asked("HEXAD_POWER_CUTS", kPowerCuts);
  ASSERT_GT(cuts, 0) << "HEXAD_POWER_CUTS";
  Prng prng(Seed());
  StartLoad();
  for (int cycle = 1; cycle <= cuts; ++cycle) {
    const ProcessNames victims = Victims(cluster_->launcher().record(), prng);
    SCOPED_TRACE(absl::StrCat("cut ", cycle, ": ", absl::StrJoin(victims, " ")));
    AwaitAcks();
    ASSERT_NO_FATAL_FAILURE(Cut(victims));
    if (cycle % kProveEvery == 0 || cycle == cuts) {
      AwaitAcks();
      ASSERT_NO_FATAL_FAILURE(Prove(cycle == cuts));
    }
    if (HasFailure()) break;
  }
  Report("power cuts", cuts);
}

}  // namespace
}  // namespace hexad::cluster_test
