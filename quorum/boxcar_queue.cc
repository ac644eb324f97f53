#include "quorum/boxcar_queue.h"

#include <algorithm>
#include <utility>

namespace hexad::quorum {

void BoxcarQueue::Push(Boxcar boxcar, Instant now) {
  INVARIANT(boxcar.header.pg_prev == last_lsn_);
  last_lsn_ = boxcar.header.last_lsn;
  if (end_ - front_ == ring_.size()) {
    std::vector<Entry> larger(std::max<size_t>(8, 2 * ring_.size()));
    for (Seq seq = front_; seq < end_; ++seq) {
      larger[seq & (larger.size() - 1)] = std::move(ring_[seq & (ring_.size() - 1)]);
    }
    ring_ = std::move(larger);
  }
  const uint64_t bytes_before = bytes_ever_;
  bytes_ever_ += boxcar.size();
  ring_[end_ & (ring_.size() - 1)] = Entry{std::move(boxcar), now, bytes_before};
  ++end_;
}

void BoxcarQueue::PgclMoved(Lsn pgcl) {
  while (quorum_ < end() && (*this)[quorum_].last_lsn() <= pgcl) ++quorum_;
}

void BoxcarQueue::PopFront() {
  INVARIANT(front_ < quorum_);
  ring_[front_ & (ring_.size() - 1)] = Entry();  // lets the bytes go
  ++front_;
}

template <class Above>
BoxcarQueue::Seq BoxcarQueue::Find(Above above) const {
  Seq low = front_;
  Seq high = end_;
  while (low < high) {
    const Seq middle = low + (high - low) / 2;
    if (above((*this)[middle])) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

BoxcarQueue::Seq BoxcarQueue::FirstAbove(Lsn lsn) const {
  return Find([lsn](const Entry& entry) { return entry.last_lsn() > lsn; });
}

// The PG's last record at or below the read point is certainly not above the read point itself, and
// not above the end of the last boxcar that starts at or below it. Where that boxcar ends below the
// read point, its end is the answer exactly.
Lsn BoxcarQueue::EndAt(Lsn read_point) const {
  const Seq after =
      Find([read_point](const Entry& entry) { return entry.first_lsn() > read_point; });
  const Lsn end = after == front_ ? attach_lsn() : (*this)[after - 1].last_lsn();
  return std::min(end, read_point);
}

void BoxcarQueue::CheckInvariants(Lsn pgcl) const {
  INVARIANT(front_ <= quorum_ && quorum_ <= end_);
  INVARIANT(end_ - front_ <= ring_.size());
  uint64_t bytes = empty() ? bytes_ever_ : (*this)[front_].bytes_before;
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
