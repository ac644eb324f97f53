// Runs callbacks in the order in which they were pushed, one at a time, outside any lock: whoever
// drains runs what is there, and a second drainer leaves it to the first.
#pragma once

#include <deque>
#include <functional>
#include <mutex>

namespace hexad::compute {

// Thread-safe. A callback may push and drain again: what it pushes runs after it returns.
class CallbackLane {
 public:
  void Push(std::function<void()> callback);
  void Drain();

 private:
  std::mutex mutex_;
  std::deque<std::function<void()>> callbacks_;
  bool draining_ = false;
};

}  // namespace hexad::compute
