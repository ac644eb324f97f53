#include "compute/io/timer_thread.h"

#include <chrono>
#include <memory>
#include <utility>

#include "compute/io/clocks.h"

namespace hexad::compute {

TimerThread::TimerThread() : state_(std::make_shared<State>()), thread_(Run, state_) {}

TimerThread::~TimerThread() {
  std::multimap<Instant, std::function<void()>> dropped;  // destroyed without the lock
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopped = true;
    dropped.swap(state_->tasks);
    state_->changed.notify_all();
  }
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void TimerThread::At(Instant when, std::function<void()> task) {
  const std::lock_guard lock(state_->mutex);
  if (state_->stopped) return;
  const bool first = state_->tasks.empty() || when < state_->tasks.begin()->first;
  state_->tasks.emplace(when, std::move(task));
  if (first) state_->changed.notify_all();
}

size_t TimerThread::pending() const {
  const std::lock_guard lock(state_->mutex);
  return state_->tasks.size();
}

void TimerThread::Run(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (!state->stopped) {
    if (state->tasks.empty()) {
      state->changed.wait(lock);
      continue;
    }
    const auto first = state->tasks.begin();
    if (first->first > MonotonicNow()) {
      const auto until = std::chrono::nanoseconds(first->first.nanos());
      state->changed.wait_until(lock, std::chrono::steady_clock::time_point(until));
      continue;
    }
    auto task = std::move(first->second);
    state->tasks.erase(first);
    lock.unlock();
    task();
    task = nullptr;  // what it held is released without the lock
    lock.lock();
  }
}

}  // namespace hexad::compute
