// I1, I2: what was acknowledged, or shown by an opening, is in every later history; what a history
// has cut off is in none, and is never acknowledged. Missing may be only what a backtrack that
// somebody asked for has left behind, and that is whole on one of the new history's branches.
#pragma once

#include <set>

#include "tests/sim/checker.h"
#include "tests/sim/reference.h"

namespace hexad::sim {

class DurabilityChecker : public Checker {
 public:
  std::string name() const override { return "I1 durability"; }
  void See(const Event& event) override;

 private:
  void OnOpened(const EpochOpened& opened);
  void OnAcked(const MtrAcked& acked);

  MtrHistory history_;
  EpochId newest_;
  std::set<ProcessId> going_back_;
  std::set<EpochId> backtracks_;  // epochs that were begun to go back
};

}  // namespace hexad::sim
