#include "compute/sql/time_setting.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace hexad::compute::sql {
namespace {

struct Unit {
  std::string_view name;
  int64_t micros;
};

constexpr std::array<Unit, 6> kUnits = {{{"d", 86'400'000'000},
                                         {"h", 3'600'000'000},
                                         {"min", 60'000'000},
                                         {"s", 1'000'000},
                                         {"ms", 1'000},
                                         {"us", 1}}};
constexpr int64_t kMaxMillis = std::numeric_limits<int32_t>::max();

// 0: there is no such unit. Their case matters, as it does to PostgreSQL.
int64_t MicrosOf(std::string_view unit) {
  if (unit.empty()) return 1'000;
  for (const Unit& known : kUnits) {
    if (known.name == unit) return known.micros;
  }
  return 0;
}

std::string_view WithoutBlanks(std::string_view text) {
  while (!text.empty() && absl::ascii_isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && absl::ascii_isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

absl::StatusOr<Duration> ParseTime(std::string_view text) {
  const std::string_view whole = WithoutBlanks(text);
  const size_t digits = std::min(whole.find_first_not_of("+-.0123456789"), whole.size());
  const int64_t unit = MicrosOf(WithoutBlanks(whole.substr(digits)));
  double number = 0;
  if (unit == 0 || !absl::SimpleAtod(std::string(whole.substr(0, digits)), &number)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", std::string(text), "\" is no time: it is a number and us, ms, s, min, h or d"));
  }
  const double millis = std::round(number * static_cast<double>(unit) / 1'000);
  if (millis < 0 || millis > static_cast<double>(kMaxMillis)) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(text), " is outside of 0 .. ", kMaxMillis, " ms"));
  }
  return Duration::Millis(static_cast<int64_t>(millis));
}

std::string ShowTime(Duration time) {
  if (time == Duration()) return "0";
  for (const Unit& unit : kUnits) {
    if (time.micros() % unit.micros != 0) continue;
    return absl::StrCat(time.micros() / unit.micros, std::string(unit.name));
  }
  return "0";
}

}  // namespace hexad::compute::sql
