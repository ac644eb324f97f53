// Transactions as PostgreSQL's clients know them, and what else the session answers without SQLite.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/session.h"
#include "compute/sql/sql_state.h"

namespace hexad::compute::sql {
namespace {

Report Warning(std::string_view sqlstate, std::string message) {
  return {.severity = "WARNING", .sqlstate = sqlstate, .message = std::move(message)};
}

bool Says(std::string_view statement, std::string_view first, std::string_view second) {
  const auto tokens = TokensOf(statement);
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (SameWord(tokens[i], first) && SameWord(tokens[i + 1], second)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Session::RunEnd Session::Control(const StatementWords& words) {
  Answers answers(out_);
  bool done = true;
  std::string tag = words.tag;
  switch (words.kind) {
    case StatementKind::kEmpty:
      answers.EmptyQueryResponse();
      return RunEnd::kDone;
    case StatementKind::kBegin:
      done = Begin(words);
      break;
    case StatementKind::kCommit:
      if (failed_) tag = "ROLLBACK";
      done = Commit();
      break;
    case StatementKind::kRollback:
      if (transaction_ != Transaction::kExplicit) {
        answers.Notice(Warning(kNoTransaction, "there is no transaction in progress"));
      }
      RollBack();
      break;
    case StatementKind::kSavepoint:
      done = Savepoint(words);
      break;
    case StatementKind::kRollbackTo:
      done = RollBackTo(words);
      break;
    case StatementKind::kSet:
      if (const absl::Status set = settings_.Change(words.text, answers); !set.ok()) {
        Fail("22023", std::string(set.message()));
        done = false;
      }
      break;
    case StatementKind::kShow:
      done = Show(words);
      break;
    case StatementKind::kDeallocate:
      Deallocate(words);
      break;
    case StatementKind::kCopy:
    case StatementKind::kNothing:
    case StatementKind::kSqlite:
      break;
  }
  if (!done) return RunEnd::kFailed;
  answers.CommandComplete(tag);
  return RunEnd::kDone;
}

bool Session::Begin(const StatementWords& words) {
  if (transaction_ == Transaction::kExplicit) {
    Answers(out_).Notice(Warning(kActiveTransaction, "there is already a transaction in progress"));
    return true;
  }
  EnterImplicit();
  transaction_ = Transaction::kExplicit;
  read_only_ = Says(words.text, "READ", "ONLY");
  return true;
}

bool Session::Commit() {
  if (transaction_ == Transaction::kNone) {
    Answers(out_).Notice(Warning(kNoTransaction, "there is no transaction in progress"));
    return true;
  }
  if (failed_) {
    RollBack();
    return true;
  }
  const int result = connection_->in_transaction() ? connection_->Run("commit") : SQLITE_OK;
  if (result == SQLITE_OK) {
    TransactionEnded();
    return true;
  }
  const Report report = connection_->LastReport(result);
  RollBack();
  Fail(report);
  return false;
}

void Session::RollBack() {
  for (auto& [name, portal] : portals_) {
    if (portal->statement() != nullptr) sqlite3_reset(portal->statement());
  }
  if (connection_->in_transaction()) connection_->Run("rollback");
  TransactionEnded();
}

void Session::TransactionEnded() {
  Saw();
  transaction_ = Transaction::kNone;
  read_only_ = false;
  failed_ = false;
  savepoints_ = false;
  connection_->file().LeaveWriterPlace();
}

std::optional<Duration> Session::IdleLimit() const {
  const bool idle = transaction_ == Transaction::kExplicit && !HasWork() && !copy_in_.has_value();
  const Duration limit = idle ? settings_.IdleInTransaction() : Duration();
  return limit == Duration() ? std::nullopt : std::optional(limit);
}

// A statement outside of a transaction that has written, and has rows to give yet, would be
// committed when it is let go of.
void Session::Abandon() {
  const auto stop = [this](Portal& portal) {
    if (!portal.begun() || portal.finished()) return;
    connection_->Interrupt();
    sqlite3_step(portal.statement());  // not the portal's: it may hold a row back
  };
  if (query_.has_value() && query_->portal != nullptr) stop(*query_->portal);
  for (auto& [name, portal] : portals_) stop(*portal);
  copy_in_.reset();
  query_.reset();
  running_ = nullptr;
  portals_.clear();
  RollBack();
}

// The writer's place and the snapshot are taken by the statements that need them.
void Session::EnterImplicit() {
  if (transaction_ != Transaction::kNone) return;
  connection_->Run("begin");
  transaction_ = Transaction::kImplicit;
}

bool Session::LeaveImplicit() { return transaction_ != Transaction::kImplicit || Commit(); }

bool Session::Savepoint(const StatementWords& words) {
  if (transaction_ != Transaction::kExplicit) {
    Fail(kNoTransaction, absl::StrCat(words.tag, " can only be used in transaction blocks"));
    return false;
  }
  savepoints_ = true;
  const int result = connection_->Run(std::string(words.text));
  if (result == SQLITE_OK) return true;
  Fail(connection_->LastReport(result));
  return false;
}

bool Session::RollBackTo(const StatementWords& words) {
  if (transaction_ != Transaction::kExplicit || !connection_->in_transaction()) {
    Fail("3B001", "no such savepoint");
    return false;
  }
  const std::string_view name = TokensOf(words.text).back();
  const int result = connection_->Run(absl::StrCat("rollback to ", std::string(name)));
  if (result != SQLITE_OK) {
    Fail(connection_->LastReport(result));
    return false;
  }
  failed_ = false;
  return true;
}

bool Session::Show(const StatementWords& words) {
  const auto shown = settings_.Show(words.text);
  if (!shown.ok()) {
    Fail("42704", std::string(shown.status().message()));
    return false;
  }
  Answers answers(out_);
  if (query_.has_value()) {
    answers.RowDescription(std::vector<Column>{{shown->name, kText, -1, Format::kText}});
  }
  answers.BeginRow(1);
  answers.Value(shown->value);
  answers.EndRow();
  return true;
}

void Session::Deallocate(const StatementWords& words) {
  const auto tokens = TokensOf(words.text);
  std::string name(tokens.back());
  if (name.size() >= 2 && name.front() == '"') name = name.substr(1, name.size() - 2);
  const bool all = SameWord(name, "ALL");
  std::erase_if(statements_, [&](const auto& entry) { return all || entry.first == name; });
}

}  // namespace hexad::compute::sql
