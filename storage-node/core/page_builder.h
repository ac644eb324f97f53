// Reading a page needs ReadVersions(plan.pg, page, plan.visible) first; so does coalescing one.
//
// Materialising pages: the log applied (Verbitski 2017, section 3.2: pages are a cache of it).
// Pure functions over what a plan and the store give.
#pragma once

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

// The versions to write for one page, and what they supersede, appended to `out`. Records at or
// below plan.floor are merged into an image once their bytes exceed a quarter of the page; the rest
// become a run, so that every read point above the floor stays exact. An image never falls inside a
// run.
//
// One bad page does not stop the log: whatever is wrong with its versions or its chain, its records
// are written as runs, nothing is merged or dropped, and reads of it go on reporting DATA_LOSS. The
// status says what is wrong, for people; `out` is complete either way.
absl::Status CoalescePage(const CoalescePlan& plan, const PageWork& work,
                          const absl::StatusOr<std::vector<PageVersion>>& versions,
                          StoreBatch& out);

}  // namespace hexad::storage_node
