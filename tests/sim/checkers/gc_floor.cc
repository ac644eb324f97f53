#include "tests/sim/checkers/gc_floor.h"

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void GcFloorChecker::See(const Event& event) {
  if (const auto* held = std::get_if<ReadPointsHeld>(&event)) {
    lowest_[held->reader] = held->lowest;
  } else if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    if (opened->start->epoch < newest_) return;  // fenced already, and does not know it
    newest_ = opened->start->epoch;
    writer_ = opened->writer;
  }
}

void GcFloorChecker::Look(const WorldView& world) {
  const Lsn lowest = lowest_[writer_];
  if (lowest.IsNone()) return;
  for (NodeIndex node = 0; node < world.nodes(); ++node) {
    const storage_node::NodeCore* core = world.core(node);
    if (core == nullptr) continue;
    for (const storage_node::SegmentDescription& d : core->Describe(world.now())) {
      Expect(d.gc_floor <= lowest, "n", node + 1, " has GC floor ", d.gc_floor.value(), " of PG ",
             d.pg.value(), ", and process ", writer_, " reads at ", lowest.value());
    }
  }
}

}  // namespace hexad::sim
