// The floor's writer: six streams on the callback API, one run of boxcars.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/floor/floor.h"

namespace hexad::floor {

// UNAVAILABLE if a node cannot be reached, or if fewer than four answer.
absl::StatusOr<FloorResult> DriveFloor(const std::vector<std::string>& addresses,
                                       const FloorLoad& load);

}  // namespace hexad::floor
