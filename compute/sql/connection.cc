#include "compute/sql/connection.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compute/sql/sql_state.h"

namespace hexad::compute::sql {
namespace {

constexpr size_t kReadBytes = 64 << 10;
constexpr size_t kWriteBytes = 64 << 10;
constexpr size_t kIdleBytes = 4 << 10;  // a buffer larger than this is given back
constexpr std::chrono::seconds kStartTimeout{60};

uint32_t RandomSecret() {
  std::random_device device;
  return device();
}

}  // namespace

bool Connections::Add(const std::shared_ptr<Connection>& connection) {
  const std::lock_guard lock(mutex_);
  if (by_process_.size() >= options_.max_connections) return false;
  do {
    ++last_;
  } while (last_ == 0 || by_process_.contains(last_));
  by_process_[last_] = connection;
  connection->set_process(last_);
  return true;
}

void Connections::Remove(uint32_t process) {
  const std::lock_guard lock(mutex_);
  by_process_.erase(process);
}

void Connections::Cancel(const CancelRequest& request) {
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard lock(mutex_);
    const auto found = by_process_.find(request.process);
    if (found != by_process_.end()) connection = found->second.lock();
  }
  if (connection != nullptr) connection->Cancel(request.secret);
}

void Connections::CloseAll() {
  std::vector<std::shared_ptr<Connection>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [process, connection] : by_process_) all.push_back(connection.lock());
  }
  for (const auto& connection : all) {
    if (connection != nullptr) connection->Close();
  }
}

size_t Connections::size() const {
  const std::lock_guard lock(mutex_);
  return by_process_.size();
}

Connection::Connection(asio::ip::tcp::socket socket, Connections& all)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      all_(all),
      secret_(RandomSecret()) {}

Connection::~Connection() { all_.Remove(process_); }

void Connection::Start() {
  asio::error_code ignored;  // a client that is gone already is found out by the first read
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  ProbeWhenIdle();
  if (!all_.Add(shared_from_this())) {
    Refuse(kTooManyConnections, "sorry, too many clients already");
    return;
  }
  timer_.expires_after(kStartTimeout);
  timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
    const auto self = weak.lock();
    if (self != nullptr && !error && self->session_ == nullptr) self->Close();
  });
  AwaitBytes();
}

void Connection::Close() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->closed_ = true;
    asio::error_code ignored;  // it is closed either way
    self->socket_.close(ignored);
    self->timer_.cancel();
  });
}

void Connection::Cancel(uint32_t secret) {
  if (secret != secret_) return;
  {
    const std::lock_guard lock(session_mutex_);
    if (session_ != nullptr) session_->Cancel();
  }
  Post(&Connection::GoOnIfWaiting);
}

void Connection::Post(void (Connection::*next)()) {
  asio::post(socket_.get_executor(), [self = shared_from_this(), next] {
    if (!self->closed_) ((*self).*next)();
  });
}

// No buffer is held for a client that says nothing.
void Connection::AwaitBytes() {
  if (taken_ == in_.size()) {
    in_.clear();
    if (in_.capacity() > kIdleBytes) in_.shrink_to_fit();
  } else {
    in_.erase(0, taken_);
  }
  taken_ = 0;
  BeginTurn(TurnKind::kBytes);
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const asio::error_code& error) {
                       if (error || self->closed_) return;
                       self->EndTurn();
                       self->ReadBytes();
                     });
}

void Connection::ReadBytes() {
  // One for all connections of a thread: a large one each, now and then, would leave holes in the
  // heap between what idle connections keep. On the heap: every thread of the process pays for
  // thread-local storage with its stack, and that of a library's thread may have 100 KiB.
  static thread_local std::vector<char> bytes(kReadBytes);
  asio::error_code error;
  socket_.non_blocking(true, error);
  const size_t count = socket_.read_some(asio::buffer(bytes), error);
  in_.append(bytes.data(), count);
  if (error == asio::error::would_block) return AwaitBytes();
  if (error) return Close();
  Work();
}

void Connection::Work() {
  while (session_ == nullptr) {
    if (!TakeFirstFrame()) return;
  }
  while (TakeFrame()) {
  }
}

bool Connection::TakeFirstFrame() {
  if (login_ != nullptr) return TakeLoginFrame();
  const std::string_view bytes = std::string_view(in_).substr(taken_);
  const auto size = FirstFrameSize(bytes);
  if (!size.ok()) {
    Refuse(kProtocolViolation, std::string(size.status().message()));
    return false;
  }
  if (!size->has_value() || **size > bytes.size()) {
    AwaitBytes();
    return false;
  }
  const auto first = ParseFirst(bytes.substr(0, **size));
  if (!first.ok()) {
    Refuse(kProtocolViolation, std::string(first.status().message()));
    return false;
  }
  taken_ += **size;
  if (const auto* startup = std::get_if<StartupMessage>(&*first)) {
    On(*startup);
    return false;
  }
  if (const auto* cancel = std::get_if<CancelRequest>(&*first)) {
    all_.Cancel(*cancel);
    Close();
    return false;
  }
  Write("N", /*last=*/false);  // no TLS, no GSSAPI: the client goes on without, or leaves
  return false;
}

