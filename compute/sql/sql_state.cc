#include "compute/sql/sql_state.h"

#include <sqlite3.h>

#include <array>
#include <utility>

#include "compute/core/user_error.h"

namespace hexad::compute::sql {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// SQLite has one code for everything that is wrong with a statement; what it is stands in the text.
constexpr std::array kOfText = {
    Pair{"no such table", "42P01"},
    Pair{"no such column", "42703"},
    Pair{"no such function", "42883"},
    Pair{"wrong number of arguments", "42883"},
    Pair{"no such index", "42704"},
    Pair{"no such trigger", "42704"},
    Pair{"no such view", "42P01"},
    Pair{"no such savepoint", "3B001"},
    Pair{"ambiguous column name", "42702"},
    Pair{"duplicate column name", "42701"},
    Pair{"already exists", "42P07"},
    Pair{"there is already", "42P07"},
    Pair{"has no column named", "42703"},
    Pair{"misuse of aggregate", "42803"},
    Pair{"cannot start a transaction within a transaction", "25001"},
    Pair{"not authorized", "42501"},
    Pair{"integer overflow", "22003"},
    Pair{"malformed JSON", "22P02"},
    Pair{"invalid input syntax", "22P02"},
    Pair{"invalid regular expression", "2201B"},
    Pair{"out of range", "22003"},
    Pair{"unrecognized configuration parameter", "42704"},
    Pair{"is not supported", "0A000"},
};

std::string_view OfStatement(std::string_view message) {
  for (const auto& [text, state] : kOfText) {
    if (message.find(text) != std::string_view::npos) return state;
  }
  return kSyntaxError;
}

std::string_view OfConstraint(int result) {
  switch (result) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return "23505";
    case SQLITE_CONSTRAINT_NOTNULL:
      return "23502";
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return "23503";
    case SQLITE_CONSTRAINT_CHECK:
      return "23514";
    case SQLITE_CONSTRAINT_DATATYPE:
      return "42804";
    default:
      return "23000";
  }
}

std::string_view OfResult(int result, std::string_view message) {
  switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
      return OfConstraint(result);
    case SQLITE_BUSY:
      return kSerializationFailure;
    case SQLITE_LOCKED:
      return "55006";
    case SQLITE_NOMEM:
      return "53200";
    case SQLITE_READONLY:
      return kReadOnlyTransaction;
    case SQLITE_INTERRUPT:
      return kQueryCanceled;
    case SQLITE_IOERR:
      return kIoError;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "XX001";
    case SQLITE_FULL:
      return "53100";
    case SQLITE_TOOBIG:
      return "54000";
    case SQLITE_MISMATCH:
      return "42804";
    case SQLITE_RANGE:
      return "08P01";
    case SQLITE_AUTH:
      return "42501";
    case SQLITE_ERROR:
      return OfStatement(message);
    default:
      return kInternalError;
  }
}

// What no commit's fate hangs on.
std::string_view OfCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return kBadValue;
    case absl::StatusCode::kAlreadyExists:
      return kDuplicateDatabase;
    case absl::StatusCode::kNotFound:
      return kUnknownDatabase;
    case absl::StatusCode::kFailedPrecondition:
      return kActiveTransaction;
    case absl::StatusCode::kDataLoss:
      return "XX001";
    default:
      return kIoError;
  }
}

}  // namespace

Report ReportOf(const absl::Status& status) {
  Report report;
  report.message = std::string(status.message());
  switch (UserErrorOf(status)) {
    case UserError::kRetry:
      report.sqlstate = kSerializationFailure;
      report.hint = "nothing happened; run the transaction again";
      break;
    case UserError::kReadOnly:
      report.sqlstate = kReadOnlyTransaction;
      report.hint = "hexad status";
      break;
    case UserError::kCommitUnknown:
      report.sqlstate = kResolutionUnknown;
      break;
    case UserError::kFenced:
      report.severity = "FATAL";
      report.sqlstate = "57P01";
      report.hint = "another writer has the volume; connect to it";
      break;
    case UserError::kNone:
      report.sqlstate = OfCode(status.code());
      break;
  }
  return report;
}

Report ReportOf(int result, std::string_view message, const absl::Status& trouble) {
  const bool of_the_volume = (result & 0xff) == SQLITE_IOERR && !trouble.ok();
  if (of_the_volume) return ReportOf(trouble);
  Report report;
  report.sqlstate = OfResult(result, message);
  report.message = std::string(message);
  if (result == SQLITE_BUSY_SNAPSHOT) {
    report.message = "could not serialize access due to concurrent update";
    report.hint = "what this transaction has read was changed; run it again";
  }
  return report;
}

}  // namespace hexad::compute::sql
