// Materialising pages: the log applied (Verbitski 2017, section 3.2: pages are a cache of it).
// Pure functions over what a plan and the store give.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/messages.h"
#include "storage-node/core/plans.h"
#include "storage-node/core/store_batch.h"

namespace hexad::storage_node {

// The page as the plan asks. `versions` as SegmentStore::ReadVersions gives them for plan.visible.
// DATA_LOSS if a record's page_prev contradicts what was applied before it: a hole in the history.
absl::StatusOr<quorum::PageRead> BuildPage(const ReadPlan& plan,
                                           const std::vector<PageVersion>& versions);

// The plan's visible records, per page, by page number. Truncates are no page's work: a page that
// only was truncated does not appear.
// REQUIRES: the plan outlives what comes back.
PlanWork GroupByPage(const CoalescePlan& plan);

// What the store holds of a page before a coalescing, as SegmentStore::ReadVersions gives it.
struct StoredPage {
  absl::StatusOr<std::vector<PageVersion>> head;  // along plan.head
  // Along plan.visible, if that is more: of what branches and clones see.
  std::optional<absl::StatusOr<std::vector<PageVersion>>> all = std::nullopt;
};

// The versions to write for one page, and what they supersede, appended to `out`. Records at or
// below plan.floor are merged into an image once their bytes exceed a quarter of the page, and it
// takes their place. The rest become runs, so that every read point above the floor stays exact,
// with an image beside them wherever the head's chain since the last one is longer than a page: a
// read applies about a page's worth of records and at most one coalescing's more. An image never
// falls inside a run.
//
// One bad page does not stop the log: whatever is wrong with its versions or its chain, its records
// are written as runs, nothing is merged or dropped, and reads of it go on reporting DATA_LOSS. The
// status says what is wrong, for people; `out` is complete either way.
absl::Status CoalescePage(const CoalescePlan& plan, const PageWork& work, const StoredPage& stored,
                          StoreBatch& out);

}  // namespace hexad::storage_node
