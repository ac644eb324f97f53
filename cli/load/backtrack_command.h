// What a person waits for: the whole `hexad backtrack`, a process, and then the first commit.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "cli/launcher/launcher.h"

namespace hexad::cli {

// Runs `hexad backtrack VOLUME --to LSN` as a process of its own on a volume that the compute has
// open, then commits once through the compute. Microseconds from before the process was started
// until the commit was durable. An error if the command did not go back.
absl::StatusOr<uint64_t> BacktrackByCommand(launcher::Launcher& launcher, const std::string& volume,
                                            uint64_t lsn);

}  // namespace hexad::cli
