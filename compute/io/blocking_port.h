// The one place where a caller may block on something that a core will do. SQLite and the command
// line block; cores do not. In a process a waiter sleeps on a condition variable; in the simulator
// waiting pumps the world.
#pragma once

#include <memory>

#include "quorum/base/instant.h"

namespace hexad::compute {

// Something that happens once. Any thread may set it; any number may wait.
class Event {
 public:
  virtual ~Event() = default;
  virtual void Set() = 0;
  // True if it was set; false if `deadline` came first.
  virtual bool WaitUntil(Instant deadline) = 0;
};

class BlockingPort {
 public:
  virtual ~BlockingPort() = default;
  virtual Instant Now() const = 0;
  virtual std::shared_ptr<Event> NewEvent() = 0;
};

// Condition variables and the monotonic clock.
std::shared_ptr<BlockingPort> NewThreadBlockingPort();

}  // namespace hexad::compute
