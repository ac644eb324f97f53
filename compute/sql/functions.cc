#include "compute/sql/functions.h"

#include <array>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "quorum/base/check.h"

namespace hexad::compute::sql {
namespace {

void GiveText(sqlite3_context* context, const std::string& text) {
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void Version(sqlite3_context* context, int, sqlite3_value**) { GiveText(context, VersionText()); }

// As timestamps are kept here: SQLite's text, in UTC.
void Now(sqlite3_context* context, int, sqlite3_value**) {
  GiveText(context, absl::FormatTime("%E4Y-%m-%d %H:%M:%E6S", absl::Now(), absl::UTCTimeZone()));
}

void CurrentDatabase(sqlite3_context* context, int, sqlite3_value**) {
  GiveText(context, *static_cast<const std::string*>(sqlite3_user_data(context)));
}

void CurrentSchema(sqlite3_context* context, int, sqlite3_value**) { GiveText(context, "public"); }

struct Function {
  const char* name;
  int arguments;
  int flags;
  void (*run)(sqlite3_context*, int, sqlite3_value**);
};
constexpr std::array kFunctions = {
    Function{"version", 0, SQLITE_DETERMINISTIC, Version},
    Function{"now", 0, 0, Now},
    Function{"clock_timestamp", 0, 0, Now},
    Function{"current_database", 0, SQLITE_DETERMINISTIC, CurrentDatabase},
    Function{"current_catalog", 0, SQLITE_DETERMINISTIC, CurrentDatabase},
    Function{"current_schema", 0, SQLITE_DETERMINISTIC, CurrentSchema},
};

void FreeName(void* name) { delete static_cast<std::string*>(name); }

}  // namespace

std::string VersionText() {
  return absl::StrCat("PostgreSQL ", std::string(kServerVersion), " compatible, SQLite ",
                      sqlite3_libversion(), " on Hexad");
}

void AddFunctions(sqlite3* db, const std::string& database) {
  for (const Function& function : kFunctions) {
    const int added = sqlite3_create_function_v2(
        db, function.name, function.arguments, SQLITE_UTF8 | function.flags,
        new std::string(database), function.run, nullptr, nullptr, FreeName);
    INVARIANT(added == SQLITE_OK);
  }
}

}  // namespace hexad::compute::sql
