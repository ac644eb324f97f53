// One PG's sealed boxcars at the writer, oldest first: those that lack a write quorum, which must
// be kept, and before them those that a segment still on its stream may ask for.
//
//      front()              quorum()              end()
//        | have their quorum   | in flight          |        numbered 0, 1, 2, ... per epoch
//        +---------------------+--------------------+
//        each one's pg_prev is the last LSN of the one before: the queue has no holes
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "quorum/base/check.h"
#include "quorum/base/instant.h"
#include "quorum/boxcar.h"

namespace hexad::quorum {

class BoxcarQueue {
 public:
  // The number of a boxcar in its lane, from 0.
  using Seq = uint64_t;

  struct Entry {
    Boxcar boxcar;
    Instant sealed_at;
    uint64_t bytes_before = 0;  // of all boxcars with a lower number, dropped ones included

    Lsn first_lsn() const { return boxcar.header.first_lsn; }
    Lsn last_lsn() const { return boxcar.header.last_lsn; }
  };

  // `tail`: the PG's last LSN before the first boxcar, and its PGCL.
  explicit BoxcarQueue(Lsn tail) : last_lsn_(tail) {}

  Seq front() const { return front_; }
  Seq quorum() const { return quorum_; }
  Seq end() const { return end_; }
  bool empty() const { return front_ == end_; }
  bool in_flight() const { return quorum_ < end(); }
  const Entry& operator[](Seq seq) const {
    INVARIANT(front_ <= seq && seq < end_);
    return ring_[seq & (ring_.size() - 1)];
  }

  // REQUIRES: it attaches to last_lsn().
  void Push(Boxcar boxcar, Instant now);
  // Boxcars up to `pgcl` have their write quorum.
  void PgclMoved(Lsn pgcl);
  // REQUIRES: front() < quorum().
  void PopFront();

  // The chain's last sealed LSN, and the LSN that the front boxcar attaches to: a segment whose SCL
  // has reached attach_lsn() can be brought to last_lsn() from here alone.
  Lsn last_lsn() const { return last_lsn_; }
  Lsn attach_lsn() const { return empty() ? last_lsn_ : (*this)[front_].boxcar.header.pg_prev; }
  // The first boxcar that is not wholly at or below `lsn`; end() if there is none.
  Seq FirstAbove(Lsn lsn) const;
  // At or above the PG's last record at or below `read_point`, and as low as the queue can tell.
  Lsn EndAt(Lsn read_point) const;

  // Bytes of all boxcars with a lower number. REQUIRES: front() <= seq <= end().
  uint64_t BytesBefore(Seq seq) const {
    return seq == end() ? bytes_ever_ : (*this)[seq].bytes_before;
  }
  // Bytes of the boxcars [from, to). REQUIRES: front() <= from <= to <= end().
  uint64_t BytesBetween(Seq from, Seq to) const { return BytesBefore(to) - BytesBefore(from); }
  uint64_t in_flight_bytes() const { return BytesBetween(quorum_, end()); }
  uint64_t covered_bytes() const { return BytesBetween(front_, quorum_); }

  void CheckInvariants(Lsn pgcl) const;

 private:
  // The first seq in [front, end) for which `above` holds; it must hold for all after it.
  template <class Above>
  Seq Find(Above above) const;

  // Entry `seq` stands at seq modulo the size, a power of two: no allocation once the queue has its
  // usual length, and every question about numbers is one comparison.
  std::vector<Entry> ring_;
  Seq front_ = 0;
  Seq quorum_ = 0;
  Seq end_ = 0;
  uint64_t bytes_ever_ = 0;
  Lsn last_lsn_;
};

}  // namespace hexad::quorum
