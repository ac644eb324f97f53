// A storage node or a writer that dies at exactly its N-th fsync (instead of it, or right after it)
// or its N-th send, for one N after the other, from the first of its start on: under load, and then
// again while it recovers from that. Nothing acknowledged is lost, and six segments are equal.
//
// Every few N by default; every N up to a limit, which is the longer form:
//   HEXAD_CRASH_POINTS=200 build/bin/cluster_crash_points_test
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>

#include "cli/launcher/faults.h"
#include "cli/launcher/wait.h"
#include "tests/cluster/scratch_cluster.h"
#include "tests/cluster/steady_load.h"

namespace hexad::cluster_test {
namespace {

namespace fs = std::filesystem;
using Field = std::atomic<uint64_t> faults::ProcessFaultsBlock::*;

constexpr uint64_t kSomeMtrs = 100;
constexpr double kResumesWithinSeconds = 40;
constexpr launcher::Millis kDiesWithin{30'000};

// Which N: dense where a start is, then sparse.
std::vector<uint64_t> Points() {
  std::vector<uint64_t> points;
  if (const char* asked = std::getenv("HEXAD_CRASH_POINTS"); asked != nullptr) {
    for (uint64_t n = 1; n <= static_cast<uint64_t>(std::atoi(asked)); ++n) points.push_back(n);
    return points;
  }
  for (uint64_t n = 1; n <= 150; n += 1 + n / 3) points.push_back(n);
  return points;
}

class CrashPoints : public testing::Test {
 protected:
  void SetUp() override {
    launcher::ClusterRequest request;
    request.faults = true;
    cluster_ = std::make_unique<ScratchCluster>(request);
    ASSERT_TRUE(Of(launcher::kBench)->sends == 0);
    StartLoad();
    ASSERT_TRUE(load_->AwaitMore(kSomeMtrs, kResumesWithinSeconds));
  }

  launcher::Launcher& launcher() { return cluster_->launcher(); }
  std::string AckLog() const { return cluster_->folder().root() + "/acks"; }
  void StartLoad() {
    load_ = std::make_unique<SteadyLoad>(launcher(), SteadyLoad::Options{.ack_log = AckLog()});
  }
  faults::ProcessFaults Of(const std::string& process) {
    auto block = launcher::FaultsOfProcess(launcher().dir(), process);
    EXPECT_TRUE(block.ok()) << block.status();
    return *std::move(block);
  }

  // Started so that it dies at `n`: perhaps before it ever serves.
  void StartAndAwaitDeath(const std::string& node, Field at, uint64_t n) {
    faults::ProcessFaults block = Of(node);
    (block.operator->()->*at) = n;
    launcher().Start({node}).IgnoreError();
    const absl::Status died =
        launcher::WaitUntil({node + " to die", kDiesWithin, ""}, [&]() -> absl::StatusOr<bool> {
          return launcher().StateOf(node) == launcher::ProcessState::kDown;
        });
    EXPECT_TRUE(died.ok()) << died << ": " << block->syncs << " fsyncs, " << block->sends
                           << " sends";
    block.Heal();
  }

  // Dies at `n`, dies again at half of it while it recovers, and lives.
  void KillNodeAt(const std::string& node, Field at, uint64_t n) {
    ASSERT_TRUE(launcher().Kill({node}).ok());
    StartAndAwaitDeath(node, at, n);
    StartAndAwaitDeath(node, at, (n + 1) / 2);
    const absl::Status started = launcher().Start({node});
    ASSERT_TRUE(started.ok()) << started;
    ASSERT_TRUE(load_->AwaitMore(kSomeMtrs, kResumesWithinSeconds));
  }

  void SweepNodes(const std::string& what, Field at) {
    size_t next = 0;
    for (const uint64_t n : Points()) {
      const auto& nodes = launcher().record().nodes;
      const std::string node = nodes[next++ % nodes.size()].id;
      SCOPED_TRACE(node + " dies at " + what + " " + std::to_string(n));
      ASSERT_NO_FATAL_FAILURE(KillNodeAt(node, at, n));
      if (HasFailure()) return;
    }
    Prove(what);
  }

  void Prove(const std::string& what) {
    load_.reset();
    const uint64_t acked = cluster_->ProveAcknowledged(AckLog());
    if (HasFailure()) return;
    std::cout << Points().size() << " points (" << what << "), the last at " << Points().back()
              << ": " << acked << " acknowledged MTRs, all present\n";
  }

  std::unique_ptr<ScratchCluster> cluster_;
  std::unique_ptr<SteadyLoad> load_;
};

TEST_F(CrashPoints, ANodeDiesInsteadOfItsNthFsync) {
  SweepNodes("instead of fsync", &faults::ProcessFaultsBlock::die_at_sync);
}

TEST_F(CrashPoints, ANodeDiesRightAfterItsNthFsync) {
  SweepNodes("after fsync", &faults::ProcessFaultsBlock::die_after_sync);
}

TEST_F(CrashPoints, ANodeDiesInsteadOfItsNthSend) {
  SweepNodes("instead of send", &faults::ProcessFaultsBlock::die_at_send);
}

// Its opening is its first sends: connecting, polling, sealing, refilling, beginning, and then the
// first boxcars.
TEST_F(CrashPoints, AWriterDiesInsteadOfItsNthSend) {
  for (const uint64_t n : Points()) {
    SCOPED_TRACE("the writer dies at send " + std::to_string(n));
    faults::ProcessFaults block = Of(launcher::kBench);
    block->die_at_send = n;
    load_->Signal(SIGKILL);
    load_->TakeEnds();
    const absl::Status died =
        launcher::WaitUntil({"two writers to die", kDiesWithin, ""},
                            [&, ends = size_t{0}]() mutable -> absl::StatusOr<bool> {
                              ends += load_->TakeEnds().size();
                              return ends >= 2;
                            });
    EXPECT_TRUE(died.ok()) << died << ": " << block->sends << " sends";
    block.Heal();
    load_->Signal(SIGKILL);  // one that has begun with the fault
    ASSERT_TRUE(load_->AwaitMore(kSomeMtrs, kResumesWithinSeconds));
  }
  Prove("the writer, instead of send");
}

}  // namespace
}  // namespace hexad::cluster_test
