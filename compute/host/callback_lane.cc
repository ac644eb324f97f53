#include "compute/host/callback_lane.h"

#include <utility>

namespace hexad::compute {

void CallbackLane::Push(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  callbacks_.push_back(std::move(callback));
}

void CallbackLane::Drain() {
  std::unique_lock lock(mutex_);
  if (draining_) return;
  draining_ = true;
  std::deque<std::function<void()>> batch;
  while (!callbacks_.empty()) {
    batch.swap(callbacks_);
    lock.unlock();
    for (auto& callback : batch) callback();
    batch.clear();
    lock.lock();
  }
  draining_ = false;
}

}  // namespace hexad::compute
