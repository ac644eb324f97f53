#include "compute/sql/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/core/user_error.h"
#include "compute/sql/sql_state.h"
#include "quorum/base/check.h"

namespace hexad::compute::sql {

Session::Session(std::unique_ptr<SqlConnection> connection, std::function<void()> granted)
    : connection_(std::move(connection)),
      granted_(std::move(granted)),
      settings_(connection_->file().database().read_only()) {
  // What a statement asks of its own session.
  connection_->facts().setting = [this](const std::string& name) -> std::optional<std::string> {
    const auto shown = settings_.Show("show " + name);
    if (!shown.ok()) return std::nullopt;
    return shown->value;
  };
  connection_->facts().set = [this](const std::string& name, const std::string& value) {
    Answers answers(out_);
    return settings_.Change("set " + name + " to '" + value + "'", answers).ok();
  };
}

absl::StatusOr<std::unique_ptr<Session>> Session::Start(const std::string& vfs,
                                                        const StartupMessage& startup,
                                                        MakeClone clone,
                                                        std::function<void()> granted) {
  std::string database = startup.Find("database");
  if (database.empty()) database = startup.Find("user");
  auto connection = SqlConnection::Open(vfs, database, std::move(clone));
  if (!connection.ok()) return connection.status();
  std::unique_ptr<Session> session(new Session(*std::move(connection), std::move(granted)));
  if (auto status = session->settings_.Start(startup); !status.ok()) return status;
  return session;
}

Session::~Session() {
  query_.reset();
  portals_.clear();
  statements_.clear();
  connection_->file().LeaveWriterPlace();
}

void Session::Greet(uint32_t process, uint32_t secret) {
  connection_->facts().process = process;
  Answers answers(out_);
  answers.AuthenticationOk();
  settings_.TellAll(answers);
  answers.BackendKeyData(process, secret);
  answers.ReadyForQuery(state());
}

TransactionState Session::state() const {
  if (transaction_ != Transaction::kExplicit) return TransactionState::kIdle;
  return failed_ ? TransactionState::kFailed : TransactionState::kOpen;
}

Session::Next Session::Take(std::string_view frame, char following) {
  INVARIANT(!HasWork());
  following_ = following;
  const auto message = ParseMessage(frame);
  if (!message.ok()) return End(kProtocolViolation, std::string(message.status().message()));
  if (copy_in_.has_value()) return TakeForCopy(*message);
  if (!skips_) return std::visit([this](const auto& of_kind) { return On(of_kind); }, *message);
  if (std::holds_alternative<Terminate>(*message)) return Next::kEnd;
  return std::holds_alternative<Sync>(*message) ? On(Sync()) : Next::kFrame;
}

Session::Next Session::GoOn() {
  if (query_.has_value()) return GoOnWithQuery();
  if (running_ != nullptr) return GoOnWithPortal();
  return Next::kFrame;
}

void Session::Cancel() {
  cancelled_ = true;
  connection_->Interrupt();
}

void Session::GiveUpPlace() { gave_up_ = true; }

void Session::Fail(std::string_view sqlstate, std::string message) {
  Fail(Report{.sqlstate = sqlstate, .message = std::move(message)});
}

// An error ends what the transaction has done so far, and for PostgreSQL's clients the transaction
// itself: they say ROLLBACK, but nobody has to wait for that.
void Session::Fail(Report report) {
  Answers(out_).Error(report);
  Saw();
  if (transaction_ == Transaction::kImplicit) {
    RollBack();
  } else if (transaction_ == Transaction::kExplicit) {
    failed_ = true;
    if (!savepoints_ && connection_->in_transaction()) connection_->Run("rollback");
  }
  // Nothing is written: it neither needs the place nor waits for it, even in a transaction that
  // goes on from a savepoint.
  if (connection_->file().lock() < FileLock::kReserved) connection_->file().LeaveWriterPlace();
}

Session::Next Session::End(std::string_view sqlstate, std::string message) {
  Answers(out_).Error(
      Report{.severity = "FATAL", .sqlstate = sqlstate, .message = std::move(message)});
  return Next::kEnd;
}

void Session::Saw() { durable_after_ = std::max(durable_after_, connection_->file().TakeSeen()); }

Session::Next Session::ReadyForQuery() {
  cancelled_ = false;
  Answers(out_).ReadyForQuery(state());
  return Next::kSend;
}

// The client learns nothing of what was not durable. Whether a frame was answered to its end does
// not change by it: ReadyForQuery, if it was there, is said again.
void Session::NotDurable(const absl::Status& why) {
  constexpr size_t kReadyBytes = 6;
  const bool ready =
      out_.size() >= kReadyBytes && out_[out_.size() - kReadyBytes] == 'Z' && !HasWork();
  // A simple query is over with its error; the rest of a pipeline is skipped.
  const bool simple = query_.has_value();
  out_.clear();
  copy_in_.reset();
  query_.reset();
  running_ = nullptr;
  skips_ = skips_ || !(ready || simple);
  durable_after_ = Lsn::None();
  Report report = ReportOf(why);
  const Lsn committed = connection_->file().committed();
  const UserError kind = UserErrorOf(why);
  const bool undecided = kind == UserError::kCommitUnknown || kind == UserError::kFenced;
  if (undecided && !volume().IsDurable(committed)) {
    // A commit that was on its way may be in the history of who fenced this writer.
    report.sqlstate = kResolutionUnknown;
    report.hint = absl::StrCat("select hexad_commit_status('", CommitToken(volume(), committed),
                               "') tells what became of it");
  }
  Fail(std::move(report));
  if (ready || simple) Answers(out_).ReadyForQuery(state());
}

}  // namespace hexad::compute::sql
