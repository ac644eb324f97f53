// What a crash, a pause and a jumping clock do to a process of the simulated world, whatever runs
// in it.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "tests/sim/scheduler.h"

namespace hexad::sim {

// A process lives from Start() to Stop(). Tasks given to it belong to that life: what was meant for
// an earlier one is dropped. A paused process (SIGSTOP) keeps its tasks until it goes on, and then
// does them in order, late. Its clock runs apart from the world's by `skew`, which only grows:
// monotonic clocks jump forward (a suspended machine) and never back.
class Process {
 public:
  explicit Process(Scheduler& scheduler) : scheduler_(scheduler) {}

  bool running() const { return running_; }
  bool paused() const { return paused_; }
  uint64_t life() const { return life_; }
  Instant now() const { return scheduler_.now() + skew_; }

  void Start() {
    running_ = true;
    ++life_;
  }
  void Stop() {
    running_ = false;
    paused_ = false;
    ++life_;
    late_.clear();
  }
  void Pause() { paused_ = running_; }
  void Resume();
  void JumpAhead(Duration by) { skew_ = skew_ + by; }

  // Does `task` in this life, at world time `when`.
  void At(Instant when, Task task);
  void After(Duration delay, Task task) { At(scheduler_.now() + delay, std::move(task)); }
  // The same at an instant of its own clock.
  void AtLocal(Instant when, Task task) {
    At(when == Instant::Never() ? when : Instant(when.nanos() - skew_.nanos()), std::move(task));
  }

 private:
  void Do(uint64_t life, Task task);

  Scheduler& scheduler_;
  bool running_ = false;
  bool paused_ = false;
  uint64_t life_ = 0;
  Duration skew_;
  std::deque<Task> late_;  // while paused
};

}  // namespace hexad::sim
