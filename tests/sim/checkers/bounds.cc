#include "tests/sim/checkers/bounds.h"

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void BoundsChecker::Look(const WorldView& world) {
  const auto seconds = static_cast<uint32_t>(world.now().nanos() / 1'000'000'000);
  const uint32_t epochs = kFirstEpochs + kEpochsPerSecond * seconds;
  for (NodeIndex node = 0; node < world.nodes(); ++node) {
    const storage_node::NodeCore* core = world.core(node);
    if (core == nullptr) continue;
    size_t hot = 0;
    for (const storage_node::SegmentDescription& d : core->Describe(world.now())) {
      hot += d.hot_log_bytes;
      Expect(d.promised.number <= epochs, "n", node + 1, " has promised epoch ", d.promised.number,
             " after ", seconds, " s: epochs are used up by a livelock");
    }
    Expect(hot <= 2 * hot_log_limit_bytes_ + kOnTopBytes, "the hot log of n", node + 1, " has ",
           hot, " bytes, its limit is ", hot_log_limit_bytes_);
  }
}

}  // namespace hexad::sim
