#include "compute/place_text.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"

namespace hexad::compute {

absl::StatusOr<backtrack::ForkTarget> PlaceFromText(const std::string& text, int64_t now_us) {
  uint64_t lsn = 0;
  if (absl::SimpleAtoi(absl::StrReplaceAll(text, {{",", ""}}), &lsn) && lsn > 0) return Lsn(lsn);
  absl::Duration ago;
  if (text.starts_with('-') && absl::ParseDuration(text, &ago) && ago < absl::Duration() &&
      ago != -absl::InfiniteDuration()) {
    return CommitTime(now_us + absl::ToInt64Microseconds(ago));
  }
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return CommitTime(absl::ToUnixMicros(time));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", text,
                   "' is no place in a volume's past: an LSN (12,345), a time in UTC "
                   "(2026-01-31T12:00:00Z), or a time ago (-30s, -1h30m)"));
}

std::string TimeText(int64_t unix_us) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMicros(unix_us),
                          absl::UTCTimeZone());
}

}  // namespace hexad::compute
