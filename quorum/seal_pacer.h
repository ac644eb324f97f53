// When an open boxcar leaves although it is not full.
//
// Nothing in flight: at once, so an idle volume adds no latency. Something in flight: not before it
// has its quorum. And then not in that very moment either: those whose commits have just become
// durable are about to come again, and whoever leaves without them makes them wait for a whole
// round, so that for ever one half of the clients waits while the other is on its way. So the pacer
// waits for most of what has just arrived, for a quarter of the round's time at the longest; where
// that was in vain, it does not try for a while (decision 0005, with what was measured).
//
//   [at once] --QuorumReached, others wait--> [waiting] --enough came, or the time is over--> seal
//       ^                                                                                       |
//       +---------------------------------------------------------------------------------------+
#pragma once

#include <cstddef>

#include "quorum/base/instant.h"

namespace hexad::quorum {

// Pure, and of one lane. What waits and what arrived is counted in records.
class SealPacer {
 public:
  // `longest_wait`: of one round; zero: never waits.
  explicit SealPacer(Duration longest_wait) : longest_wait_(longest_wait) {}

  // Boxcars of `arrived` records got their quorum, the last of them sealed at `sealed_at`. Nothing
  // else is in flight, and `open` records wait.
  void QuorumReached(size_t arrived, size_t open, Instant sealed_at, Instant now);

  // May a boxcar of `open` records leave, if nothing is in flight? To be asked again at deadline(),
  // even if nothing waits then, and when it has grown.
  bool MayLeave(size_t open, Instant now);
  // It left, for whatever reason.
  void Left() { until_ = Instant::Never(); }

  Instant deadline() const { return until_; }  // Never(): it waits for nothing

 private:
  Duration longest_wait_;
  Instant until_ = Instant::Never();
  size_t enough_ = 0;       // open records for which it does not wait any longer
  size_t worth_it_ = 0;     // with fewer, the wait was in vain
  int rounds_without_ = 0;  // rounds to come that do not wait
  int next_without_ = 1;    // after the next wait in vain
};

}  // namespace hexad::quorum
