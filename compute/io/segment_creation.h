// Makes the empty segments of a volume's first PG, before anybody can open it.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "compute/io/cluster_nodes.h"
#include "quorum/messages.h"

namespace hexad::compute {

// Sends `create` to every member of its membership. OK once all have created it, or once a write
// quorum has and the rest had `grace` to follow; UNAVAILABLE without a write quorum by `timeout`.
// Blocking. Idempotent.
absl::Status CreateSegments(const std::shared_ptr<const ClusterNodes>& nodes,
                            const quorum::CreateSegment& create, Duration grace, Duration timeout);

}  // namespace hexad::compute
