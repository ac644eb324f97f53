// What x::type becomes. A text that is no value of the type is an error, as in PostgreSQL, where
// SQLite's CAST would make a zero of it.
#include <re2/re2.h>

#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/catalogue.h"
#include "compute/sql/function_values.h"
#include "compute/sql/pg_types.h"

namespace hexad::compute::sql {
namespace {

std::string Trimmed(sqlite3_value* value) {
  return std::string(absl::StripAsciiWhitespace(std::string(TextOf(value))));
}

void NotA(sqlite3_context* context, std::string_view type, sqlite3_value* value) {
  GiveError(context, absl::StrCat("invalid input syntax for type ", std::string(type), ": \"",
                                  std::string(TextOf(value)), "\""));
}

// Half to even, as PostgreSQL rounds a double precision.
bool Rounded(double number, int64_t& rounded) {
  const double whole = std::nearbyint(number);
  if (!(whole >= -9223372036854775808.0 && whole < 9223372036854775808.0)) return false;
  rounded = static_cast<int64_t>(whole);
  return true;
}

template <int kBytes>
void ToInteger(sqlite3_context* context, int, sqlite3_value** values) {
  static const PgType& type = *FindPgType(absl::StrCat("int", kBytes));
  constexpr int64_t kMost = kBytes == 8   ? std::numeric_limits<int64_t>::max()
                            : kBytes == 4 ? int64_t{std::numeric_limits<int32_t>::max()}
                                          : int64_t{std::numeric_limits<int16_t>::max()};
  int64_t number = 0;
  bool fits = true;
  switch (sqlite3_value_type(values[0])) {
    case SQLITE_NULL:
      return;
    case SQLITE_INTEGER:
      number = sqlite3_value_int64(values[0]);
      break;
    case SQLITE_FLOAT:
      fits = Rounded(sqlite3_value_double(values[0]), number);
      break;
    default:
      if (!absl::SimpleAtoi(Trimmed(values[0]), &number)) {
        return NotA(context, type.shown, values[0]);
      }
  }
  if (!fits || number > kMost || number < -kMost - 1) {
    return GiveError(context, absl::StrCat(std::string(type.shown), " out of range"));
  }
  sqlite3_result_int64(context, number);
  if (kBytes < 8) sqlite3_result_subtype(context, kBytes == 4 ? kIsInt4 : kIsInt2);
}

void ToFloat(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  double number = sqlite3_value_double(values[0]);
  const bool is_text = sqlite3_value_type(values[0]) == SQLITE_TEXT;
  if (is_text && !absl::SimpleAtod(Trimmed(values[0]), &number)) {
    return NotA(context, "double precision", values[0]);
  }
  sqlite3_result_double(context, number);
}

// Numbers are SQLite's: 64-bit integers and doubles.
void ToNumeric(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  double ignored = 0;
  const bool is_text = sqlite3_value_type(values[0]) == SQLITE_TEXT;
  if (is_text && !absl::SimpleAtod(Trimmed(values[0]), &ignored)) {
    return NotA(context, "numeric", values[0]);
  }
  sqlite3_value_numeric_type(values[0]);
  sqlite3_result_value(context, values[0]);
}

void ToBool(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  if (sqlite3_value_type(values[0]) != SQLITE_TEXT) {
    return GiveBool(context, sqlite3_value_double(values[0]) != 0);
  }
  const std::string word = absl::AsciiStrToLower(Trimmed(values[0]));
  for (const char* yes : {"t", "true", "y", "yes", "on", "1"}) {
    if (word == yes) return GiveBool(context, true);
  }
  for (const char* no : {"f", "false", "n", "no", "off", "0"}) {
    if (word == no) return GiveBool(context, false);
  }
  NotA(context, "boolean", values[0]);
}

void ToBytes(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  std::string bytes(TextOf(values[0]));
  if (bytes.starts_with("\\x")) {
    const std::string hex = bytes.substr(2);
    const bool whole =
        hex.size() % 2 == 0 && hex.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    if (!whole) return NotA(context, "bytea", values[0]);
    bytes = absl::HexStringToBytes(hex);
  }
  sqlite3_result_blob64(context, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
}

// Times are text as SQLite writes them; `sql` is null for what it does not read as one.
void ToTime(sqlite3_context* context, sqlite3_value* value, const char* sql, const char* type) {
  if (IsNull(value)) return;
  sqlite3_stmt* statement = nullptr;
  const int result =
      sqlite3_prepare_v2(sqlite3_context_db_handle(context), sql, -1, &statement, nullptr);
  if (result != SQLITE_OK) return sqlite3_result_error_code(context, result);
  sqlite3_bind_value(statement, 1, value);
  const bool read =
      sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL;
  if (read) sqlite3_result_value(context, sqlite3_column_value(statement, 0));
  sqlite3_finalize(statement);
  if (!read) NotA(context, type, value);
}
void ToDate(sqlite3_context* context, int, sqlite3_value** values) {
  ToTime(context, values[0], "select date(?)", "date");
}
void ToTimeOfDay(sqlite3_context* context, int, sqlite3_value** values) {
  ToTime(context, values[0], "select time(?)", "time");
}
void ToTimestamp(sqlite3_context* context, int, sqlite3_value** values) {
  ToTime(context, values[0], "select rtrim(rtrim(strftime('%Y-%m-%d %H:%M:%f', ?), '0'), '.')",
         "timestamp");
}

// text ~ pattern. RE2 takes time and memory in proportion to the text, whatever the pattern.
void Regexp(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0]) || IsNull(values[1])) return;
  const auto* pattern = static_cast<const re2::RE2*>(sqlite3_get_auxdata(context, 0));
  std::unique_ptr<re2::RE2> made;
  if (pattern == nullptr) {
    const std::string_view text = TextOf(values[0]);
    made = std::make_unique<re2::RE2>(re2::StringPiece(text.data(), text.size()), re2::RE2::Quiet);
    if (!made->ok()) {
      return GiveError(context, absl::StrCat("invalid regular expression: ", made->error()));
    }
    pattern = made.get();
  }
  const std::string_view text = TextOf(values[1]);
  GiveBool(context, re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern));
  if (made != nullptr) {
    sqlite3_set_auxdata(context, 0, made.release(),
                        [](void* old) { delete static_cast<re2::RE2*>(old); });
  }
}

constexpr std::array kFunctions = {
    SqlFunction{"pg_int2", 1, ToInteger<2>},   SqlFunction{"pg_int4", 1, ToInteger<4>},
    SqlFunction{"pg_int8", 1, ToInteger<8>},   SqlFunction{"pg_float8", 1, ToFloat},
    SqlFunction{"pg_numeric", 1, ToNumeric},   SqlFunction{"pg_bool", 1, ToBool},
    SqlFunction{"pg_bytea", 1, ToBytes},       SqlFunction{"pg_date", 1, ToDate, 0},
    SqlFunction{"pg_time", 1, ToTimeOfDay, 0}, SqlFunction{"pg_timestamp", 1, ToTimestamp, 0},
    SqlFunction{"regexp", 2, Regexp},
};

}  // namespace

void AddCasts(sqlite3* db) { AddAll(db, kFunctions, nullptr); }

}  // namespace hexad::compute::sql
