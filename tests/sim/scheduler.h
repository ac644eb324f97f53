// The simulator's time: an ordered heap of (instant, sequence, task). Nothing in the simulated
// world happens outside a task, and a task takes no time: it ends where it began, with later tasks
// on the heap. Equal seeds therefore give equal runs, and the trace (a hash of what happened)
// proves it (I13).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "quorum/base/instant.h"
#include "quorum/base/prng.h"

namespace hexad::sim {

using Task = std::function<void()>;

class Scheduler {
 public:
  Instant now() const { return now_; }
  // Runs `task` at `when`, or now if that has passed; after all that was scheduled for the same
  // instant before.
  void At(Instant when, Task task);
  void After(Duration delay, Task task) { At(now_ + delay, std::move(task)); }

  // Runs the next task; false if there is none at or before `until`, and then it is `until`.
  bool RunNext(Instant until);

  uint64_t tasks_run() const { return tasks_run_; }
  uint64_t trace() const { return trace_; }
  void Trace(uint64_t value) { trace_ = Mix64(trace_ ^ value); }

 private:
  struct Entry {
    Instant when;
    uint64_t sequence;
    Task task;
  };
  static bool Later(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
  }

  Instant now_;
  std::vector<Entry> heap_;
  uint64_t sequence_ = 0;
  uint64_t tasks_run_ = 0;
  uint64_t trace_ = 0;
};

}  // namespace hexad::sim
