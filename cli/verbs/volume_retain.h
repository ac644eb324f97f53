// hexad volume retain: how far a volume can go back, shown and changed.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/session.h"
#include "quorum/membership.h"

namespace hexad::cli {

struct RetainOptions {
  std::string window;  // "90s", "24h"; empty: as it is
  std::string log;     // "512MiB"; empty: as it is
  bool force = false;
};

// What the options say, over what holds now. Wrong usage if they are no length of time, or no
// number of bytes.
absl::StatusOr<quorum::Retention> RetentionOf(const RetainOptions& options, quorum::Retention now);

// Refused, without force, if a clone needs what the shorter window would no longer promise: the
// clone goes on holding it, so the user would not get what was asked for.
absl::Status RunRetain(const Session& session, const std::string& volume,
                       const RetainOptions& options);

}  // namespace hexad::cli
