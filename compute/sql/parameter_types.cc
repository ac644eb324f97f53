#include "compute/sql/parameter_types.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/edited_statement.h"
#include "compute/sql/pg_types.h"
#include "compute/sql/sql_connection.h"
#include "compute/sql/types.h"

namespace hexad::compute::sql {
namespace {

constexpr size_t kMostTables = 16;

class Inference {
 public:
  Inference(sqlite3* db, std::string_view statement, std::vector<uint32_t>& types)
      : db_(db), statement_(statement), types_(types) {}

  void Run() {
    for (size_t i = 0; i < statement_.size() && tables_.size() < kMostTables; ++i) {
      const bool table = Is(i, "INTO") || Is(i, "FROM") || Is(i, "JOIN") || Is(i, "UPDATE");
      if (table && IsName(i + 1)) tables_.push_back(Unquoted(statement_[i + 1]));
    }
    Inserted();
    for (size_t i = 1; i < statement_.size(); ++i) {
      if (statement_[i].kind == TokenKind::kParameter) Compared(i);
    }
  }

 private:
  bool Is(size_t i, std::string_view word) const { return statement_.IsWord(i, word); }
  bool IsName(size_t i) const {
    const TokenKind kind = statement_[i].kind;
    return kind == TokenKind::kName || kind == TokenKind::kWord;
  }
  bool IsComparison(size_t i) const {
    constexpr std::array<std::string_view, 7> kSigns = {"=", "<>", "!=", "<", ">", "<=", ">="};
    return statement_[i].kind == TokenKind::kSign &&
           std::ranges::count(kSigns, statement_[i].text) > 0;
  }

  void Set(size_t parameter, uint32_t type) {
    uint32_t number = 0;
    const std::string text(statement_[parameter].text.substr(1));
    const bool known = absl::SimpleAtoi(text, &number) && number >= 1 && number <= types_.size();
    const bool has_own_values = type == kBool || type == kBytea || type == kInt2 || type == kInt4 ||
                                type == kInt8 || type == kFloat8;
    if (known && has_own_values && types_[number - 1] == kUnspecified) types_[number - 1] = type;
  }

  uint32_t TypeIn(const std::string& table, const std::string& column) const {
    const char* declared = nullptr;
    const int found = sqlite3_table_column_metadata(db_, nullptr, table.c_str(), column.c_str(),
                                                    &declared, nullptr, nullptr, nullptr, nullptr);
    const bool typed = found == SQLITE_OK && declared != nullptr && declared[0] != '\0';
    return typed ? uint32_t{TypeOfDeclared(declared)} : uint32_t{kUnspecified};
  }
  uint32_t TypeOfColumn(size_t name) const {
    for (const std::string& table : tables_) {
      const uint32_t type = TypeIn(table, Unquoted(statement_[name]));
      if (type != kUnspecified) return type;
    }
    return kUnspecified;
  }

  // "column = $1", "$1 = column", "BETWEEN $1 AND $2", "LIMIT $1", "pg_int4($1)".
  void Compared(size_t i) {
    if (Is(i - 1, "LIMIT") || Is(i - 1, "OFFSET")) return Set(i, kInt8);
    if (i >= 2 && IsComparison(i - 1) && IsName(i - 2)) return Set(i, TypeOfColumn(i - 2));
    if (IsComparison(i + 1) && IsName(i + 2)) {
      const bool qualified = statement_[i + 3].Is(".");
      return Set(i, TypeOfColumn(qualified ? i + 4 : i + 2));
    }
    if (i >= 2 && Is(i - 1, "BETWEEN")) return Set(i, TypeOfColumn(i - 2));
    if (i >= 4 && Is(i - 1, "AND") && Is(i - 3, "BETWEEN")) return Set(i, TypeOfColumn(i - 4));
    const bool cast = i >= 2 && statement_[i - 1].Is("(") && statement_[i + 1].Is(")") &&
                      statement_[i - 2].text.starts_with("pg_");
    if (!cast) return;
    const PgType* const type = FindPgType(statement_[i - 2].text.substr(3));
    if (type != nullptr) Set(i, type->oid);
  }

  std::vector<std::string> ColumnsOf(const std::string& table) const {
    std::vector<std::string> columns;
    sqlite3_stmt* raw = nullptr;
    sqlite3_prepare_v2(db_, "select name from pragma_table_info(?)", -1, &raw, nullptr);
    const StatementPtr statement(raw);
    if (raw == nullptr) return columns;
    sqlite3_bind_text(raw, 1, table.c_str(), -1, SQLITE_TRANSIENT);
    while (sqlite3_step(raw) == SQLITE_ROW) {
      columns.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(raw, 0)));
    }
    return columns;
  }

  // INSERT INTO t (a, b) VALUES ($1, $2), ...
  void Inserted() {
    if (!Is(0, "INSERT") || !Is(1, "INTO") || !IsName(2)) return;
    std::vector<std::string> columns;
    size_t at = 3;
    if (statement_[at].Is("(")) {
      const size_t close = statement_.Matching(at);
      for (size_t i = at + 1; i < close; i += 2) columns.push_back(Unquoted(statement_[i]));
      at = close + 1;
    } else {
      columns = ColumnsOf(tables_.front());
    }
    if (!Is(at, "VALUES")) return;
    for (++at; statement_[at].Is("(") && statement_.Matching(at) > at; ++at) {
      const size_t close = statement_.Matching(at);
      size_t column = 0;
      for (size_t i = at + 1; i < close; ++i) {
        if (statement_[i].Is(",")) ++column;
        if (statement_[i].Is("(")) i = statement_.Matching(i);
        const bool alone = statement_[i].kind == TokenKind::kParameter &&
                           (statement_[i - 1].Is("(") || statement_[i - 1].Is(",")) &&
                           (statement_[i + 1].Is(",") || i + 1 == close);
        if (alone && column < columns.size()) Set(i, TypeIn(tables_.front(), columns[column]));
      }
      at = close + 1;
      if (!statement_[at].Is(",")) break;
    }
  }

  sqlite3* const db_;
  const EditedStatement statement_;
  std::vector<uint32_t>& types_;
  std::vector<std::string> tables_;
};

}  // namespace

void InferParameterTypes(sqlite3* db, std::string_view statement, std::vector<uint32_t>& types) {
  if (!types.empty()) Inference(db, statement, types).Run();
}

}  // namespace hexad::compute::sql
