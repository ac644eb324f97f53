// I10: no segment gives up versions that a read of the newest writer still needs: its GC floor is
// at or below the lowest read point that this writer holds (PGMRPL; Verbitski 2018, section 3.4).
// Read points of a writer that was replaced count no more: it is told so when it reads.
#pragma once

#include <map>

#include "tests/sim/checker.h"

namespace hexad::sim {

// And none gives up what a fork may need: no segment's floor lies above the floor R of every
// manifest that a write quorum of the first PG has kept (docs/fork.md).
class GcFloorChecker : public Checker {
 public:
  std::string name() const override { return "I10 GC floor"; }
  void See(const Event& event) override;
  void Look(const WorldView& world) override;

 private:
  void OnPersisted(const BatchPersisted& persisted);
  Lsn HighestKept() const;

  size_t write_ = 4;                        // of the first PG
  std::map<NodeIndex, Lsn> retained_from_;  // the highest R that each node has ever kept
  EpochId newest_;
  ProcessId writer_ = 0;
  Lsn found_;                        // R as that writer found it
  std::map<ProcessId, Lsn> lowest_;  // None(): it holds no read point
};

}  // namespace hexad::sim
