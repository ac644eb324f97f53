#include "cli/launcher/explain.h"

#include <cstdio>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace hexad::launcher {
namespace {

// The payload's key; its value is the exit code as a digit.
constexpr char kExitCodeKey[] = "hexad/exit-code";

std::string Lines(const Story& story) {
  std::string lines = story.what;
  if (!story.why.empty()) absl::StrAppend(&lines, "\n  why:  ", story.why);
  if (!story.next.empty()) absl::StrAppend(&lines, "\n  next: ", story.next);
  return lines;
}

absl::Status WithExitCode(absl::Status status, ExitCode code) {
  status.SetPayload(kExitCodeKey, absl::Cord(absl::StrCat(static_cast<int>(code))));
  return status;
}

}  // namespace

absl::Status Failed(absl::StatusCode code, const Story& story) {
  return WithExitCode(absl::Status(code, Lines(story)), ExitCode::kFailed);
}

absl::Status WrongUsage(const Story& story) {
  return WithExitCode(absl::InvalidArgumentError(Lines(story)), ExitCode::kUsage);
}

absl::Status Refused(const Story& story) {
  return WithExitCode(absl::FailedPreconditionError(Lines(story)), ExitCode::kRefused);
}

absl::Status WaitedInVain(double seconds, const std::string& what_for, const std::string& next) {
  char waited[32];
  std::snprintf(waited, sizeof waited, "%.1f s", seconds);
  return Failed(absl::StatusCode::kDeadlineExceeded,
                {absl::StrCat("waited ", waited, " for ", what_for), "", next});
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return ExitCode::kDone;
  const auto payload = status.GetPayload(kExitCodeKey);
  if (payload == absl::Cord("2")) return ExitCode::kUsage;
  if (payload == absl::Cord("3")) return ExitCode::kRefused;
  return ExitCode::kFailed;
}

}  // namespace hexad::launcher
