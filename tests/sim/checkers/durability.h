// I1, I2: what was acknowledged, or shown by an opening, is in every later history; what a history
// has cut off is in none, and is never acknowledged. Missing may be only what a backtrack that
// somebody asked for has left behind, and that is whole on one of the new history's branches, or
// was on one that is over: that ended below what is retained.
#pragma once

#include <map>
#include <set>

#include "tests/sim/checker.h"
#include "tests/sim/checkers/volume_meta.h"
#include "tests/sim/reference.h"

namespace hexad::sim {

class DurabilityChecker : public Checker {
 public:
  std::string name() const override { return "I1 durability"; }
  void See(const Event& event) override;

 private:
  void OnOpened(const EpochOpened& opened);
  void OnAcked(const MtrAcked& acked);

  // Is what lies there on a branch that a backtrack left, and that is kept or over?
  bool IsLeftBehind(const quorum::PgPath& history, Lsn lsn) const;

  MtrHistory history_;
  HighestRetained retained_;
  EpochId newest_;
  std::set<ProcessId> going_back_;
  std::set<EpochId> backtracks_;            // epochs that were begun to go back
  std::map<EpochId, quorum::Branch> left_;  // by them
};

}  // namespace hexad::sim
