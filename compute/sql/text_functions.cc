// Functions of PostgreSQL's that clients use and SQLite lacks. Positions and lengths count
// characters, as there.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <string>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/catalogue.h"
#include "compute/sql/function_values.h"

namespace hexad::compute::sql {
namespace {

using Values = sqlite3_value**;

// Results are refused long before SQLite's own limit: they are made in memory.
constexpr int64_t kMostBytes = 64 << 20;

bool AnyNull(int count, Values values) {
  return std::any_of(values, values + count, [](sqlite3_value* value) { return IsNull(value); });
}
bool BeginsCharacter(char c) { return (c & 0xc0) != 0x80; }
int64_t CharactersOf(std::string_view text) { return std::ranges::count_if(text, BeginsCharacter); }
// The first `count` characters.
std::string_view First(std::string_view text, int64_t count) {
  size_t at = 0;
  while (at < text.size() && (!BeginsCharacter(text[at]) || count-- > 0)) ++at;
  return text.substr(0, at);
}

void Concat(sqlite3_context* context, int count, Values values) {
  std::string text;
  for (int i = 0; i < count; ++i) text += TextOf(values[i]);
  GiveText(context, text);
}
void ConcatWith(sqlite3_context* context, int count, Values values) {
  if (count == 0 || IsNull(values[0])) return;
  std::string text;
  bool first = true;
  for (int i = 1; i < count; ++i) {
    if (IsNull(values[i])) continue;
    if (!first) text += TextOf(values[0]);
    text += TextOf(values[i]);
    first = false;
  }
  GiveText(context, text);
}

void Pad(sqlite3_context* context, int count, Values values, bool left) {
  if (AnyNull(count, values)) return;
  const std::string_view text = TextOf(values[0]);
  const int64_t wanted = std::max<int64_t>(sqlite3_value_int64(values[1]), 0);
  const std::string fill(count > 2 ? TextOf(values[2]) : std::string_view(" "));
  int64_t missing = wanted - CharactersOf(text);
  if (missing <= 0 || CharactersOf(fill) == 0) return GiveText(context, First(text, wanted));
  if (missing > kMostBytes / 4) return GiveError(context, "requested length too large");
  const int64_t whole = missing / CharactersOf(fill);
  std::string padding;
  for (int64_t i = 0; i < whole; ++i) padding += fill;
  padding += First(fill, missing - whole * CharactersOf(fill));
  GiveText(context, left ? absl::StrCat(padding, std::string(text))
                         : absl::StrCat(std::string(text), padding));
}
void PadLeft(sqlite3_context* context, int count, Values values) {
  Pad(context, count, values, true);
}
void PadRight(sqlite3_context* context, int count, Values values) {
  Pad(context, count, values, false);
}

// A negative count leaves out as many at the other end.
void Left(sqlite3_context* context, int count, Values values) {
  if (AnyNull(count, values)) return;
  const std::string_view text = TextOf(values[0]);
  const int64_t n = sqlite3_value_int64(values[1]);
  GiveText(context, First(text, n >= 0 ? n : std::max<int64_t>(CharactersOf(text) + n, 0)));
}
void Right(sqlite3_context* context, int count, Values values) {
  if (AnyNull(count, values)) return;
  const std::string_view text = TextOf(values[0]);
  const int64_t n = sqlite3_value_int64(values[1]);
  const int64_t left_out = n >= 0 ? std::max<int64_t>(CharactersOf(text) - n, 0) : -n;
  GiveText(context, text.substr(First(text, left_out).size()));
}

void Repeat(sqlite3_context* context, int count, Values values) {
  if (AnyNull(count, values)) return;
  const std::string_view text = TextOf(values[0]);
  const int64_t times = std::max<int64_t>(sqlite3_value_int64(values[1]), 0);
  const bool large = !text.empty() && times > kMostBytes / static_cast<int64_t>(text.size());
  if (large) return GiveError(context, "requested length too large");
  std::string repeated;
  for (int64_t i = 0; i < times && !text.empty(); ++i) repeated += text;
  GiveText(context, repeated);
}

void Position(sqlite3_context* context, int count, Values values) {
  if (AnyNull(count, values)) return;
  const std::string_view text = TextOf(values[0]);
  const size_t at = text.find(TextOf(values[1]));
  const bool found = at != std::string_view::npos;
  sqlite3_result_int64(context, found ? CharactersOf(text.substr(0, at)) + 1 : 0);
}

void SplitPart(sqlite3_context* context, int count, Values values) {
  if (AnyNull(count, values)) return;
  std::string_view text = TextOf(values[0]);
  const std::string_view by = TextOf(values[1]);
  const int64_t n = sqlite3_value_int64(values[2]);
  if (n < 1) return GiveError(context, "field position must be greater than zero");
  for (int64_t i = 1; !by.empty() && i < n; ++i) {
    const size_t at = text.find(by);
    if (at == std::string_view::npos) return GiveText(context, "");
    text.remove_prefix(at + by.size());
  }
  if (by.empty() && n > 1) return GiveText(context, "");
  GiveText(context, by.empty() ? text : text.substr(0, text.find(by)));
}

void StartsWith(sqlite3_context* context, int count, Values values) {
  if (!AnyNull(count, values)) GiveBool(context, TextOf(values[0]).starts_with(TextOf(values[1])));
}
void CharLength(sqlite3_context* context, int count, Values values) {
  if (!AnyNull(count, values)) sqlite3_result_int64(context, CharactersOf(TextOf(values[0])));
}
void OctetLength(sqlite3_context* context, int count, Values values) {
  if (!AnyNull(count, values)) sqlite3_result_int64(context, sqlite3_value_bytes(values[0]));
}

bool IsNumber(sqlite3_value* value) {
  return sqlite3_value_type(value) == SQLITE_INTEGER || sqlite3_value_type(value) == SQLITE_FLOAT;
}
bool Less(sqlite3_value* a, sqlite3_value* b) {
  if (IsNumber(a) != IsNumber(b)) return IsNumber(a);
  if (!IsNumber(a)) return TextOf(a) < TextOf(b);
  const bool whole =
      sqlite3_value_type(a) == SQLITE_INTEGER && sqlite3_value_type(b) == SQLITE_INTEGER;
  return whole ? sqlite3_value_int64(a) < sqlite3_value_int64(b)
               : sqlite3_value_double(a) < sqlite3_value_double(b);
}
// SQLite's max(a, b) is null if one of them is; PostgreSQL's leaves it out.
void Extreme(sqlite3_context* context, int count, Values values, bool greatest) {
  sqlite3_value* best = nullptr;
  for (int i = 0; i < count; ++i) {
    if (IsNull(values[i])) continue;
    const bool better =
        best == nullptr || (greatest ? Less(best, values[i]) : Less(values[i], best));
    if (better) best = values[i];
  }
  if (best != nullptr) sqlite3_result_value(context, best);
}
void Greatest(sqlite3_context* context, int count, Values values) {
  Extreme(context, count, values, true);
}
void Least(sqlite3_context* context, int count, Values values) {
  Extreme(context, count, values, false);
}

// Of a timestamp as text: what is finer than the unit becomes its lowest value.
void DateTrunc(sqlite3_context* context, int count, Values values) {
  if (AnyNull(count, values)) return;
  struct Unit {
    std::string_view name;
    size_t kept;
  };
  constexpr std::array kUnits = {Unit{"year", 4},  Unit{"month", 7},   Unit{"day", 10},
                                 Unit{"hour", 13}, Unit{"minute", 16}, Unit{"second", 19}};
  const std::string name = absl::AsciiStrToLower(std::string(TextOf(values[0])));
  const auto unit = std::ranges::find(kUnits, std::string_view(name), &Unit::name);
  if (unit == kUnits.end())
    return GiveError(context, absl::StrCat("date_trunc of ", name, " is not supported"));
  constexpr std::string_view kLowest = "0000-01-01 00:00:00";
  std::string text(TextOf(values[1]).substr(0, kLowest.size()));
  if (text.size() < 10)
    return GiveError(context,
                     absl::StrCat("invalid input syntax for type timestamp: \"", text, "\""));
  text += kLowest.substr(std::min(text.size(), kLowest.size()));
  text[10] = ' ';
  GiveText(context,
           absl::StrCat(text.substr(0, unit->kept), std::string(kLowest.substr(unit->kept))));
}

void RandomUuid(sqlite3_context* context, int, Values) {
  std::array<unsigned char, 16> bytes;
  sqlite3_randomness(bytes.size(), bytes.data());
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    absl::StrAppend(&text, absl::Hex(bytes[i], absl::kZeroPad2));
  }
  GiveText(context, text);
}

// A statement inside of the one that runs is interrupted with it: that is how SQLite 3.40 tells a
// function that its statement was cancelled.
bool Interrupted(sqlite3* db) {
  return sqlite3_exec(db, "select 1", nullptr, nullptr, nullptr) == SQLITE_INTERRUPT;
}

// Sleepers hold threads that all sessions share, those of whoever would cancel them too.
constexpr int kMostSleepers = 4;
std::atomic<int> sleepers = 0;

void Sleep(sqlite3_context* context, int, Values values) {
  using Clock = std::chrono::steady_clock;
  if (IsNull(values[0])) return;
  const double seconds = std::clamp(sqlite3_value_double(values[0]), 0.0, 86'400.0);
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(seconds));
  if (++sleepers > kMostSleepers) {
    --sleepers;
    return GiveError(context,
                     absl::StrCat("pg_sleep: ", kMostSleepers, " statements sleep already"));
  }
  bool cancelled = false;
  while (!cancelled && Clock::now() < end) {
    const auto slice = Clock::now() + std::chrono::milliseconds(10);
    std::this_thread::sleep_until(std::min(slice, end));
    cancelled = Interrupted(sqlite3_context_db_handle(context));
  }
  --sleepers;
  if (cancelled) return sqlite3_result_error_code(context, SQLITE_INTERRUPT);
  GiveText(context, "");
}

constexpr std::array kFunctions = {
    SqlFunction{"concat", -1, Concat},
    SqlFunction{"concat_ws", -1, ConcatWith},
    SqlFunction{"lpad", 2, PadLeft},
    SqlFunction{"lpad", 3, PadLeft},
    SqlFunction{"rpad", 2, PadRight},
    SqlFunction{"rpad", 3, PadRight},
    SqlFunction{"left", 2, Left},
    SqlFunction{"right", 2, Right},
    SqlFunction{"repeat", 2, Repeat},
    SqlFunction{"strpos", 2, Position},
    SqlFunction{"split_part", 3, SplitPart},
    SqlFunction{"starts_with", 2, StartsWith},
    SqlFunction{"char_length", 1, CharLength},
    SqlFunction{"character_length", 1, CharLength},
    SqlFunction{"octet_length", 1, OctetLength},
    SqlFunction{"greatest", -1, Greatest},
    SqlFunction{"least", -1, Least},
    SqlFunction{"date_trunc", 2, DateTrunc},
    SqlFunction{"gen_random_uuid", 0, RandomUuid, 0},
    SqlFunction{"pg_sleep", 1, Sleep, 0},
};

}  // namespace

void AddTextFunctions(sqlite3* db) { AddAll(db, kFunctions, nullptr); }

}  // namespace hexad::compute::sql
