// The four errors that a user of a volume can get, and nothing else (compute/engine.h). Each has a
// canonical status code, and is the first word of the message, so that it survives every wire.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace hexad::compute {

enum class UserError : uint8_t {
  kNone,
  kRetry,          // UNAVAILABLE: nothing happened; do it again
  kReadOnly,       // FAILED_PRECONDITION: nothing happened; no write quorum, or opened read-only
  kCommitUnknown,  // UNKNOWN: it was sent, a quorum did not confirm in time; may yet become durable
  kFenced,         // ABORTED: another writer has taken the volume; this handle is dead for ever
};

std::string_view NameOf(UserError error);  // "COMMIT_UNKNOWN"; "" for kNone
// REQUIRES: not kNone.
absl::Status MakeUserError(UserError error, std::string_view detail);
// kNone for OK and for errors that are no fate of a commit (a bad argument).
UserError UserErrorOf(const absl::Status& status);

}  // namespace hexad::compute
