// Every checker of a run.
#pragma once

#include <memory>
#include <vector>

#include "tests/sim/checker.h"
#include "tests/sim/options.h"

namespace hexad::sim {

std::vector<std::unique_ptr<Checker>> AllCheckers(const SimOptions& options);

}  // namespace hexad::sim
