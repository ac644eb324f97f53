// Errors for people: what happened, why, and what to do next.
//
// Everything the launcher or a verb reports is an absl::Status whose message has up to three lines
// in this order. What the process exits with travels in the status, so that a library function
// decides it once and main() only obeys.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace hexad::launcher {

enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,    // the command line (or a file that it names) is wrong: nothing was tried
  kRefused = 3,  // it would break a promise; --force does it
};

// `why` and `next` may be empty.
struct Story {
  std::string what;
  std::string why;
  std::string next;
};

absl::Status Failed(absl::StatusCode code, const Story& story);
absl::Status WrongUsage(const Story& story);
absl::Status Refused(const Story& story);

// "waited 10.0 s for n3 to answer at 127.0.0.1:7003": DEADLINE_EXCEEDED.
absl::Status WaitedInVain(double seconds, const std::string& what_for, const std::string& next);

// kDone for OK; kFailed for every status that was not made here.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace hexad::launcher
