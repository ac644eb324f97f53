// What people write on the command line: places in a volume's past (compute/place_text.h), lengths
// of time, numbers of bytes.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "compute/place_text.h"
#include "proto/compute.pb.h"

namespace hexad::cli {

// INVALID_ARGUMENT (usage) says what would have been understood.
absl::StatusOr<v1::Target> ParseTarget(const std::string& text, int64_t now_us);

// "90s", "24h", "2h30m" -> milliseconds; "512MiB", "4GB", "1000" -> bytes. Usage errors as above.
absl::StatusOr<int64_t> ParseWindow(const std::string& text);
absl::StatusOr<uint64_t> ParseBytes(const std::string& text);

// "LSN 12,345 (2026-01-31T12:00:00.123Z)"; without a time if there is none.
std::string CommitText(const v1::Commit& commit);
using compute::TimeText;

}  // namespace hexad::cli
