#include "compute/io/blocking_port.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "compute/io/clocks.h"

namespace hexad::compute {
namespace {

class ThreadEvent : public Event {
 public:
  void Set() override {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }

  bool WaitUntil(Instant deadline) override {
    std::unique_lock lock(mutex_);
    if (deadline == Instant::Never()) {
      changed_.wait(lock, [&] { return set_; });
      return true;
    }
    const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline.nanos())};
    return changed_.wait_until(lock, until, [&] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

class ThreadBlockingPort : public BlockingPort {
 public:
  Instant Now() const override { return MonotonicNow(); }
  std::shared_ptr<Event> NewEvent() override { return std::make_shared<ThreadEvent>(); }
};

}  // namespace

std::shared_ptr<BlockingPort> NewThreadBlockingPort() {
  return std::make_shared<ThreadBlockingPort>();
}

}  // namespace hexad::compute
