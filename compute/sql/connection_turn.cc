// The client's turn: the server awaits its bytes, or has written what it does not take. How long a
// client may let that last depends on whom it holds up.
//
//   idle in a transaction   as long as its setting says, whoever waits
//   the writer's place      silent_writer_timeout, but only if others wait for the place
//   anything else           for ever: the system's probes find out whether it is still there
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "compute/sql/connection.h"
#include "compute/sql/sql_state.h"

namespace hexad::compute::sql {
namespace {

constexpr int kProbeAfterSeconds = 30;
constexpr int kProbeEverySeconds = 10;
constexpr int kProbes = 3;
// Of the silent writer's timeout: how often who has exceeded it is looked at, while nobody waits.
constexpr int kLooks = 8;

constexpr char kIdleTooLong[] = "terminating connection due to idle-in-transaction timeout";
constexpr char kHeldOthersUp[] =
    "terminating connection: it was silent while others waited to write";

std::chrono::nanoseconds Chrono(Duration duration) {
  return std::chrono::nanoseconds(duration.nanos());
}

}  // namespace

// A client whose machine is gone says so to nobody: the system asks.
void Connection::ProbeWhenIdle() {
  const int socket = socket_.native_handle();
  const auto set = [&](int level, int option, int value) {
    return setsockopt(socket, level, option, &value, sizeof value) == 0;
  };
  const bool probes =
      set(SOL_SOCKET, SO_KEEPALIVE, 1) && set(IPPROTO_TCP, TCP_KEEPIDLE, kProbeAfterSeconds) &&
      set(IPPROTO_TCP, TCP_KEEPINTVL, kProbeEverySeconds) && set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  if (!probes) spdlog::warn("a SQL client's connection will not be probed: errno {}", errno);
}

void Connection::BeginTurn(TurnKind kind) {
  ++turn_;
  turn_kind_ = kind;
  turn_began_ = std::chrono::steady_clock::now();
  if (session_ != nullptr && !closed_) AwaitTurn();
}

void Connection::EndTurn() {
  ++turn_;
  if (std::exchange(turn_awaited_, false)) timer_.cancel();
}

std::optional<Connection::TimePoint> Connection::IdleUntil() const {
  if (turn_kind_ != TurnKind::kBytes) return std::nullopt;
  const auto limit = session_->IdleLimit();
  if (!limit.has_value()) return std::nullopt;
  return turn_began_ + Chrono(*limit);
}

std::optional<Connection::TimePoint> Connection::SilentUntil() const {
  if (!session_->file().HasWriterPlace()) return std::nullopt;
  return turn_began_ + Chrono(all_.options().silent_writer_timeout);
}

// Nothing is awaited of a client that holds nobody up and has set no limit, as most: then its turn
// costs no timer. A client cannot come to the place while it is silent.
void Connection::AwaitTurn() {
  const auto idle = IdleUntil();
  auto silent = SilentUntil();
  if (!idle.has_value() && !silent.has_value()) return;
  if (const auto now = std::chrono::steady_clock::now(); silent.has_value() && *silent <= now) {
    silent = now + Chrono(all_.options().silent_writer_timeout / kLooks);
  }
  turn_awaited_ = true;
  timer_.expires_at(std::min(idle.value_or(TimePoint::max()), silent.value_or(TimePoint::max())));
  // The number: what was posted before the turn ended must not end the next one.
  timer_.async_wait([weak = weak_from_this(), turn = turn_](const asio::error_code& error) {
    const auto self = weak.lock();
    if (self != nullptr && !error && !self->closed_ && self->turn_ == turn) self->LookAtTurn();
  });
}

void Connection::LookAtTurn() {
  const auto now = std::chrono::steady_clock::now();
  const auto idle = IdleUntil();
  const auto silent = SilentUntil();
  if (idle.has_value() && *idle <= now) return EndSilent(kIdleTooLong);
  const bool holds_up = silent.has_value() && *silent <= now && session_->file().HoldsOthersUp();
  if (holds_up) return EndSilent(kHeldOthersUp);
  AwaitTurn();
}

// The place is free first. Then the client is told, unless it has not taken what was said before:
// once, without waiting for it.
void Connection::EndSilent(const char* why) {
  spdlog::info("SQL client {}: {}", process_, why);
  closed_ = true;
  session_->Abandon();
  if (turn_kind_ == TurnKind::kBytes) {
    std::string bytes;
    Answers(bytes).Error(
        Report{.severity = "FATAL", .sqlstate = kIdleInTransaction, .message = why});
    asio::error_code ignored;  // who does not take it finds the connection closed
    socket_.non_blocking(true, ignored);
    socket_.write_some(asio::buffer(bytes), ignored);
  }
  Close();
}

}  // namespace hexad::compute::sql
