// What histories see of a log: of one boxcar, and of all that a segment keeps. Pure.
#pragma once

#include <optional>
#include <vector>

#include "quorum/boxcar.h"
#include "quorum/pg_path.h"
#include "quorum/trackers.h"
#include "storage-node/core/store_batch.h"

namespace hexad::storage_node {

// The part of a boxcar that a history sees, as a run of its PG chain.
struct VisibleRun {
  Lsn pg_prev;
  Lsn first;
  Lsn last;
};
std::optional<VisibleRun> VisibleIn(const quorum::Boxcar& boxcar, const quorum::Path& path);

// The run's part above `scl`, which may lie inside the boxcar: a fork that was planned there and
// came to nothing leaves a chain that ends in the middle of one. Nothing if no part is above, or if
// `scl` lies between its records and so contradicts it.
std::optional<VisibleRun> PartAbove(const quorum::Boxcar& boxcar, VisibleRun run, Lsn scl);

// Tells a chain of the records that a history sees in a boxcar.
void AddVisible(const quorum::Boxcar& boxcar, const quorum::Path& path, quorum::SclTracker& chain);

// A history's last record at or below `up_to`, if everything that it sees there is in the page
// store, and `up_to` is a record of a kept history.
Lsn StoredTail(const quorum::Path& path, const std::vector<Lsn>& tails, Lsn up_to);

// The path's intervals at or below `up_to`, newest first.
std::vector<LsnRange> RangesUpTo(const quorum::Path& path, Lsn up_to);
// Unites them with what other histories of the same log see, newest first; one may tell several
// intervals of another one as one.
void AddRanges(const std::vector<LsnRange>& ranges, std::vector<LsnRange>& all);

}  // namespace hexad::storage_node
