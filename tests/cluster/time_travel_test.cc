// Again and again, during writes at full speed and with a zone killed: a clone and a backtrack. The
// clone is exactly the parent at its fork, the parent keeps everything, and after the backtrack
// exactly what was committed up to its fork is visible, until it is undone. Checked page by page
// against a model, as the storage nodes hold them, not the writer's cache.
//
// Five times by default:
//   HEXAD_TIME_TRAVELS=50 build/bin/cluster_time_travel_test
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/launcher/volumes.h"
#include "tests/cluster/background_load.h"
#include "tests/cluster/modelled_writer.h"

namespace hexad::cluster_test {
namespace {

constexpr int kCycles = 5;
constexpr uint64_t kSomeMtrs = 300;
constexpr char kVolume[] = "bench";

int Cycles() {
  const char* asked = std::getenv("HEXAD_TIME_TRAVELS");
  return asked == nullptr ? kCycles : std::atoi(asked);
}

class TimeTravel : public testing::Test {
 protected:
  void SetUp() override {
    auto connected = launcher::ConnectToNodes(cluster_.launcher().record());
    ASSERT_TRUE(connected.ok()) << connected.status();
    nodes_ = *std::move(connected);
    const absl::Status made = launcher::EnsureVolume(cluster_.launcher(), *nodes_, kVolume);
    ASSERT_TRUE(made.ok()) << made;
    const auto opened = nodes_->Open(kVolume, {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    volume_ = *opened;
    writer_ = std::make_unique<ModelledWriter>(*volume_, 1);
  }
  void TearDown() override { writer_.reset(); }

  // What the segments hold, read by a process that knows nothing of the writer, is what the model
  // says of its history at its newest durable read point.
  void ExpectExact(const std::string& name, const std::string& when) {
    OpenedVolume seen(cluster_, name, ReadOnly());
    ASSERT_TRUE(seen.ok()) << when;
    const auto view = seen->PinReadPoint();
    const auto history = seen->Status().history;
    ASSERT_TRUE(history.has_value()) << when;
    const auto expected = writer_->PagesAt(history->path, view->read_point());
    for (uint32_t page = 0; page < kModelPages; ++page) {
      const auto read = seen->ReadPage(PageNo(page), view->read_point());
      ASSERT_TRUE(read.ok()) << when << ", page " << page << ": " << read.status();
      ASSERT_TRUE(read->page == expected[page])
          << when << ": page " << page << " of " << name << " at LSN " << view->read_point().value()
          << " on " << history->path.Describe() << " differs at byte "
          << std::ranges::mismatch(read->page, expected[page]).in1 - read->page.begin();
    }
  }

  // A clone somewhere in what was acknowledged lately; it gets a life of its own.
  void CloneSomewhere(Prng& prng, int cycle) {
    const auto acked = writer_->NewestAcked();
    ASSERT_FALSE(acked.empty());
    const Lsn at = acked[prng.Below(acked.size())];
    const std::string name = absl::StrCat("clone", cycle);
    compute::CloneSpec spec;
    spec.parent = kVolume;
    spec.name = name;
    spec.at = at;
    const auto cloned = nodes_->Clone(spec);
    ASSERT_TRUE(cloned.ok()) << cloned.status();
    EXPECT_EQ(cloned->forked_at.lsn, at);
    ASSERT_NO_FATAL_FAILURE(ExpectExact(name, "a clone"));
    {
      OpenedVolume clone(cluster_, name);
      ASSERT_TRUE(clone.ok());
      EXPECT_EQ(clone->vdl(), at);
      const absl::Status put = PutDurably(*clone, PageNo(kModelPages), "the clone's own");
      ASSERT_TRUE(put.ok()) << put;
    }
    ASSERT_NO_FATAL_FAILURE(ExpectExact(name, "a clone that went its own way"));
    ASSERT_NO_FATAL_FAILURE(ExpectExact(kVolume, "the parent of a clone"));
    if (cycle % 2 == 0) return;  // that one stays
    const absl::Status dropped = nodes_->Drop(name, true);
    // The zone that is down cannot confirm it; gossip tells it later.
    EXPECT_TRUE(dropped.ok() || absl::IsUnavailable(dropped)) << dropped;
  }

  // Back to something that was acknowledged lately, and every other time forward again.
  void GoBackSomewhere(Prng& prng, bool undo) {
    const auto acked = writer_->NewestAcked();
    ASSERT_GT(acked.size(), 1u);
    const Lsn target = acked[prng.Below(acked.size() - 1)];
    const Outcome dry = cluster_.Run(
        {"backtrack", kVolume, "--to", absl::StrCat(target.value()), "--dry-run", "--json"});
    ASSERT_EQ(dry.exit_code, 0) << dry.Said();
    EXPECT_EQ(dry.Json()["would_fork_at"]["lsn"], target.value()) << dry.Said();
    const auto gone_back = volume_->Backtrack(target);
    ASSERT_TRUE(gone_back.ok()) << gone_back.status();
    EXPECT_EQ(gone_back->forked_at.lsn, target);
    ASSERT_TRUE(gone_back->first_left.has_value());
    const auto status = volume_->Status();
    const quorum::Branch* left = quorum::BranchLeftBy(*status.history, status.epoch);
    ASSERT_NE(left, nullptr);
    const quorum::Branch branch = *left;
    left_behind_ += writer_->AckedIn(target, branch.end.at);
    EXPECT_GE(branch.end.at, acked.back()) << "what was acknowledged is on the branch";
    ASSERT_TRUE(writer_->AwaitMore(kSomeMtrs)) << "writes do not go on; " << writer_->failure();
    ASSERT_NO_FATAL_FAILURE(ExpectExact(kVolume, "after a backtrack"));
    if (!undo) return;
    const auto returned = volume_->Backtrack(branch.end.at);
    ASSERT_TRUE(returned.ok()) << returned.status();
    EXPECT_EQ(returned->forked_at.lsn, branch.end.at);
    ASSERT_TRUE(writer_->AwaitMore(kSomeMtrs)) << "writes do not go on; " << writer_->failure();
    ASSERT_NO_FATAL_FAILURE(ExpectExact(kVolume, "after a backtrack was undone"));
  }

  launcher::ProcessNames NodesOf(const std::string& az) {
    launcher::ProcessNames names;
    for (const auto& node : cluster_.launcher().record().nodes) {
      if (node.az == az) names.push_back(node.id);
    }
    return names;
  }

  ScratchCluster cluster_;
  std::unique_ptr<compute::Cluster> nodes_;
  std::shared_ptr<compute::Volume> volume_;
  std::unique_ptr<ModelledWriter> writer_;
  uint64_t left_behind_ = 0;
};

TEST_F(TimeTravel, BacktracksAndClonesAreExactUnderLoadWithAZoneDown) {
  const int cycles = Cycles();
  ASSERT_GT(cycles, 0) << "HEXAD_TIME_TRAVELS";
  Prng prng(1);
  const auto azs = cluster_.launcher().record().Azs();
  for (int cycle = 1; cycle <= cycles; ++cycle) {
    const auto zone = NodesOf(azs[static_cast<size_t>(cycle) % azs.size()]);
    SCOPED_TRACE(absl::StrCat("cycle ", cycle, ", killed: ", zone.front(), " ", zone.back()));
    ASSERT_TRUE(writer_->AwaitMore(kSomeMtrs)) << writer_->failure();
    const absl::Status killed = cluster_.launcher().Kill(zone);
    ASSERT_TRUE(killed.ok()) << killed;
    ASSERT_TRUE(writer_->AwaitMore(kSomeMtrs)) << writer_->failure();
    ASSERT_NO_FATAL_FAILURE(CloneSomewhere(prng, cycle));
    ASSERT_NO_FATAL_FAILURE(GoBackSomewhere(prng, cycle % 2 == 0));
    const absl::Status started = cluster_.launcher().Start(zone);
    ASSERT_TRUE(started.ok()) << started;
    ASSERT_EQ(writer_->failure(), "");
  }
  EXPECT_GT(left_behind_, 0u);
  std::cout << cycles << " clones and backtracks with a zone down: " << writer_->acked()
            << " acknowledged MTRs, " << left_behind_ << " of them left on branches\n";
}

}  // namespace
}  // namespace hexad::cluster_test
