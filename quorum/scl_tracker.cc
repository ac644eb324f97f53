// A segment's chain as runs. A run claims three positions of the PG's chain: `pg_prev` holds a
// record, [first, last] is the run, and nothing of this PG lies between pg_prev and first. Two runs
// fit into one chain if and only if the later one's pg_prev is at or after the earlier one's last
// record, so sorted by pg_prev, waiting runs are sorted by everything, and a new run need only be
// compared with its two neighbours.
#include <iterator>

#include "quorum/base/check.h"
#include "quorum/trackers.h"

namespace hexad::quorum {

SclTracker::Verdict SclTracker::Add(Lsn pg_prev, Lsn first, Lsn last) {
  INVARIANT(pg_prev < first && first <= last);
  if (last <= scl_) return Verdict::kDuplicate;
  // Reaches above SCL, but starts or attaches below it: another record already follows pg_prev.
  if (pg_prev < scl_) return Verdict::kConflict;

  const auto after = waiting_.lower_bound(pg_prev);
  if (after != waiting_.end() && after->first == pg_prev) {
    const Run& known = after->second;
    const bool same = known.first == first && known.last == last;
    return same ? Verdict::kDuplicate : Verdict::kConflict;
  }
  if (after != waiting_.end() && last > after->first) return Verdict::kConflict;
  if (after != waiting_.begin() && std::prev(after)->second.last > pg_prev) {
    return Verdict::kConflict;
  }

  if (pg_prev != scl_) {
    waiting_.emplace_hint(after, pg_prev, Run{first, last});
    return Verdict::kWaiting;
  }
  scl_ = last;
  while (!waiting_.empty() && waiting_.begin()->first == scl_) {
    scl_ = waiting_.begin()->second.last;
    waiting_.erase(waiting_.begin());
  }
  INVARIANT(waiting_.empty() || waiting_.begin()->first > scl_);
  return Verdict::kAdvanced;
}

Lsn SclTracker::highest() const { return waiting_.empty() ? scl_ : waiting_.rbegin()->second.last; }

void SclTracker::CutTo(Lsn scl) {
  INVARIANT(scl <= scl_);
  // Waiting runs lie above SCL, so every one of them is above the cut.
  waiting_.clear();
  scl_ = scl;
}

}  // namespace hexad::quorum
