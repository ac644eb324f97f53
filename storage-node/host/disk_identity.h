// Whose disk is this? A data folder is made for one node of one AZ and gets its incarnation then;
// from there on it is refused to any other node.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "quorum/base/types.h"
#include "storage-node/io/segment_store.h"

namespace hexad::storage_node {

// Meta keys with this prefix are the host's; the core is not shown them.
inline constexpr std::string_view kHostMetaPrefix = "h/";

struct DiskIdentity {
  NodeId node;
  AzId az;
  Incarnation incarnation;
};

// The identity on the disk; on a fresh one, it is made (`fresh_incarnation`, not 0) and synced
// first. FAILED_PRECONDITION: the disk belongs to another node or AZ. DATA_LOSS: it holds segments
// but no identity, or a damaged one.
absl::StatusOr<DiskIdentity> ClaimDisk(SegmentStore& store, const NodeId& node, const AzId& az,
                                       Incarnation fresh_incarnation);

}  // namespace hexad::storage_node
