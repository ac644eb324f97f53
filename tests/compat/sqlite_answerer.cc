#include "tests/compat/sqlite_answerer.h"

#include <memory>

#include "quorum/base/check.h"

namespace hexad::compat {

SqliteAnswerer::SqliteAnswerer(const std::string& file, const char* vfs) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  INVARIANT(sqlite3_open_v2(file.c_str(), &connection_, flags, vfs) == SQLITE_OK);
}

absl::StatusOr<Answer> SqliteAnswerer::Ask(const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(connection_, sql.c_str(), -1, &raw, nullptr);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
  Answer answer;
  while (raw != nullptr && (code = sqlite3_step(raw)) == SQLITE_ROW) {
    auto& row = answer.emplace_back();
    for (int i = 0; i < sqlite3_column_count(raw); ++i) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw, i));
      row.push_back(text == nullptr ? Cell() : Cell(text));
    }
  }
  if (code == SQLITE_DONE) return answer;
  return absl::UnknownError(sqlite3_errmsg(connection_));
}

}  // namespace hexad::compat
