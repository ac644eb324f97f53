#include "tests/sim/process.h"

namespace hexad::sim {

void Process::At(Instant when, Task task) {
  if (when == Instant::Never()) return;
  scheduler_.At(
      when, [this, life = life_, task = std::move(task)]() mutable { Do(life, std::move(task)); });
}

void Process::Do(uint64_t life, Task task) {
  if (life != life_ || !running_) return;
  if (paused_) {
    late_.push_back(std::move(task));
    return;
  }
  task();
}

// One after the other at this instant, before anything that arrives later.
void Process::Resume() {
  if (!paused_) return;
  paused_ = false;
  for (Task& task : std::exchange(late_, {})) {
    At(scheduler_.now(), std::move(task));
  }
}

}  // namespace hexad::sim
