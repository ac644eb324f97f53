// One client's SQLite connection to a database: opened as this server needs it, and asked in this
// server's words.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/sql/catalogue.h"
#include "compute/sql/parameter_types.h"
#include "compute/sql/volume_functions.h"
#include "compute/sql/wire.h"
#include "compute/vfs/sqlite_vfs.h"

namespace hexad::compute::sql {

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

// Belongs to one thread at a time; only Interrupt may be called beside.
class SqlConnection {
 public:
  // NOT_FOUND: no such database. UNAVAILABLE: it cannot be read now.
  static absl::StatusOr<std::unique_ptr<SqlConnection>> Open(const std::string& vfs,
                                                             const std::string& database,
                                                             MakeClone clone);
  ~SqlConnection();
  SqlConnection(const SqlConnection&) = delete;
  SqlConnection& operator=(const SqlConnection&) = delete;

  // The first statement of `sql`, and what follows it. A null statement: there was none.
  struct Prepared {
    StatementPtr statement;
    std::string_view rest;
    int result = SQLITE_OK;  // otherwise LastReport says why there is no statement
  };
  // `lasting`: it will be run many times. The first statement that fails may want the catalogue,
  // whose tables and functions are there from then on.
  Prepared Prepare(std::string_view sql, bool lasting);
  // Runs a statement of our own. An SQLite result code.
  int Run(const std::string& sql) {
    return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  }
  // Of parameters whose types the client does not say.
  void InferTypes(std::string_view sql, std::vector<uint32_t>& types) const {
    InferParameterTypes(db_, sql, types);
  }
  SessionFacts& facts() { return facts_; }
  // Of the call that failed last.
  Report LastReport(int result) const;

  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  int64_t changes() const { return sqlite3_changes64(db_); }
  DatabaseFile& file() const { return *file_; }
  // The statement that runs, if one does, ends with SQLITE_INTERRUPT. Thread-safe.
  void Interrupt() { sqlite3_interrupt(db_); }

 private:
  Prepared PrepareOnce(std::string_view sql, bool lasting);
  SqlConnection(sqlite3* db, DatabaseFile* file) : db_(db), file_(file) {}

  sqlite3* const db_;
  DatabaseFile* const file_;
  SessionFacts facts_;
  bool has_catalogue_ = false;
};

}  // namespace hexad::compute::sql
