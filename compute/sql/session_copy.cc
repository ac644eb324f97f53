// COPY. Out of a table it is a read whose rows are lines. Into one it is a transaction of INSERTs:
// after CopyInResponse the client's frames are lines, until CopyDone or CopyFail.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compute/sql/dialect.h"
#include "compute/sql/session.h"
#include "compute/sql/sql_state.h"

namespace hexad::compute::sql {
namespace {

constexpr std::string_view kUndefinedTable = "42P01";
constexpr std::string_view kUndefinedColumn = "42703";
constexpr std::string_view kBadCopyLine = "22P04";

// "a ""b""" is a "b".
std::string NameOf(std::string_view token) {
  if (token.size() < 2 || token.front() != '"') return std::string(token);
  std::string name;
  for (size_t i = 1; i + 1 < token.size(); ++i) {
    name.push_back(token[i]);
    if (token[i] == '"') ++i;
  }
  return name;
}

struct TableColumn {
  std::string name;
  uint32_t type = 0;
};

// The table's own columns, without generated ones. None: there is no such table.
std::vector<TableColumn> ColumnsOfTable(SqlConnection& connection, const std::string& table) {
  std::vector<TableColumn> columns;
  auto prepared =
      connection.Prepare("select name, type from pragma_table_info(?)", /*lasting=*/false);
  sqlite3_stmt* const statement = prepared.statement.get();
  if (statement == nullptr) return columns;
  sqlite3_bind_text(statement, 1, table.data(), static_cast<int>(table.size()), SQLITE_STATIC);
  while (sqlite3_step(statement) == SQLITE_ROW) {
    const auto* name = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    const auto* type = reinterpret_cast<const char*>(sqlite3_column_text(statement, 1));
    columns.push_back({name == nullptr ? "" : name, TypeOfDeclared(type)});
  }
  return columns;
}

const TableColumn* Find(const std::vector<TableColumn>& columns, const std::string& name) {
  for (const TableColumn& column : columns) {
    if (SameWord(column.name, name)) return &column;
  }
  return nullptr;
}

std::string ListOf(const std::vector<std::string>& columns) {
  return columns.empty() ? "" : absl::StrCat(" (", absl::StrJoin(columns, ", "), ")");
}

std::string SelectFor(const CopyStatement& copy) {
  if (copy.table.empty()) return copy.query;
  const std::string columns = copy.columns.empty() ? "*" : absl::StrJoin(copy.columns, ", ");
  return absl::StrCat("select ", columns, " from ", copy.table);
}

}  // namespace

bool Session::PrepareCopy(PreparedStatement& prepared, bool lasting) {
  auto copy = ParseCopy(prepared.text);
  if (!copy.ok()) {
    const bool known = absl::IsUnimplemented(copy.status());
    Fail(known ? kFeatureNotSupported : kSyntaxError, std::string(copy.status().message()));
    return false;
  }
  prepared.copy = *std::move(copy);
  ChooseSnapshot(/*writes=*/false);
  if (prepared.copy->from && !PlanCopyIn(prepared)) return false;
  if (!prepared.copy->from) prepared.copy_sql = SelectFor(*prepared.copy);
  Translation translation = Translate(prepared.copy_sql);
  if (translation.refusal.has_value()) {
    Fail(*translation.refusal);
    return false;
  }
  if (translation.text.has_value()) prepared.copy_sql = *std::move(translation.text);
  auto first = connection_->Prepare(prepared.copy_sql, lasting);
  if (first.statement == nullptr) {
    Fail(connection_->LastReport(first.result));
    return false;
  }
  prepared.idle = std::move(first.statement);
  if (prepared.copy->from || sqlite3_stmt_readonly(prepared.idle.get()) != 0) return true;
  Fail(kFeatureNotSupported, "COPY (...) TO takes a query that reads");
  return false;
}

// The INSERT, and what its values are.
bool Session::PlanCopyIn(PreparedStatement& prepared) {
  const CopyStatement& copy = *prepared.copy;
  const std::string table = NameOf(copy.table);
  const std::vector<TableColumn> all = ColumnsOfTable(*connection_, table);
  if (all.empty()) {
    Fail(kUndefinedTable, absl::StrCat("relation \"", table, "\" does not exist"));
    return false;
  }
  std::vector<uint32_t>& types = prepared.copy_types;
  for (const std::string& name : copy.columns) {
    const TableColumn* column = Find(all, NameOf(name));
    if (column == nullptr) {
      Fail(kUndefinedColumn,
           absl::StrCat("column ", name, " of relation \"", table, "\" does not exist"));
      return false;
    }
    types.push_back(column->type);
  }
  for (size_t i = 0; copy.columns.empty() && i < all.size(); ++i) types.push_back(all[i].type);
  const std::vector<std::string> values(types.size(), "?");
  prepared.copy_sql =
      absl::StrCat("insert into ", copy.table, ListOf(copy.columns), " values", ListOf(values));
  return true;
}

// Alone it is a transaction of its own: all of its rows, or none.
Session::RunEnd Session::BeginCopyIn(Portal& portal) {
  EnterImplicit();
  ChooseSnapshot(/*writes=*/true);
  copy_in_.emplace(CopyIn{&portal, CopyReader(portal.prepared().copy->format)});
  Answers(out_).CopyInResponse(portal.prepared().copy_types.size());
  return RunEnd::kCopyIn;
}

Session::Next Session::TakeForCopy(const ClientMessage& message) {
  if (std::holds_alternative<Terminate>(message)) return Next::kEnd;
  if (std::holds_alternative<Sync>(message) || std::holds_alternative<Flush>(message)) {
    return Next::kFrame;  // a client that pipelines has sent it before it knew
  }
  if (cancelled_.exchange(false)) {
    Fail(kQueryCanceled, "canceling statement due to user request");
    return EndCopyIn(/*failed=*/true);
  }
  if (const auto* data = std::get_if<CopyData>(&message)) {
    copy_in_->reader.Feed(data->bytes);
    return InsertCopied() ? Next::kFrame : EndCopyIn(/*failed=*/true);
  }
  if (const auto* fail = std::get_if<CopyFail>(&message)) {
    FailCopy(kQueryCanceled, absl::StrCat("COPY from stdin failed: ", std::string(fail->why)));
    return EndCopyIn(/*failed=*/true);
  }
  if (!std::holds_alternative<CopyDone>(message)) {
    return End(kProtocolViolation, "a message that has no place in a COPY from stdin");
  }
  copy_in_->reader.Finish();
  return EndCopyIn(/*failed=*/!InsertCopied());
}

bool Session::FailCopy(std::string_view sqlstate, std::string message) {
  const CopyStatement& copy = *copy_in_->portal->prepared().copy;
  Fail(Report{.sqlstate = sqlstate,
              .message = std::move(message),
              .detail = absl::StrCat("COPY ", copy.table, ", line ", copy_in_->reader.line())});
  return false;
}

// The rows that are whole. False: one of them could not be.
bool Session::InsertCopied() {
  for (;;) {
    const auto next = copy_in_->reader.Next(copy_in_->row);
    if (!next.ok()) return FailCopy(kBadCopyLine, std::string(next.status().message()));
    if (!*next) return true;
    if (!InsertRow()) return false;
    ++copy_in_->rows;
  }
}

bool Session::InsertRow() {
  const std::vector<CopyValue>& row = copy_in_->row;
  const std::vector<uint32_t>& types = copy_in_->portal->prepared().copy_types;
  sqlite3_stmt* const statement = copy_in_->portal->statement();
  if (row.size() != types.size()) {
    return FailCopy(kBadCopyLine,
                    absl::StrCat("a row has ", row.size(), " values, not ", types.size()));
  }
  for (size_t i = 0; i < row.size(); ++i) {
    const absl::Status bound = BindValue(statement, static_cast<int>(i) + 1,
                                         static_cast<Oid>(types[i]), Format::kText, row[i]);
    if (!bound.ok()) return FailCopy(kBadText, std::string(bound.message()));
  }
  const int result = sqlite3_step(statement);
  Report report;
  if (result != SQLITE_DONE) report = connection_->LastReport(result);
  sqlite3_reset(statement);
  Saw();
  return result == SQLITE_DONE || FailCopy(report.sqlstate, report.message);
}

Session::Next Session::EndCopyIn(bool failed) {
  const uint64_t rows = copy_in_->rows;
  copy_in_.reset();
  // Several statements are one transaction; this one alone is durable when it is answered.
  const bool alone = query_.has_value() && !query_->one_of_many;
  if (!failed && alone) failed = !LeaveImplicit();
  if (!failed) Answers(out_).CommandComplete(absl::StrCat("COPY ", rows));
  if (!query_.has_value()) {
    running_ = nullptr;
    skips_ = failed;
    return Next::kSend;
  }
  query_->portal.reset();
  if (!failed) return GoOnWithQuery();
  query_.reset();
  return ReadyForQuery();
}

}  // namespace hexad::compute::sql
