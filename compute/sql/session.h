// One client's session: frames in, answers out, in the order and with the meaning of PostgreSQL's
// protocol (manual, section 55.2), for a SQLite connection to a volume.
//
//   simple      Query: its statements, each with its answers, then ReadyForQuery. Several are one
//               transaction, unless they begin and end some themselves.
//   extended    Parse, Bind, Describe, Execute, Close, until Sync: one transaction as well. After
//               an error everything up to Sync is skipped.
//
// Nothing here waits. Where a session cannot go on it says why, and GoOn resumes it at the same
// place: before a statement that writes, for the writer's place; with many rows, for the client to
// take them; and always for what it has answered to be durable (docs/sql.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/sql/dialect.h"
#include "compute/sql/portal.h"
#include "compute/sql/settings.h"
#include "compute/sql/sql_connection.h"
#include "compute/sql/wire.h"

namespace hexad::compute::sql {

// Answers are sent when they are this many, so that a large result never is in memory whole.
inline constexpr size_t kSendBytes = 256 << 10;

// A Query message that is being answered.
struct SimpleQuery {
  std::string text;
  std::string_view rest;
  bool one_of_many = false;
  std::unique_ptr<Portal> portal;
};

// Belongs to one thread at a time; only Cancel may be called beside.
class Session {
 public:
  enum class Next : uint8_t {
    kFrame,  // give it the next frame
    kSend,   // send out(), if it is durable; then go on
    kPlace,  // `granted` is called when the writer's place is this session's; then go on
    kEnd,    // send out(), and close
  };

  // `granted` is called on any thread. NOT_FOUND, UNAVAILABLE: as SqlConnection::Open;
  // INVALID_ARGUMENT: a setting that the client asks for has no such value.
  static absl::StatusOr<std::unique_ptr<Session>> Start(const std::string& vfs,
                                                        const StartupMessage& startup,
                                                        MakeClone clone,
                                                        std::function<void()> granted);
  ~Session();

  // The first answers, up to ReadyForQuery. The key is what a CancelRequest must name.
  void Greet(uint32_t process, uint32_t secret);

  // REQUIRES: one whole frame; HasWork() is false. `following`: the type of the frame after it, if
  // that is known; 0 if not. An error in a frame ends the session.
  Next Take(std::string_view frame, char following = 0);
  // A frame that was taken is not done.
  bool HasWork() const {
    return !copy_in_.has_value() && (query_.has_value() || running_ != nullptr);
  }
  Next GoOn();
  // The wait for the writer's place has lasted too long.
  void GiveUpPlace();

  // What is answered, and not sent yet: may be sent once durable_after() is durable. Then: Sent().
  const std::string& out() const { return out_; }
  Lsn durable_after() const { return durable_after_; }
  void Sent() {
    out_.clear();
    durable_after_ = Lsn::None();
  }
  // It will not be durable: what is in out() was not so, and the client is told why.
  void NotDurable(const absl::Status& why);

  // How long the client may say nothing now; nullopt: for ever.
  std::optional<Duration> IdleLimit() const;
  // Undoes what is not committed and leaves the writer's place. Nothing may follow.
  void Abandon();

  DatabaseFile& file() const { return connection_->file(); }
  Volume& volume() const { return connection_->file().database().volume(); }
  // The statement that runs, or waits, ends with query_canceled. Thread-safe.
  void Cancel();
  TransactionState state() const;

 private:
  // How a portal's run came to a stop.
  enum class RunEnd : uint8_t { kDone, kFailed, kFull, kPlace, kCopyIn };
  // A COPY FROM STDIN: the client's frames are its lines.
  struct CopyIn {
    Portal* portal;
    CopyReader reader;
    std::vector<CopyValue> row = {};
    uint64_t rows = 0;
  };

  Session(std::unique_ptr<SqlConnection> connection, std::function<void()> granted);

