// One of the floor's six processes.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace hexad::floor {

struct FloorNodeOptions {
  std::string folder;
  bool fsync = true;
};

// Listens on a free port of 127.0.0.1, writes it to stdout as a decimal line, and serves until the
// process is killed. Returns only if it cannot start.
absl::Status ServeFloorNode(const FloorNodeOptions& options);

}  // namespace hexad::floor
