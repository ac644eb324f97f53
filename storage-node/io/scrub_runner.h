// Carrying out a scrub's plan on the segment store (core/scrub.h). Any thread; no locks, no core.
#pragma once

#include "absl/status/statusor.h"
#include "quorum/messages.h"
#include "storage-node/core/plans.h"
#include "storage-node/io/segment_store.h"

namespace hexad::storage_node {

// Damaged pages are in the answer, they are no error. RESOURCE_EXHAUSTED: the first page has more
// versions than fit into an answer. UNAVAILABLE: the store lacks something now.
absl::StatusOr<quorum::ScrubFill> RunScrub(const SegmentStore& store, const ScrubPlan& plan);

}  // namespace hexad::storage_node
