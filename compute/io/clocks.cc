#include "compute/io/clocks.h"

#include <chrono>
#include <random>

namespace hexad::compute {

Instant MonotonicNow() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return Instant(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

CommitTime WallClockNow() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return CommitTime(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

uint64_t RandomNumber() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace hexad::compute
