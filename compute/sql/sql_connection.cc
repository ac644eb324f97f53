#include "compute/sql/sql_connection.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/sql/functions.h"
#include "compute/sql/sql_state.h"
#include "compute/sql/volume_tables.h"

namespace hexad::compute::sql {
namespace {

// The journal never leaves memory, and pages reach the file in one go: at the commit.
constexpr char kSettings[] =
    "pragma journal_mode = memory; pragma cache_spill = off; pragma temp_store = memory; "
    "pragma foreign_keys = on;";

// Other files are other volumes: a transaction over two of them would be two.
int Authorize(void*, int action, const char*, const char*, const char*, const char*) {
  const bool other_file = action == SQLITE_ATTACH || action == SQLITE_DETACH;
  return other_file ? SQLITE_DENY : SQLITE_OK;
}

absl::Status CannotOpen(const std::string& database, std::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("database \"", database, "\" cannot be opened: ", std::string(why)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqlConnection>> SqlConnection::Open(const std::string& vfs,
                                                                   const std::string& database,
                                                                   MakeClone clone) {
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int opened = sqlite3_open_v2(database.c_str(), &db, flags, vfs.c_str());
  DatabaseFile* const file = opened == SQLITE_OK ? FileOf(db) : nullptr;
  std::unique_ptr<SqlConnection> connection(new SqlConnection(db, file));
  if (opened == SQLITE_CANTOPEN) {
    return absl::NotFoundError(absl::StrCat("database \"", database, "\" does not exist"));
  }
  if (file == nullptr) return CannotOpen(database, sqlite3_errmsg(db));
  file->set_snapshot_kind(SnapshotKind::kDurable);  // who comes waits for nobody's commit
  sqlite3_extended_result_codes(db, 1);
  const std::string page_size = absl::StrCat("pragma page_size = ", file->database().page_size());
  if (connection->Run(page_size) != SQLITE_OK || connection->Run(kSettings) != SQLITE_OK) {
    return CannotOpen(database, connection->LastReport(SQLITE_IOERR).message);
  }
  sqlite3_set_authorizer(db, Authorize, nullptr);
  AddFunctions(db, database);
  connection->facts_.database = database;
  AddVolumeFunctions(db, *file, std::move(clone));
  AddVolumeTables(db, *file);
  return connection;
}

SqlConnection::~SqlConnection() { sqlite3_close_v2(db_); }

SqlConnection::Prepared SqlConnection::Prepare(std::string_view sql, bool lasting) {
  Prepared prepared = PrepareOnce(sql, lasting);
  if (prepared.result != SQLITE_ERROR || has_catalogue_) return prepared;
  AddCatalogue(db_, facts_);
  has_catalogue_ = true;
  return PrepareOnce(sql, lasting);
}

SqlConnection::Prepared SqlConnection::PrepareOnce(std::string_view sql, bool lasting) {
  Prepared prepared;
  if (sql.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    prepared.result = SQLITE_TOOBIG;
    return prepared;
  }
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const unsigned flags = lasting ? SQLITE_PREPARE_PERSISTENT : 0;
  prepared.result =
      sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), flags, &statement, &rest);
  prepared.statement.reset(statement);
  if (rest != nullptr) prepared.rest = sql.substr(static_cast<size_t>(rest - sql.data()));
  return prepared;
}

Report SqlConnection::LastReport(int result) const {
  return ReportOf(result, sqlite3_errmsg(db_), file_->trouble());
}

}  // namespace hexad::compute::sql
