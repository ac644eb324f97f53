// Running one statement: who may, with whose place, row by row.
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/sql/dialect.h"
#include "compute/sql/session.h"
#include "compute/sql/sql_state.h"

namespace hexad::compute::sql {

std::shared_ptr<PreparedStatement> Session::PrepareFirst(std::string_view& sql, bool lasting) {
  auto prepared = std::make_shared<PreparedStatement>();
  const StatementWords words = WordsOf(sql);
  if (words.kind != StatementKind::kSqlite) {
    prepared->text = std::string(words.text.substr(0, EndOfStatement(words.text)));
    sql = words.text.substr(prepared->text.size());
    prepared->words = WordsOf(prepared->text);
    const bool copies = prepared->words.kind == StatementKind::kCopy;
    return copies && !PrepareCopy(*prepared, lasting) ? nullptr : prepared;
  }
  Translation translation = Translate(words.text);
  if (translation.refusal.has_value()) {
    Fail(*translation.refusal);
    return nullptr;
  }
  if (translation.text.has_value()) return PrepareTranslated(sql, std::move(translation), lasting);
  ChooseSnapshot(/*writes=*/false);
  auto first = connection_->Prepare(words.text, lasting);
  if (first.result != SQLITE_OK) {
    Fail(connection_->LastReport(first.result));
    return nullptr;
  }
  prepared->text = std::string(words.text.substr(0, words.text.size() - first.rest.size()));
  sql = first.rest;
  prepared->words = WordsOf(prepared->text);
  if (first.statement != nullptr) {
    prepared->types.resize(static_cast<size_t>(ParametersOf(first.statement.get())), kUnspecified);
    connection_->InferTypes(prepared->text, prepared->types);
  }
  prepared->idle = std::move(first.statement);
  return prepared;
}

// What the client said tells the tag; what SQLite gets is the translation.
std::shared_ptr<PreparedStatement> Session::PrepareTranslated(std::string_view& sql,
                                                              Translation translation,
                                                              bool lasting) {
  auto prepared = std::make_shared<PreparedStatement>();
  prepared->words = WordsOf(sql);
  const std::string_view rest = prepared->words.text.substr(translation.length);
  prepared->text = *std::move(translation.text);
  prepared->before = std::move(translation.before);
  prepared->words.text = prepared->text;
  sql = rest;
  if (translation.nothing_to_do) {
    prepared->words.kind = StatementKind::kNothing;
    return prepared;
  }
  ChooseSnapshot(/*writes=*/false);
  auto only = connection_->Prepare(prepared->text, lasting);
  if (only.result != SQLITE_OK) {
    Fail(connection_->LastReport(only.result));
    return nullptr;
  }
  if (only.statement != nullptr) {
    prepared->types.resize(static_cast<size_t>(ParametersOf(only.statement.get())), kUnspecified);
    connection_->InferTypes(prepared->text, prepared->types);
  }
  prepared->idle = std::move(only.statement);
  return prepared;
}

bool Session::MayRun(const StatementWords& words) {
  const bool ends_it = words.kind == StatementKind::kRollback ||
                       words.kind == StatementKind::kRollbackTo ||
                       words.kind == StatementKind::kCommit || words.kind == StatementKind::kEmpty;
  if (!failed_ || ends_it) return true;
  Fail(kFailedTransaction,
       "current transaction is aborted, commands ignored until end of transaction block");
  return false;
}

// The place is asked for before the statement begins: its snapshot, if the transaction has none
// yet, is taken after all that came before it.
bool Session::HasPlaceFor(const Portal& portal) {
  if (!portal.writes() || portal.begun()) return true;
  return connection_->file().AwaitWriterPlace(granted_);
}

// What of a statement is statements of its own for SQLite; false: one failed.
bool Session::RunBefore(const Portal& portal) {
  if (portal.before().empty() || portal.begun()) return true;
  EnterImplicit();
  for (const std::string& sql : portal.before()) {
    const int result = connection_->Run(sql);
    if (result == SQLITE_OK) continue;
    Fail(connection_->LastReport(result));
    return false;
  }
  return true;
}

Session::RunEnd Session::Run(Portal& portal, uint32_t max_rows, bool describe) {
  if (!MayRun(portal.words())) return RunEnd::kFailed;
  if (cancelled_.exchange(false)) {
    Fail(kQueryCanceled, "canceling statement due to user request");
    return RunEnd::kFailed;
  }
  if (portal.statement() == nullptr) return Control(portal.words());
  return RunStatement(portal, max_rows, describe);
}

// A read outside of a transaction waits for nobody's commit; preparing a statement reads the
// schema.
void Session::ChooseSnapshot(bool writes) {
  const bool alone = transaction_ == Transaction::kNone && !writes;
  connection_->file().set_snapshot_kind(alone ? SnapshotKind::kDurable : SnapshotKind::kNewest);
}

// One step further; false: it failed.
bool Session::Step(Portal& portal) {
  if (!portal.begun()) ChooseSnapshot(portal.writes());
  const int result = portal.Step();
  Saw();
  if (result == SQLITE_ROW || result == SQLITE_DONE) return true;
  Fail(connection_->LastReport(result));
  return false;
}

Session::RunEnd Session::RunStatement(Portal& portal, uint32_t max_rows, bool describe) {
  Answers answers(out_);
  if (portal.writes() && read_only_) {
    Fail(kReadOnlyTransaction,
         absl::StrCat("cannot execute ", portal.words().tag, " in a read-only transaction"));
    return RunEnd::kFailed;
  }
  if (!HasPlaceFor(portal)) {
    if (!gave_up_) return RunEnd::kPlace;
    gave_up_ = false;
    connection_->file().LeaveWriterPlace();
    Fail("55P03", "another transaction writes, and has not ended in time");
    return RunEnd::kFailed;
  }
  if (!RunBefore(portal)) return RunEnd::kFailed;
  if (!portal.prepared().copy_types.empty()) return BeginCopyIn(portal);
  const bool rows = sqlite3_column_count(portal.statement()) > 0;
  const bool introduced = (describe && rows) || portal.copies_out();
  for (uint64_t given = 0;; ++given) {
    if (max_rows != 0 && given == max_rows) {
      answers.PortalSuspended();
      return RunEnd::kDone;
    }
    if (!Step(portal)) return RunEnd::kFailed;
    if (introduced) portal.Introduce(answers);
    if (portal.finished()) break;
    if (out_.size() >= kSendBytes) return RunEnd::kFull;
    if (const absl::Status row = portal.GiveRow(answers); !row.ok()) {
      Fail(kBadBinary, std::string(row.message()));
      return RunEnd::kFailed;
    }
  }
  if (transaction_ == Transaction::kNone) connection_->file().LeaveWriterPlace();
  const StatementWords& words = portal.words();
  const auto changed = static_cast<uint64_t>(connection_->changes());
  const uint64_t count = words.gives_rows ? portal.rows() : changed;
  if (portal.copies_out()) answers.CopyDone();
  answers.CommandComplete(words.counts ? absl::StrCat(words.tag, " ", count) : words.tag);
  return RunEnd::kDone;
}

}  // namespace hexad::compute::sql
