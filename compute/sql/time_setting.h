// A length of time as PostgreSQL's settings spell it (PostgreSQL 15 manual, 20.1.1): "1500ms",
// "30 s", "1.5min", "2h", "1d", "500us"; a number alone is milliseconds.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "quorum/base/instant.h"

namespace hexad::compute::sql {

// Rounded to milliseconds. INVALID_ARGUMENT: it is none, is negative, or has more milliseconds than
// 31 bits hold.
absl::StatusOr<Duration> ParseTime(std::string_view text);
// In the largest unit of which it is a whole number: "1500ms", "30s"; "0". REQUIRES: from
// ParseTime.
std::string ShowTime(Duration time);

}  // namespace hexad::compute::sql
