// The shortest fault plan that still fails in the same way, by leaving faults out (Zeller and
// Hildebrandt 2002, ddmin). Each trial is a run of its own.
#pragma once

#include <functional>

#include "tests/sim/fault.h"

namespace hexad::sim {

// `fails`: does this plan still fail, in the same way? Called at most `trials` times.
// The result fails; leaving out any single fault of it does not, unless the trials ran out.
FaultPlan Minimize(FaultPlan plan, int trials, const std::function<bool(const FaultPlan&)>& fails);

}  // namespace hexad::sim