void Connection::Open(const StartupMessage& startup) {
  auto session = Session::Start(kVfsName, startup, all_.options().clone, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Post(&Connection::GoOnIfWaiting);
  });
  if (!session.ok()) {
    const bool unknown = absl::IsNotFound(session.status());
    const bool bad_value = absl::IsInvalidArgument(session.status());
    return Refuse(unknown ? kUnknownDatabase : (bad_value ? kBadValue : kCannotConnectNow),
                  std::string(session.status().message()));
  }
  {
    const std::lock_guard lock(session_mutex_);
    session_ = *std::move(session);
  }
  timer_.cancel();
  session_->Greet(process_, secret_);
  Send(/*last=*/false);
}

void Connection::Refuse(std::string_view sqlstate, std::string message) {
  std::string bytes;
  Answers(bytes).Error(
      Report{.severity = "FATAL", .sqlstate = sqlstate, .message = std::move(message)});
  Write(std::move(bytes), /*last=*/true);
}

// What the session has begun, or the next frame. False: it is waiting for something now.
bool Connection::TakeFrame() {
  Session::Next next = Session::Next::kFrame;
  if (session_->HasWork()) {
    next = session_->GoOn();
  } else {
    const std::string_view bytes = std::string_view(in_).substr(taken_);
    const auto size = FrameSize(bytes);
    if (!size.ok()) {
      Refuse(kProtocolViolation, std::string(size.status().message()));
      return false;
    }
    if (!size->has_value() || **size > bytes.size()) {
      AwaitBytes();
      return false;
    }
    const std::string_view frame = bytes.substr(0, **size);
    taken_ += frame.size();
    const char following = frame.size() < bytes.size() ? bytes[frame.size()] : '\0';
    next = session_->Take(frame, following);
  }
  switch (next) {
    case Session::Next::kFrame:
      return true;
    case Session::Next::kPlace:
      AwaitPlace();
      return false;
    case Session::Next::kSend:
      Send(/*last=*/false);
      return false;
    case Session::Next::kEnd:
      Send(/*last=*/true);
      return false;
  }
  return false;
}

// The wait for the place ends three ways: it is given, it takes too long, or it is cancelled.
void Connection::GoOnIfWaiting() {
  if (closed_ || !std::exchange(awaits_place_, false)) return;
  timer_.cancel();
  Work();
}

void Connection::AwaitPlace() {
  awaits_place_ = true;
  timer_.expires_after(std::chrono::nanoseconds(all_.options().place_timeout.nanos()));
  // Holds the connection while it waits: nobody else does.
  timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (error) return;
    self->session_->GiveUpPlace();
    self->GoOnIfWaiting();
  });
}

void Connection::Send(bool last) {
  const Lsn after = session_->durable_after();
  if (session_->volume().IsDurable(after)) {
    std::string bytes = session_->out();
    session_->Sent();
    return Write(std::move(bytes), last);
  }
  // The guard keeps the pool there for the answer.
  session_->volume().OnDurable(
      after, [self = shared_from_this(), last,
              guard = asio::make_work_guard(socket_.get_executor())](const absl::Status& told) {
        asio::post(self->socket_.get_executor(), [self, last, told] {
          if (self->closed_) return;
          if (!told.ok()) self->session_->NotDurable(told);
          std::string bytes = self->session_->out();
          self->session_->Sent();
          self->Write(std::move(bytes), last);
        });
      });
}

// However little of it the client takes, it has acted.
void Connection::Write(std::string bytes, bool last) {
  sending_ = std::move(bytes);
  BeginTurn(TurnKind::kTakeWritten);
  asio::async_write(
      socket_, asio::buffer(sending_),
      [self = shared_from_this()](const asio::error_code& error, size_t taken) -> size_t {
        if (taken > 0 && !error) self->BeginTurn(TurnKind::kTakeWritten);
        return error ? 0 : kWriteBytes;
      },
      [self = shared_from_this(), last](const asio::error_code& error, size_t) {
        self->EndTurn();
        if (self->sending_.capacity() > kIdleBytes) std::string().swap(self->sending_);
        if (error || last) return self->Close();
        if (!self->closed_) self->Work();
      });
}

}  // namespace hexad::compute::sql
