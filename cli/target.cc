#include "cli/target.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/format.h"
#include "cli/launcher/explain.h"
#include "compute/place_text.h"

namespace hexad::cli {

using launcher::WrongUsage;

absl::StatusOr<v1::Target> ParseTarget(const std::string& text, int64_t now_us) {
  const auto place = compute::PlaceFromText(text, now_us);
  if (!place.ok()) {
    return WrongUsage({absl::StrCat("'", text, "' is no place in a volume's past"),
                       "it is an LSN, a time in UTC, or a time ago",
                       "12,345   2026-01-31T12:00:00Z   -30s   -1h30m"});
  }
  v1::Target target;
  if (const Lsn* lsn = std::get_if<Lsn>(&*place)) {
    target.set_lsn(lsn->value());
  } else {
    target.set_time_us(std::get<CommitTime>(*place).value());
  }
  return target;
}

absl::StatusOr<int64_t> ParseWindow(const std::string& text) {
  absl::Duration window;
  if (absl::ParseDuration(text, &window) && window >= absl::Duration() &&
      window != absl::InfiniteDuration()) {
    return absl::ToInt64Milliseconds(window);
  }
  return WrongUsage({absl::StrCat("'", text, "' is no length of time"), "", "90s   15m   24h"});
}

absl::StatusOr<uint64_t> ParseBytes(const std::string& text) {
  const std::pair<const char*, uint64_t> units[] = {
      {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30},  {"TiB", 1ULL << 40},
      {"kB", 1'000},       {"MB", 1'000'000},   {"GB", 1'000'000'000}};
  std::string number = text;
  uint64_t unit = 1;
  for (const auto& [name, bytes] : units) {
    if (!absl::EndsWith(text, name)) continue;
    number = text.substr(0, text.size() - std::string(name).size());
    unit = bytes;
  }
  uint64_t count = 0;
  if (absl::SimpleAtoi(number, &count) && count <= UINT64_MAX / unit) return count * unit;
  return WrongUsage({absl::StrCat("'", text, "' is no number of bytes"), "", "512MiB   4GiB"});
}

std::string CommitText(const v1::Commit& commit) {
  const std::string lsn = absl::StrCat("LSN ", Thousands(commit.lsn()));
  return commit.time_us() == 0 ? lsn : absl::StrCat(lsn, " (", TimeText(commit.time_us()), ")");
}

}  // namespace hexad::cli
