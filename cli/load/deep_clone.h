// Reads of a clone five levels deep next to the same reads of its root, for bench time-travel.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "cli/launcher/launcher.h"

namespace hexad::cli {

// p50 of ReadPage past the cache.
struct DeepReads {
  uint64_t root_us = 0;       // of pages that only the root has written: in the root,
  uint64_t inherited_us = 0;  // and in the deepest clone
  uint64_t changed_us = 0;    // of pages that a clone on the way has changed: in that clone,
  uint64_t changed_inherited_us = 0;  // and in the deepest
};

// Writes a root, clones it five times, each from the one before and with some pages changed; waits
// until the nodes have coalesced all of it; reads; drops what it made.
absl::StatusOr<DeepReads> ReadDeepClone(launcher::Launcher& launcher);

}  // namespace hexad::cli
