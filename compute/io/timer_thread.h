// The process's one timer: runs short tasks at or after their time, on its own thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "quorum/base/instant.h"

namespace hexad::compute {

// Thread-safe. Tasks that are still pending when it is destroyed never run.
class TimerThread {
 public:
  TimerThread();
  // May be called on the timer's own thread, by the last task that held it.
  ~TimerThread();
  TimerThread(const TimerThread&) = delete;
  TimerThread& operator=(const TimerThread&) = delete;

  // `task` must be short, must not block, and must hold weakly what it may outlive.
  void At(Instant when, std::function<void()> task);
  size_t pending() const;

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::multimap<Instant, std::function<void()>> tasks;
    bool stopped = false;
  };
  static void Run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace hexad::compute
