// SQLite's values for functions of ours, in C++'s words.
#pragma once

#include <sqlite3.h>

#include <span>
#include <string>
#include <string_view>

#include "quorum/base/check.h"

namespace hexad::compute::sql {

struct SqlFunction {
  const char* name;
  int arguments;  // -1: any
  void (*run)(sqlite3_context*, int, sqlite3_value**);
  int flags = SQLITE_DETERMINISTIC;
};

// `data`: what sqlite3_user_data gives; outlives the connection.
inline void AddAll(sqlite3* db, std::span<const SqlFunction> functions, const void* data) {
  for (const SqlFunction& function : functions) {
    const int added = sqlite3_create_function_v2(
        db, function.name, function.arguments, SQLITE_UTF8 | SQLITE_INNOCUOUS | function.flags,
        const_cast<void*>(data), function.run, nullptr, nullptr, nullptr);
    // Busy: this SQLite has one of its own, which a statement may be running. It serves as well.
    INVARIANT(added == SQLITE_OK || added == SQLITE_BUSY);
  }
}

inline bool IsNull(sqlite3_value* value) { return sqlite3_value_type(value) == SQLITE_NULL; }
inline std::string_view TextOf(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return {text, text == nullptr ? 0 : static_cast<size_t>(sqlite3_value_bytes(value))};
}
inline void GiveText(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}
inline void GiveError(sqlite3_context* context, const std::string& message) {
  sqlite3_result_error(context, message.data(), static_cast<int>(message.size()));
}

// A value that says of what type it is: SQLite's integers are also PostgreSQL's booleans and small
// integers. It is lost where SQLite computes further with the value.
inline constexpr unsigned kIsBool = 'b';
inline constexpr unsigned kIsInt2 = 's';
inline constexpr unsigned kIsInt4 = 'i';
inline void GiveBool(sqlite3_context* context, bool yes) {
  sqlite3_result_int(context, yes ? 1 : 0);
  sqlite3_result_subtype(context, kIsBool);
}

}  // namespace hexad::compute::sql
