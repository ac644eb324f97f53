// Drives one making of a clone (backtrack/clone.h) over links of its own to the storage nodes.
#pragma once

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "backtrack/clone.h"
#include "compute/io/cluster_nodes.h"

namespace hexad::compute {

struct CloneOutcome {
  absl::Status status;  // OK: `cloned` is there
  std::optional<backtrack::Cloned> cloned;
  // After a failure: what may have been made of it, for the caller to drop.
  std::optional<quorum::Manifest> remains;
};

// Blocking, for at most options.give_up_after and a little.
CloneOutcome RunClone(const std::shared_ptr<const ClusterNodes>& nodes,
                      backtrack::CloneOptions options);

}  // namespace hexad::compute
