// I1, I2: what was acknowledged, or shown by an opening, is in every later history; what a history
// has cut off is in none, and is never acknowledged.
#pragma once

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
};

}  // namespace hexad::sim
