// Waiting with a deadline that says what it waited for.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hexad::launcher {

using Millis = std::chrono::milliseconds;

struct Wait {
  std::string what_for;  // "n3 to answer at 127.0.0.1:7003"
  Millis timeout{10'000};
  std::string next;  // what a person should do if it was in vain
  std::function<bool()> interrupted = [] { return false; };
};

// Asks `done` again and again until it says true, fails, or the deadline passes
// (DEADLINE_EXCEEDED). CANCELLED when interrupted. `done` may block for a short while itself.
absl::Status WaitUntil(const Wait& wait, const std::function<absl::StatusOr<bool>()>& done);

}  // namespace hexad::launcher
