// One client on a socket: bytes to frames for its session, answers to bytes once they are durable.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "compute/sql/login.h"
#include "compute/sql/server.h"
#include "compute/sql/session.h"

namespace hexad::compute::sql {

class Connection;

// What the connections of a server share. Thread-safe.
class Connections {
 public:
  explicit Connections(const ServerOptions& options) : options_(options) {}

  const ServerOptions& options() const { return options_; }
  // False: there are too many. From then on its number (a "process", for PostgreSQL) stands for it.
  bool Add(const std::shared_ptr<Connection>& connection);
  void Remove(uint32_t process);
  // Nothing happens unless somebody has that key: whoever asks is told nothing either way.
  void Cancel(const CancelRequest& request);
  void CloseAll();
  size_t size() const;

 private:
  const ServerOptions options_;
  mutable std::mutex mutex_;
  uint32_t last_ = 0;
  std::map<uint32_t, std::weak_ptr<Connection>> by_process_;
};

// Everything happens on its strand but for what is said to be thread-safe.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::ip::tcp::socket socket, Connections& all);
  ~Connection();

  void Start();
  // Thread-safe.
  void Close();
  void Cancel(uint32_t secret);
  void set_process(uint32_t process) { process_ = process; }

 private:
  void AwaitBytes();
  void ReadBytes();
  void Work();
  bool TakeFirstFrame();
  bool TakeFrame();
  void Open(const StartupMessage& startup);
  void Refuse(std::string_view sqlstate, std::string message);
  void AwaitPlace();
  void GoOnIfWaiting();
  void Send(bool last);
  void Write(std::string bytes, bool last);
  void Post(void (Connection::*next)());

  // connection_login.cc
  void On(const StartupMessage& startup);
  bool TakeLoginFrame();
  void TakeProof(std::string_view frame);

  // connection_turn.cc
  // From BeginTurn to EndTurn it is the client that has to act.
  enum class TurnKind : uint8_t { kBytes, kTakeWritten };
  using TimePoint = std::chrono::steady_clock::time_point;
  void ProbeWhenIdle();
  void BeginTurn(TurnKind kind);
  void EndTurn();
  std::optional<TimePoint> IdleUntil() const;
  std::optional<TimePoint> SilentUntil() const;
  void AwaitTurn();
  void LookAtTurn();
  void EndSilent(const char* why);

  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;  // of the start, the wait for the place, or the turn: one at a time
  Connections& all_;
  uint32_t process_ = 0;
  uint32_t secret_ = 0;
  std::string in_;
  size_t taken_ = 0;  // of in_
  std::string sending_;
  std::unique_ptr<Login> login_;  // until the session is there, if passwords are asked for
  std::mutex session_mutex_;      // its coming; Cancel looks from another thread
  std::unique_ptr<Session> session_;
  bool awaits_place_ = false;
  uint64_t turn_ = 0;  // counts beginnings and ends
  TurnKind turn_kind_ = TurnKind::kBytes;
  TimePoint turn_began_;
  bool turn_awaited_ = false;  // by timer_
  bool closed_ = false;
};

}  // namespace hexad::compute::sql
