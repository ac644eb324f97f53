// VCL and VDL at the writer. A volume may have thousands of PGs, and an ack concerns one of them,
// so the lowest outstanding LSN is kept in a winner tree: an ack replays one leaf's matches, O(log
// PGs).
#include <algorithm>
#include <bit>

#include "quorum/base/check.h"
#include "quorum/trackers.h"

namespace hexad::quorum {

void VclTracker::Issued(size_t pg_index, Lsn first, Lsn last) {
  INVARIANT(start_ < first && first <= last && last < Lsn::Max());
  if (pg_index >= outstanding_.size()) Grow(pg_index + 1);
  std::deque<Run>& runs = outstanding_[pg_index];
  INVARIANT(runs.empty() || runs.back().last < first);
  // An MTR's runs are announced PG by PG, not in LSN order.
  if (first_issued_.IsNone() || first < first_issued_) first_issued_ = first;
  last_issued_ = std::max(last_issued_, last);
  runs.push_back(Run{first, last});
  if (runs.size() == 1) UpdateLowest(pg_index);
}

void VclTracker::PgclMoved(size_t pg_index, Lsn pgcl) {
  if (pg_index >= outstanding_.size() || outstanding_[pg_index].empty()) return;
  std::deque<Run>& runs = outstanding_[pg_index];
  INVARIANT(pgcl <= runs.back().last);
  if (pgcl < runs.front().first) return;
  while (!runs.empty() && runs.front().last <= pgcl) runs.pop_front();
  // Stopped inside a run: this PG's next record is above PGCL, wherever exactly.
  if (!runs.empty()) runs.front().first = std::max(runs.front().first, pgcl.Next());
  UpdateLowest(pg_index);
}

Lsn VclTracker::vcl() const {
  const Lsn lowest = lowest_.empty() ? Lsn::Max() : lowest_[1];
  if (lowest == Lsn::Max()) return last_issued_;
  // Between the fork and the epoch's first LSN lies nothing: the record before the first is the
  // fork.
  return lowest == first_issued_ ? start_ : lowest.Prev();
}

void VclTracker::UpdateLowest(size_t pg_index) {
  size_t node = lowest_.size() / 2 + pg_index;
  const std::deque<Run>& runs = outstanding_[pg_index];
  lowest_[node] = runs.empty() ? Lsn::Max() : runs.front().first;
  for (node /= 2; node >= 1; node /= 2) {
    lowest_[node] = std::min(lowest_[2 * node], lowest_[2 * node + 1]);
  }
  INVARIANT(lowest_[1] > start_);
}

void VclTracker::Grow(size_t pgs) {
  outstanding_.resize(pgs);
  const size_t leaves = std::bit_ceil(pgs);
  if (2 * leaves == lowest_.size()) return;
  lowest_.assign(2 * leaves, Lsn::Max());
  for (size_t pg_index = 0; pg_index < pgs; ++pg_index) UpdateLowest(pg_index);
}

void VdlTracker::IssuedCpl(Lsn cpl) {
  INVARIANT(cpl > (cpls_.empty() ? vdl_ : cpls_.back()));
  cpls_.push_back(cpl);
}

bool VdlTracker::VclMoved(Lsn vcl) {
  const Lsn before = vdl_;
  for (; !cpls_.empty() && cpls_.front() <= vcl; cpls_.pop_front()) vdl_ = cpls_.front();
  return vdl_ > before;
}

}  // namespace hexad::quorum
