// Which records a PG's chain consists of, once the hot log is gone: what a fork at an old LSN or
// time needs to know (docs/fork.md). For each run of records of one epoch that a coalescing folds
// there is one entry: their LSNs, which of them are CPLs, and these CPLs' commit times.
//
// An entry lies in the page store as an image of a page that no volume has, under its first
// record's LSN: so a segment's checksums, its histories and its garbage collection hold for it as
// for any page, and "the newest image at or below an LSN" finds the entry that holds it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/messages.h"
#include "storage-node/core/plans.h"
#include "storage-node/core/store_batch.h"

namespace hexad::storage_node {

inline constexpr PageNo kChainPage{0xffffffff};
inline constexpr size_t kChainEntryRecords = 1024;

struct ChainRecord {
  Lsn lsn;
  bool is_cpl = false;
  CommitTime commit_time;  // of a CPL
  friend bool operator==(const ChainRecord&, const ChainRecord&) = default;
};

// The entries of the plan's visible records, appended to `out`. A plan that is carried out again
// writes the same keys.
void PutChain(const CoalescePlan& plan, StoreBatch& out);

// INVALID_ARGUMENT unless the bytes are an entry whose first record is `first`.
absl::StatusOr<std::vector<ChainRecord>> DecodeChainEntry(Lsn first, std::string_view bytes);

// The newest entry whose first LSN is at or below `lsn` on the history that is asked about; nothing
// if there is none. ReadVersions of kChainPage answers this.
using ReadChainEntry = std::function<absl::StatusOr<std::optional<PageVersion>>(Lsn lsn)>;

// Finds the commits around the plan's target, and the chain's tail at it.
absl::StatusOr<quorum::CommitFound> FindInChain(const FindPlan& plan, const ReadChainEntry& read);

}  // namespace hexad::storage_node
