// I1, I8: no opening ends with the words of lost data or of a broken core. Every fault that a run
// injects is one that a volume survives, so neither is an outcome.
#pragma once

#include "tests/sim/checker.h"

namespace hexad::sim {

class GaveUpChecker : public Checker {
 public:
  std::string name() const override { return "I1 openings"; }
  void See(const Event& event) override {
    const auto* gave_up = std::get_if<OpeningGivenUp>(&event);
    if (gave_up == nullptr) return;
    Expect(!absl::IsDataLoss(gave_up->why) && !absl::IsInternal(gave_up->why), "process ",
           gave_up->writer, ": ", gave_up->why.ToString());
  }
};

}  // namespace hexad::sim
