// Who waits for which LSN to become durable (Verbitski 2017, section 4.2.2): a commit is
// acknowledged if and only if VDL >= its LSN, in LSN order, and nobody holds a thread meanwhile. A
// wait that lasts too long ends as "unknown": the commit was sent and may yet become durable.
//
// Pure bookkeeping: the caller says what time it is and runs the callbacks. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <vector>

#include "absl/status/status.h"
#include "quorum/base/instant.h"
#include "quorum/base/types.h"

namespace hexad::compute {

class CommitQueue {
 public:
  using Done = std::function<void(const absl::Status&)>;
  struct Waiter {
    Lsn lsn;
    uint64_t arrival = 0;  // ties of one LSN wake in the order of their arrival
    Instant since;
    Done done;
  };

  // REQUIRES: lsn above the VDL last told, and `done` callable.
  void Wait(Lsn lsn, Instant now, Instant deadline, Done done);

  // Appends those whose LSN is at or below `vdl`, in LSN order. VDL never moves back.
  void VdlMoved(Lsn vdl, std::vector<Waiter>& durable);
  // Appends those whose deadline has come, in LSN order.
  void Expire(Instant now, std::vector<Waiter>& expired);
  // Everyone, in LSN order: the volume is fenced or closed.
  void TakeAll(std::vector<Waiter>& all);

  // The next time Expire has something to do. May be early (a wait that has ended), never late.
  Instant NextDeadline() const;
  size_t size() const { return waiting_count_; }
  void CheckInvariants() const;

 private:
  struct Deadline {
    Instant at;
    Lsn lsn;
    uint64_t arrival;
    bool operator<(const Deadline& other) const { return at > other.at; }  // earliest on top
  };
  std::deque<Waiter>::iterator Find(Lsn lsn, uint64_t arrival);

  std::deque<Waiter> waiters_;  // by (lsn, arrival); an expired one stays, without `done`, until
                                // VDL passes it
  std::priority_queue<Deadline> deadlines_;  // of ended waits too, until their time
  size_t waiting_count_ = 0;
  uint64_t arrivals_ = 0;
  Lsn vdl_;
};

}  // namespace hexad::compute
