// A statement that a session has prepared, and one that it runs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "compute/sql/copy.h"
#include "compute/sql/sql_connection.h"
#include "compute/sql/statement_words.h"
#include "compute/sql/types.h"
#include "compute/sql/wire.h"

namespace hexad::compute::sql {

struct PreparedStatement {
  std::string text;  // words.text points into it
  StatementWords words;
  std::vector<uint32_t> types;           // of $1, $2 ...; kUnspecified where nobody said
  std::vector<std::string> before = {};  // run before it, in its transaction
  // A COPY: what SQLite is asked for it, and the types of what it is given.
  std::optional<CopyStatement> copy = {};
  std::string copy_sql = {};
  std::vector<uint32_t> copy_types = {};
  StatementPtr idle = nullptr;  // while no portal has it

  bool ForSqlite() const { return words.kind == StatementKind::kSqlite || copy.has_value(); }
  std::string_view sql() const { return copy.has_value() ? copy_sql : words.text; }
};

class Portal {
 public:
  // `statement`: of SQLite's, nullptr for the others.
  Portal(std::shared_ptr<PreparedStatement> prepared, StatementPtr statement)
      : prepared_(std::move(prepared)), statement_(std::move(statement)) {}
  ~Portal();
  Portal(const Portal&) = delete;
  Portal& operator=(const Portal&) = delete;

  const PreparedStatement& prepared() const { return *prepared_; }
  const StatementWords& words() const { return prepared_->words; }
  const std::vector<std::string>& before() const { return prepared_->before; }
  // Its rows are a COPY's lines.
  bool copies_out() const { return prepared_->copy.has_value() && !prepared_->copy->from; }
  sqlite3_stmt* statement() const { return statement_.get(); }
  bool writes() const {
    return statement_ != nullptr && (!before().empty() || sqlite3_stmt_readonly(statement()) == 0);
  }

  // INVALID_ARGUMENT: a value that is none of its type, or not as many as the statement has.
  absl::Status BindValues(const Bind& bind);

  // SQLITE_ROW: a row is there for GiveRow, the same until then.
  int Step();
  bool begun() const { return begun_; }
  bool finished() const { return finished_; }
  // What its rows are. After the first Step expressions have the types of their values.
  std::vector<Column>& Columns();
  // Says what its rows are, if it has not yet.
  void Introduce(Answers& answers);
  // INVALID_ARGUMENT: a value that cannot be told in the format that was asked for.
  absl::Status GiveRow(Answers& answers);
  uint64_t rows() const { return rows_; }

 private:
  std::shared_ptr<PreparedStatement> prepared_;
  StatementPtr statement_;
  std::vector<Format> result_formats_;
  std::vector<Column> columns_;
  bool described_ = false;
  bool introduced_ = false;
  bool begun_ = false;
  bool has_row_ = false;
  bool finished_ = false;
  uint64_t rows_ = 0;
};

// The columns of a statement that does not run.
std::vector<Column> ColumnsOf(sqlite3_stmt* statement);
// How many parameters it has: the highest n of $n.
int ParametersOf(sqlite3_stmt* statement);

}  // namespace hexad::compute::sql
