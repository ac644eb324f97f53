// Clones in the simulated world: a process that makes one with the real core (backtrack/clone.h),
// and dies on the way now and then; and readers that open clones, read what they inherited, and
// leave again. A clone is not written to here: what is tested is that what it saw when it was made
// stays, whatever its parent, garbage collection and faults do.
//
// What a cloner that died leaves behind has no name: nobody reads it, and it is dropped later, as
// the product's watch over orphans does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backtrack/clone.h"
#include "quorum/base/prng.h"
#include "tests/sim/fabric.h"
#include "tests/sim/sim_compute.h"

namespace hexad::sim {

struct CloneLoad {
  Duration every;  // between two makings, on average; none: no clones
  Duration read_for = Duration::Seconds(3);
  size_t at_most = 6;  // made in one run
};

// A clone that can be opened.
struct LiveClone {
  quorum::Manifest named;  // as its name would say: its first PG
  Lsn forked_at;
};

class SimCloner : public StreamOwner {
 public:
  // What its user asks for: nothing if there is nothing to go to yet.
  using DrawTarget = std::function<std::optional<backtrack::CloneTarget>()>;

  // Uses two compute endpoints: `slot` makes, `slot` + 1 reads. `parent`: what the volume's name
  // says.
  SimCloner(Fabric& fabric, size_t slot, ComputeOptions parent, CloneLoad load, Fabric::Tell tell,
            DrawTarget draw, uint64_t seed);
  ~SimCloner() override;

  void Start();
  // Makes no more, and stops reading.
  void Quiesce();
  const std::vector<LiveClone>& clones() const { return clones_; }
  uint64_t made() const { return made_; }
  // Opens a clone and reads until the returned count, which it keeps current, is enough.
  const uint64_t& ReadThrough(const LiveClone& clone);

  void OnUp(NodeIndex node, Incarnation incarnation) override;
  void OnDown(NodeIndex node) override;
  void OnAnswer(NodeIndex node, quorum::SegmentAnswer answer) override;

 private:
  void MakeLater();
  void Make();
  void Step(const backtrack::CloneInput& input);
  void Take(const backtrack::CloneEffect& effect);
  void Made(const backtrack::Cloned& cloned);
  void End();
  void ArmTick();
  void ReadLater();
  void ReadSome();
  void StopReading();
  // Every node is told, some time: those that are down then keep what they have.
  void Drop(TimelineId timeline, const std::vector<quorum::Membership>& pgs);
  Duration Around(Duration mean);
  const NodeId& NameOf(NodeIndex node) const { return fabric_.node(node).options().node; }

  Fabric& fabric_;
  const size_t slot_;
  const ComputeOptions parent_;
  const CloneLoad load_;
  const Fabric::Tell tell_;
  const DrawTarget draw_;
  Prng prng_;
  Process process_;
  bool quiet_ = false;

  std::unique_ptr<backtrack::Clone> core_;  // nullptr: none is being made
  backtrack::CloneOptions making_;
  Instant tick_at_ = Instant::Never();
  uint64_t made_ = 0;
  uint64_t started_ = 0;
  std::vector<LiveClone> clones_;
  // The last one reads; those before it have stopped, and what was planned for them may still come.
  std::vector<std::unique_ptr<SimCompute>> readers_;
  uint64_t pages_read_ = 0;
  ProcessId next_process_ = 1'000'000;  // beyond those of the world
};

}  // namespace hexad::sim
