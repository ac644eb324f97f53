// I10: no segment gives up versions that a read of the newest writer still needs: its GC floor is
// at or below the lowest read point that this writer holds (PGMRPL; Verbitski 2018, section 3.4).
// Read points of a writer that was replaced count no more: it is told so when it reads.
#pragma once

#include <map>

#include "tests/sim/checker.h"

namespace hexad::sim {

class GcFloorChecker : public Checker {
 public:
  std::string name() const override { return "I10 GC floor"; }
  void See(const Event& event) override;
  void Look(const WorldView& world) override;

 private:
  EpochId newest_;
  ProcessId writer_ = 0;
  std::map<ProcessId, Lsn> lowest_;  // None(): it holds no read point
};

}  // namespace hexad::sim
