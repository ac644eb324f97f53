#include "tests/sim/scheduler.h"

#include <algorithm>
#include <utility>

namespace hexad::sim {

void Scheduler::At(Instant when, Task task) {
  heap_.push_back({std::max(when, now_), sequence_++, std::move(task)});
  std::push_heap(heap_.begin(), heap_.end(), Later);
}

bool Scheduler::RunNext(Instant until) {
  if (heap_.empty() || heap_.front().when > until) {
    now_ = std::max(now_, until);
    return false;
  }
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  Entry entry = std::move(heap_.back());
  heap_.pop_back();
  now_ = entry.when;
  ++tasks_run_;
  Trace(static_cast<uint64_t>(now_.nanos()) + entry.sequence);
  entry.task();
  return true;
}

}  // namespace hexad::sim
