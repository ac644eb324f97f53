// The checkers of how far things may go, LSNs, GC floors and manifests, each with a history that it
// accepts and one that it must refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/checkers/allocation.h"
#include "tests/sim/checkers/gc_floor.h"
#include "tests/sim/checkers/manifest.h"
#include "tests/sim/history.h"

namespace hexad::sim {
namespace {

using storage_node::NodeCore;
using testing::HasSubstr;

TEST(Allocation, AcceptsTheLimitAndRefusesOneAbove) {
  for (const uint64_t last : {110, 111}) {
    History h([](auto) { return std::make_unique<AllocationChecker>(10); });
    h.StartFirstEpoch();  // at 101
    h.Issue(1, 1, 101, last);
    EXPECT_EQ(h.refused(), last == 111) << h.failure();
  }
}

TEST(Allocation, TheLimitGoesUpWithVdl) {
  for (const uint64_t last : {115, 116}) {
    History h([](auto) { return std::make_unique<AllocationChecker>(10); });
    h.StartFirstEpoch();
    h.Issue(1, 1, 101, 105);
    h.Vdl(1, 1, 105);
    h.Issue(1, 1, 106, last);
    EXPECT_EQ(h.refused(), last == 116) << h.failure();
  }
}

// A node whose segment has garbage-collected up to `floor`.
std::unique_ptr<NodeCore> CoreWithFloor(uint64_t floor) {
  storage_node::NodeOptions options;
  options.node = NameOfNode(0);
  auto core = std::make_unique<NodeCore>(options);
  const storage_node::SegmentConfig config{OnePg().pgs.front(), 4096, PageNo(0), 8};
  const storage_node::CoalescedMark mark{Lsn(floor), Lsn(floor), {}, 0, Lsn(floor)};
  INVARIANT(core->LoadMeta(storage_node::ConfigKey(kPg), storage_node::Encode(config)).ok());
  INVARIANT(core->LoadMeta(storage_node::PathKey(kPg, kTimeline),
                           storage_node::Encode(quorum::PgPath::Root(kTimeline)))
                .ok());
  INVARIANT(
      core->LoadMeta(storage_node::CoalescedKey(kPg, kTimeline), storage_node::Encode(mark)).ok());
  INVARIANT(core->LogsToLoad().ok());
  return core;
}

// A manifest that retains from `lsn` on, at these nodes.
void Retain(History& h, const std::vector<NodeIndex>& nodes, uint64_t lsn) {
  quorum::Manifest manifest = OnePg();
  manifest.written_in = Epoch(1);
  manifest.retained_from = Lsn(lsn);
  for (const NodeIndex node : nodes) {
    h.Persist(node, {storage_node::PutMeta{storage_node::ManifestKey(kPg, kTimeline),
                                           storage_node::Encode(manifest)}});
  }
}

TEST(GcFloor, LiesAboveNoRetentionFloorOfAWriteQuorum) {
  for (const bool four : {true, false}) {
    History h([](auto) { return std::make_unique<GcFloorChecker>(); });
    h.StartFirstEpoch();
    Retain(h, {0, 2, 4}, 104);
    Retain(h, {5}, four ? 104 : 103);
    const auto core = CoreWithFloor(104);
    h.Run(0, core.get());
    h.Look();
    EXPECT_EQ(h.refused(), !four) << h.failure();
  }
}

TEST(GcFloor, AcceptsTheLowestReadPointAndRefusesOneAbove) {
  for (const uint64_t floor : {103, 104}) {
    History h([](auto) { return std::make_unique<GcFloorChecker>(); });
    h.StartFirstEpoch();
    Retain(h, History::kAll, 104);
    h.Tell(ReadPointsHeld{1, Lsn(103)});
    const auto core = CoreWithFloor(floor);
    h.Run(0, core.get());
    h.Look();
    EXPECT_EQ(h.refused(), floor == 104) << h.failure();
  }
}

TEST(GcFloor, AReplacedWritersReadPointsDoNotCount) {
  History h([](auto) { return std::make_unique<GcFloorChecker>(); });
  h.StartFirstEpoch();
  Retain(h, History::kAll, 104);
  h.Tell(ReadPointsHeld{1, Lsn(103)});
  h.Begin(History::kAll, 2, 103, 1001);
  h.Open(2);
  const auto core = CoreWithFloor(104);
  h.Run(0, core.get());
  h.Look();
  EXPECT_EQ(h.failure(), "accepted");
}

void PersistManifest(History& h, uint32_t epoch, uint32_t geometry) {
  quorum::Manifest manifest = OnePg();
  manifest.written_in = Epoch(epoch);
  manifest.geometry_epoch = GeometryEpoch(geometry);
  h.Persist(0, {storage_node::PutMeta{storage_node::ManifestKey(kPg, kTimeline),
                                      storage_node::Encode(manifest)}});
}

TEST(Manifest, MayBeWrittenAgainAndMustNotGoBack) {
  History h([](auto) { return std::make_unique<ManifestChecker>(); });
  PersistManifest(h, 1, 1);
  PersistManifest(h, 1, 2);
  PersistManifest(h, 1, 2);
  PersistManifest(h, 2, 1);  // a newer epoch that never heard of the growth
  EXPECT_EQ(h.failure(), "accepted");
  PersistManifest(h, 1, 2);
  EXPECT_THAT(h.failure(), HasSubstr("replaces its manifest of epoch 2, geometry 1"));
}

}  // namespace
}  // namespace hexad::sim
