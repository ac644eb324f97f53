#include "tests/sim/checkers/gc_floor.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "storage-node/core/segment_state.h"
#include "tests/sim/checkers/volume_meta.h"

namespace hexad::sim {

void GcFloorChecker::See(const Event& event) {
  if (const auto* persisted = std::get_if<BatchPersisted>(&event)) OnPersisted(*persisted);
  if (const auto* held = std::get_if<ReadPointsHeld>(&event)) {
    lowest_[held->reader] = held->lowest;
  } else if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    if (opened->start->epoch < newest_) return;  // fenced already, and does not know it
    newest_ = opened->start->epoch;
    // A writer that comes after another one finds the floor as that one left it, who knew nothing
    // of its read points.
    if (writer_ != opened->writer) found_ = opened->start->manifest.retained_from;
    writer_ = opened->writer;
  }
}

void GcFloorChecker::OnPersisted(const BatchPersisted& persisted) {
  for (const storage_node::StoreOp& op : persisted.batch->ops) {
    const auto* meta = std::get_if<storage_node::PutMeta>(&op);
    if (meta == nullptr) continue;
    const auto name = NameInVolume(meta->key);
    if (!name.has_value() || name->kind != storage_node::MetaKind::kManifest) continue;
    const auto manifest = storage_node::DecodeManifest(meta->value);
    if (!manifest.ok()) continue;
    write_ = manifest->pgs.front().write;
    Lsn& kept = retained_from_[persisted.node];
    kept = std::max(kept, manifest->retained_from);
  }
}

Lsn GcFloorChecker::HighestKept() const {
  std::vector<Lsn> kept;
  for (const auto& [node, lsn] : retained_from_) kept.push_back(lsn);
  if (kept.size() < write_) return Lsn::None();
  std::sort(kept.begin(), kept.end(), std::greater<>());
  return kept[write_ - 1];
}

void GcFloorChecker::Look(const WorldView& world) {
  const Lsn lowest = lowest_[writer_];
  const Lsn retained = HighestKept();
  for (NodeIndex node = 0; node < world.nodes(); ++node) {
    const storage_node::NodeCore* core = world.core(node);
    if (core == nullptr) continue;
    for (const storage_node::SegmentDescription& d : core->Describe(world.now())) {
      if (d.timeline != kVolume) continue;
      Expect(d.gc_floor <= retained, "n", node + 1, " has GC floor ", d.gc_floor.value(), " of PG ",
             d.pg.value(), ", and a write quorum keeps no manifest that retains from above ",
             retained.value());
      if (lowest.IsNone()) continue;
      Expect(d.gc_floor <= std::max(lowest, found_), "n", node + 1, " has GC floor ",
             d.gc_floor.value(), " of PG ", d.pg.value(), ", and process ", writer_, " reads at ",
             lowest.value());
    }
  }
}

}  // namespace hexad::sim
