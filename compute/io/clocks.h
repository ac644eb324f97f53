// The process's clocks and its randomness, which cores may not have.
#pragma once

#include "quorum/base/instant.h"
#include "quorum/base/types.h"

namespace hexad::compute {

Instant MonotonicNow();
CommitTime WallClockNow();
// From the system's random device.
uint64_t RandomNumber();

}  // namespace hexad::compute
