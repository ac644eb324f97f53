// Carrying out the core's plans on the segment store (core/plans.h). Any thread; no locks, no core.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/messages.h"
#include "storage-node/core/plans.h"
#include "storage-node/io/segment_store.h"

namespace hexad::storage_node {

// The page as the plan asks. DATA_LOSS: bytes here fail their checksum, or the history has a hole.
absl::StatusOr<quorum::PageRead> RunRead(const SegmentStore& store, const ReadPlan& plan);

// Part of the hot log, for gossip or for an opening.
struct LogRun {
  std::vector<BytesRef> boxcars;  // verified, by first LSN, kMaxLogPartBytes at most together
  bool more = false;              // ask again after the last one
  int damaged = 0;                // boxcars left out because their bytes fail a check
};
absl::StatusOr<LogRun> RunLog(const SegmentStore& store, const LogPlan& plan);

// The commits around the plan's target. DATA_LOSS: an entry of the chain index is damaged.
absl::StatusOr<quorum::CommitFound> RunFind(const SegmentStore& store, const FindPlan& plan);

// Moves the plan's records into the page store, page by page, in ordered writes of `write_bytes` or
// so; the plan's `start` comes first, its `finish` last. Whatever error
// comes, the hot log is still there, and the plan may be carried out again.
struct CoalesceRun {
  uint64_t bytes = 0;     // of versions written
  int damaged_pages = 0;  // kept as they are, see CoalescePage
  absl::Status damage;    // what is wrong with the last of them
};
inline constexpr size_t kCoalesceWriteBytes = 256 * 1024;
absl::StatusOr<CoalesceRun> RunCoalesce(SegmentStore& store, const CoalescePlan& plan,
                                        size_t write_bytes = kCoalesceWriteBytes);

}  // namespace hexad::storage_node
