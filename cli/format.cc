#include "cli/format.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "absl/strings/str_cat.h"

namespace hexad::cli {
namespace {

std::string OneDecimal(double value, const char* unit) {
  char text[48];
  std::snprintf(text, sizeof text, value < 9.95 ? "%.1f %s" : "%.0f %s", value, unit);
  return text;
}

}  // namespace

std::string Thousands(uint64_t value) {
  const std::string digits = absl::StrCat(value);
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

std::string Bytes(uint64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  constexpr std::array<const char*, 4> kUnits = {"kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return OneDecimal(value, kUnits[unit]);
}

std::string Micros(uint64_t micros) {
  if (micros < 1'000'000) return OneDecimal(static_cast<double>(micros) / 1e3, "ms");
  return Seconds(static_cast<double>(micros) / 1e6);
}

std::string Seconds(double seconds) {
  if (seconds < 60) return OneDecimal(seconds, "s");
  const auto whole = static_cast<long>(std::lround(seconds));
  return absl::StrCat(whole / 60, " min ", whole % 60, " s");
}

std::string Count(uint64_t n, const char* one) {
  return absl::StrCat(Thousands(n), " ", one, n == 1 ? "" : "s");
}

std::string InWords(int n) {
  constexpr std::array<const char*, 10> kWords = {"no",   "one", "two",   "three", "four",
                                                  "five", "six", "seven", "eight", "nine"};
  if (n >= 0 && n < static_cast<int>(kWords.size())) return kWords[static_cast<size_t>(n)];
  return absl::StrCat(n);
}

std::string Iso8601(int64_t unix_seconds) {
  const auto time = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace hexad::cli
