#include "quorum/boxcar_queue.h"

#include <algorithm>
#include <utility>

namespace hexad::quorum {

void BoxcarQueue::Push(Boxcar boxcar, Instant now) {
  INVARIANT(boxcar.header.pg_prev == last_lsn_);
  last_lsn_ = boxcar.header.last_lsn;
  const uint64_t bytes_before = bytes_ever_;
  bytes_ever_ += boxcar.size();
  entries_.push_back(Entry{std::move(boxcar), now, bytes_before});
}

void BoxcarQueue::PgclMoved(Lsn pgcl) {
  while (quorum_ < end() && (*this)[quorum_].last_lsn() <= pgcl) ++quorum_;
}

void BoxcarQueue::PopFront() {
  INVARIANT(front_ < quorum_);
  entries_.pop_front();
  ++front_;
}

BoxcarQueue::Seq BoxcarQueue::FirstAbove(Lsn lsn) const {
  const auto above = std::partition_point(entries_.begin(), entries_.end(),
                                          [lsn](const Entry& e) { return e.last_lsn() <= lsn; });
  return front_ + static_cast<Seq>(above - entries_.begin());
}

// The PG's last record at or below the read point is certainly not above the read point itself, and
// not above the end of the last boxcar that starts at or below it. Where that boxcar ends below the
// read point, its end is the answer exactly.
Lsn BoxcarQueue::EndAt(Lsn read_point) const {
  const auto after =
      std::partition_point(entries_.begin(), entries_.end(),
                           [read_point](const Entry& e) { return e.first_lsn() <= read_point; });
  const Lsn end = after == entries_.begin() ? attach_lsn() : std::prev(after)->last_lsn();
  return std::min(end, read_point);
}

void BoxcarQueue::CheckInvariants(Lsn pgcl) const {
  INVARIANT(front_ <= quorum_ && quorum_ <= end());
  uint64_t bytes = empty() ? bytes_ever_ : entries_.front().bytes_before;
  Lsn last = attach_lsn();
  for (Seq seq = front_; seq < end(); ++seq) {
    const Entry& entry = (*this)[seq];
    INVARIANT(entry.boxcar.header.pg_prev == last);
    INVARIANT(entry.bytes_before == bytes);
    INVARIANT((entry.last_lsn() <= pgcl) == (seq < quorum_));
    last = entry.last_lsn();
    bytes += entry.boxcar.size();
  }
  INVARIANT(last == last_lsn_);
  INVARIANT(bytes == bytes_ever_);
}

}  // namespace hexad::quorum
