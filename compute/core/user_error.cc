#include "compute/core/user_error.h"

#include <array>
#include <string>

#include "quorum/base/check.h"

namespace hexad::compute {
namespace {

struct Row {
  UserError error;
  std::string_view name;
  absl::StatusCode code;
};
constexpr std::array<Row, 4> kRows = {{
    {UserError::kRetry, "RETRY", absl::StatusCode::kUnavailable},
    {UserError::kReadOnly, "READ_ONLY", absl::StatusCode::kFailedPrecondition},
    {UserError::kCommitUnknown, "COMMIT_UNKNOWN", absl::StatusCode::kUnknown},
    {UserError::kFenced, "FENCED", absl::StatusCode::kAborted},
}};

}  // namespace

std::string_view NameOf(UserError error) {
  for (const Row& row : kRows) {
    if (row.error == error) return row.name;
  }
  return "";
}

absl::Status MakeUserError(UserError error, std::string_view detail) {
  for (const Row& row : kRows) {
    if (row.error == error)
      return absl::Status(row.code, std::string(row.name).append(": ").append(detail));
  }
  INVARIANT(false);
}

UserError UserErrorOf(const absl::Status& status) {
  if (status.ok()) return UserError::kNone;
  for (const Row& row : kRows) {
    const std::string message(status.message());
    if (message.starts_with(std::string(row.name) + ":")) {
      return row.error;
    }
  }
  return UserError::kNone;
}

}  // namespace hexad::compute