  // session.cc
  void Fail(Report report);
  void Fail(std::string_view sqlstate, std::string message);
  Next End(std::string_view sqlstate, std::string message);
  void Saw();
  Next ReadyForQuery();

  // session_simple.cc
  Next On(const Query& query);
  Next GoOnWithQuery();
  bool NextStatement();

  // session_extended.cc
  Next On(const Parse& parse);
  Next On(const Bind& bind);
  Next On(const Describe& describe);
  Next On(const Execute& execute);
  Next On(const Close& close);
  Next On(const Sync&);
  Next On(const Flush&) { return Next::kSend; }
  Next On(const Terminate&) { return Next::kEnd; }
  Next On(const Password&);
  Next On(const CopyData&) { return Next::kFrame; }  // of a COPY that has failed
  Next On(const CopyDone&) { return Next::kFrame; }
  Next On(const CopyFail&) { return Next::kFrame; }
  Next GoOnWithPortal();
  void DescribePortal(Portal& portal);
  std::optional<std::unique_ptr<Portal>> MakePortal(std::shared_ptr<PreparedStatement> prepared);

  // session_run.cc
  // The first statement of `sql`, which becomes what follows it; nullptr if that failed.
  std::shared_ptr<PreparedStatement> PrepareFirst(std::string_view& sql, bool lasting);
  std::shared_ptr<PreparedStatement> PrepareTranslated(std::string_view& sql,
                                                       Translation translation, bool lasting);
  RunEnd Run(Portal& portal, uint32_t max_rows, bool describe);
  RunEnd RunStatement(Portal& portal, uint32_t max_rows, bool describe);
  bool MayRun(const StatementWords& words);
  bool HasPlaceFor(const Portal& portal);
  bool RunBefore(const Portal& portal);
  void ChooseSnapshot(bool writes);
  bool Step(Portal& portal);

  // session_copy.cc
  bool PrepareCopy(PreparedStatement& prepared, bool lasting);
  bool PlanCopyIn(PreparedStatement& prepared);
  RunEnd BeginCopyIn(Portal& portal);
  Next TakeForCopy(const ClientMessage& message);
  bool InsertCopied();
  bool InsertRow();
  bool FailCopy(std::string_view sqlstate, std::string message);
  Next EndCopyIn(bool failed);

  // session_transaction.cc
  RunEnd Control(const StatementWords& words);
  bool Begin(const StatementWords& words);
  bool Commit();
  void RollBack();
  bool Savepoint(const StatementWords& words);
  bool RollBackTo(const StatementWords& words);
  void TransactionEnded();
  void EnterImplicit();
  bool LeaveImplicit();  // false: what it did could not be committed
  bool Show(const StatementWords& words);
  void Deallocate(const StatementWords& words);

  const std::unique_ptr<SqlConnection> connection_;
  const std::function<void()> granted_;
  Settings settings_;
  std::string out_;
  Lsn durable_after_;

  // The transaction. An implicit one lasts to the end of the query, or to Sync.
  enum class Transaction : uint8_t { kNone, kImplicit, kExplicit };
  Transaction transaction_ = Transaction::kNone;
  bool read_only_ = false;
  bool failed_ = false;      // nothing but its end is done in it
  bool savepoints_ = false;  // it may be gone back in, so a failure does not end it at once
  std::atomic<bool> cancelled_ = false;
  bool gave_up_ = false;

  std::optional<SimpleQuery> query_;
  std::map<std::string, std::shared_ptr<PreparedStatement>, std::less<>> statements_;
  std::map<std::string, std::unique_ptr<Portal>, std::less<>> portals_;
  Portal* running_ = nullptr;  // of portals_
  uint32_t max_rows_ = 0;      // of what is running
  std::optional<CopyIn> copy_in_;
  bool skips_ = false;  // to the next Sync
  char following_ = 0;  // the frame after the one that was taken
};

}  // namespace hexad::compute::sql
