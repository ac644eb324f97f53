// The checkers of what readers see and of what nodes hold in memory, each with a history that it
// accepts and those that it must refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/checkers/bounds.h"
#include "tests/sim/checkers/freshness.h"
#include "tests/sim/checkers/pages.h"
#include "tests/sim/checkers/trackers.h"
#include "tests/sim/history.h"

namespace hexad::sim {
namespace {

using storage_node::NodeCore;
using testing::HasSubstr;

template <class C>
History Of() {
  return History([](std::shared_ptr<DiskModel> disks) { return std::make_unique<C>(disks); });
}

void WriteFirst(History& h, std::vector<NodeIndex> nodes) {
  h.StartFirstEpoch();
  h.Issue(1, 1, 101, 103);
  h.Store(std::move(nodes), {Epoch(1), 0, 101, 103});
}

// A process that started from what a disk holds, and from `more` that no disk does.
std::unique_ptr<NodeCore> CoreOn(const History& h, NodeIndex node, std::vector<Cargo> more = {}) {
  auto core = std::make_unique<NodeCore>(
      storage_node::NodeOptions{NameOfNode(node), AzId("a"), Incarnation(100 + node)});
  (void)h.disk(node).ScanMeta("", [&](std::string_view key, std::string_view value) {
    EXPECT_EQ(core->LoadMeta(key, value), absl::OkStatus());
  });
  EXPECT_TRUE(core->LogsToLoad().ok());
  const auto load = [&](Lsn first, BytesRef bytes) {
    EXPECT_EQ(core->LoadBoxcar(kPg, kTimeline, first, std::move(bytes)), absl::OkStatus());
    return true;
  };
  (void)h.disk(node).ScanLog(kPg, kTimeline, Lsn::None(), load);
  for (const Cargo& cargo : more) load(Lsn(cargo.first), Encoded(cargo));
  return core;
}

// ---- I4 -----------------------------------------------------------------------------------------

TEST(Trackers, AcceptTheSclThatTheDiskHolds) {
  auto h = Of<TrackersChecker>();
  WriteFirst(h, {0});
  h.Store({0}, {Epoch(1), 105, 106, 106});  // behind a gap
  const auto core = CoreOn(h, 0);
  h.Run(0, core.get());
  h.Look();
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(Trackers, RefuseAnSclAboveWhatTheDiskHolds) {
  auto h = Of<TrackersChecker>();
  WriteFirst(h, {0});
  const auto core = CoreOn(h, 0, {{Epoch(1), 103, 104, 105}});
  h.Run(0, core.get());
  h.Look();
  EXPECT_THAT(h.failure(), HasSubstr("n1 has SCL 105 of PG 70; what it holds is whole up to 103"));
}

TEST(Trackers, RefuseAnSclBelowWhatTheDiskHolds) {
  auto h = Of<TrackersChecker>();
  WriteFirst(h, {0});
  const auto core = CoreOn(h, 0);
  h.Store({0}, {Epoch(1), 103, 104, 105});
  h.Run(0, core.get());
  h.Look();
  EXPECT_THAT(h.failure(), HasSubstr("n1 has SCL 103 of PG 70; what it holds is whole up to 105"));
}

TEST(Trackers, RefuseAnEpochThatTheDiskDoesNotKnow) {
  auto h = Of<TrackersChecker>();
  WriteFirst(h, {0});
  const auto core = CoreOn(h, 0);
  h.Begin({0}, 2, 103, 1001);
  h.Run(0, core.get());
  h.Look();
  EXPECT_THAT(h.failure(), HasSubstr("n1 has begun epoch 1"));
}

TEST(Trackers, SkipAHarmedDisk) {
  auto h = Of<TrackersChecker>();
  WriteFirst(h, {0});
  const auto core = CoreOn(h, 0, {{Epoch(1), 103, 104, 105}});
  h.Run(0, core.get());
  h.Harm(0);
  h.Look();
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(Trackers, AcceptAVdlThatFourHaveAcknowledgedAndRefuseThree) {
  auto four = Of<TrackersChecker>();
  WriteFirst(four, History::kAll);
  four.Acks({0, 2, 3, 5}, 1, 103);
  four.Vdl(1, 1, 103);
  EXPECT_EQ(four.failure(), "accepted");
  auto three = Of<TrackersChecker>();
  WriteFirst(three, History::kAll);
  three.Acks({0, 2, 5}, 1, 103);
  three.Acks({1, 3, 4}, 1, 102);
  three.Vdl(1, 1, 103);
  EXPECT_THAT(three.failure(), HasSubstr("3 segments of PG 70 have acknowledged its LSN 103"));
}

TEST(Trackers, DoNotCountAcksOfAnotherEpoch) {
  auto h = Of<TrackersChecker>();
  WriteFirst(h, History::kAll);
  h.Acks(History::kAll, 2, 103);
  h.Vdl(1, 1, 103);
  EXPECT_TRUE(h.refused());
}

// ---- I5 -----------------------------------------------------------------------------------------

void Offer(History& h, ProcessId reader, uint64_t read_point, bool snapshot = true) {
  const quorum::Path& history = h.path().path;
  h.Tell(ReadPointOffered{reader, history.epoch(), Lsn(read_point), snapshot, &history});
}

TEST(Freshness, AcceptsASnapshotThatIsOlderThanTheVdl) {
  auto h = Of<FreshnessChecker>();
  WriteFirst(h, History::kAll);
  h.Issue(1, 1, 104, 105);
  h.Vdl(1, 1, 105);
  Offer(h, 8, 103);
  Offer(h, 8, 103);
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(Freshness, AcceptsTheForkOfAnOpeningThatNeverEnded) {
  auto h = Of<FreshnessChecker>();
  WriteFirst(h, History::kAll);
  h.Begin({0}, 2, 103, 1001);
  Offer(h, 8, 103);
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(Freshness, RefusesASnapshotAboveEveryVdl) {
  auto h = Of<FreshnessChecker>();
  WriteFirst(h, History::kAll);
  Offer(h, 8, 103);
  EXPECT_THAT(h.failure(), HasSubstr("above every VDL"));
}

TEST(Freshness, RefusesAReadPointThatGoesBack) {
  auto h = Of<FreshnessChecker>();
  WriteFirst(h, History::kAll);
  h.Vdl(1, 1, 103);
  Offer(h, 8, 103);
  Offer(h, 8, 0);
  EXPECT_THAT(h.failure(), HasSubstr("process 8 reads at 0 after 103"));
}

TEST(Freshness, RefusesAReadPointInsideAnMtr) {
  auto h = Of<FreshnessChecker>();
  WriteFirst(h, History::kAll);
  h.Vdl(1, 1, 103);
  Offer(h, 8, 102, /*snapshot=*/false);
  EXPECT_THAT(h.failure(), HasSubstr("not the end of an MTR"));
}

TEST(Freshness, RefusesASnapshotOfWhatIsCutOff) {
  auto before = Of<FreshnessChecker>();
  WriteFirst(before, History::kAll);
  before.Vdl(1, 1, 103);
  Offer(before, 8, 103);
  before.Begin(History::kAll, 2, 0, 1001);
  before.Open(2);
  EXPECT_THAT(before.failure(), HasSubstr("the history of epoch 2 does not hold it"));
  auto after = Of<FreshnessChecker>();
  WriteFirst(after, History::kAll);
  after.Vdl(1, 1, 103);
  after.Begin(History::kAll, 2, 0, 1001);
  after.Open(2);
  Offer(after, 8, 103);
  EXPECT_THAT(after.failure(), HasSubstr("which epoch 2 has cut off"));
}

TEST(Freshness, RefusesASnapshotThatMissesAnOpening) {
  auto h = Of<FreshnessChecker>();
  WriteFirst(h, History::kAll);
  Offer(h, 8, 0);
  h.Begin(History::kAll, 2, 103, 1001);
  h.Open(2);
  Offer(h, 8, 0);  // it may have asked before epoch 2 was there
  EXPECT_EQ(h.failure(), "accepted");
  Offer(h, 8, 0);
  EXPECT_THAT(h.failure(), HasSubstr("asked after an epoch had opened at 103"));
}

TEST(Pages, AcceptTheReferencesPageAndRefuseAnyOther) {
  for (const bool same : {true, false}) {
    History h([](auto) { return std::make_unique<PageChecker>(4096); });
    WriteFirst(h, History::kAll);
    std::string page(4096, '\0');
    page.replace(0, 4, same ? "xxxx" : "xxxy");
    h.Tell(PageAnswered{1, 0, PageNo(0), Lsn(103), Lsn(103), page, &h.path().path});
    EXPECT_EQ(h.refused(), !same) << h.failure();
  }
}

// ---- I12 ----------------------------------------------------------------------------------------

History Bounded(size_t hot_log_limit_bytes) {
  return History([=](auto) { return std::make_unique<BoundsChecker>(hot_log_limit_bytes); });
}

// A boxcar of about `bytes`.
Cargo Large(size_t bytes) { return {Epoch(1), 0, 101, 101 + bytes / 64}; }

TEST(Bounds, AcceptAHotLogBelowItsLimitAndRefuseOneFarAbove) {
  for (const size_t boxcars : {1, 4}) {
    auto h = Bounded(512 << 10);
    h.StartFirstEpoch();
    std::vector<Cargo> all = {Large(900 << 10)};
    while (all.size() < boxcars) {
      const uint64_t prev = all.back().last;
      all.push_back({Epoch(1), prev, prev + 1, prev + (900 << 10) / 64});
    }
    const auto core = CoreOn(h, 0, all);
    h.Run(0, core.get());
    h.Look();
    EXPECT_EQ(h.refused(), boxcars == 4) << h.failure();
  }
}

TEST(Bounds, RefuseEpochsThatGrowWithoutEnd) {
  for (const uint32_t number : {5U, 500U}) {
    auto h = Bounded(1 << 20);
    h.StartFirstEpoch();
    h.Promise(0, Epoch(number));
    const auto core = CoreOn(h, 0);
    h.Run(0, core.get());
    h.Look();
    EXPECT_EQ(h.refused(), number == 500) << h.failure();
  }
}

}  // namespace
}  // namespace hexad::sim
