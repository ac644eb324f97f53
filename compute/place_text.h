// A place in a volume's past, as people write it: an LSN ("12,345" or "12345"), a time
// ("2026-01-31T12:00:00Z"), or so long ago ("-30s", "-5m", "-1h30m").
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "backtrack/commit_search.h"

namespace hexad::compute {

// INVALID_ARGUMENT if it is none. `now_us`: microseconds since 1970.
absl::StatusOr<backtrack::ForkTarget> PlaceFromText(const std::string& text, int64_t now_us);

// "2026-01-31T12:00:00.123Z"
std::string TimeText(int64_t unix_us);

}  // namespace hexad::compute
