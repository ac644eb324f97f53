// PostgreSQL's frontend/backend protocol, version 3.0, as bytes: what clients send, taken apart,
// and what they are answered, put together (PostgreSQL 15 manual, chapter 55). Nothing is read or
// sent here, and nothing is understood beyond the frame.
//
// Everything comes from outside: a length is believed only after it was compared with a limit, a
// string only after its end was found, and a frame that is not whole in its own length is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hexad::compute::sql {

// A client's message, with its length. Longer ones end the connection (protocol_violation).
inline constexpr uint32_t kMaxMessageBytes = 64 << 20;
// Before a client has said who it is, it gets no more than this.
inline constexpr uint32_t kMaxStartupBytes = 10'000;
inline constexpr size_t kMaxParameters = 65'535;

enum class Format : int16_t { kText = 0, kBinary = 1 };

// --- from the client -----------------------------------------------------------------------------
// Views point into the frame that they were parsed from.

struct StartupMessage {
  std::vector<std::pair<std::string, std::string>> parameters;  // user, database, options ...
  // Empty if the client named none.
  std::string Find(std::string_view name) const;
};
struct SslRequest {};
struct GssRequest {};
struct CancelRequest {
  uint32_t process = 0;
  uint32_t secret = 0;
};
using FirstMessage = std::variant<StartupMessage, SslRequest, GssRequest, CancelRequest>;

struct Query {
  std::string_view text;
};
struct Parse {
  std::string_view statement;
  std::string_view text;
  std::vector<uint32_t> types;  // 0: not given
};
struct Bind {
  std::string_view portal;
  std::string_view statement;
  std::vector<Format> formats;                          // none: text; one: for all
  std::vector<std::optional<std::string_view>> values;  // nothing: null
  std::vector<Format> result_formats;                   // the same
};
struct Describe {
  bool portal = false;
  std::string_view name;
};
struct Execute {
  std::string_view portal;
  uint32_t max_rows = 0;  // 0: all
};
struct Close {
  bool portal = false;
  std::string_view name;
};
struct Sync {};
struct Flush {};
struct Terminate {};
struct Password {
  std::string_view text;
};
struct CopyData {
  std::string_view bytes;
};
struct CopyDone {};
struct CopyFail {
  std::string_view why;
};
using ClientMessage = std::variant<Query, Parse, Bind, Describe, Execute, Close, Sync, Flush,
                                   Terminate, Password, CopyData, CopyDone, CopyFail>;

// How many bytes the frame that `bytes` begins with has, its type and length included; nothing if
// that cannot be told yet. INVALID_ARGUMENT: a length that no frame has.
absl::StatusOr<std::optional<uint32_t>> FirstFrameSize(std::string_view bytes);
absl::StatusOr<std::optional<uint32_t>> FrameSize(std::string_view bytes);
// REQUIRES: exactly one frame. INVALID_ARGUMENT names what is wrong with it.
absl::StatusOr<FirstMessage> ParseFirst(std::string_view frame);
absl::StatusOr<ClientMessage> ParseMessage(std::string_view frame);

// --- to the client -------------------------------------------------------------------------------

struct Column {
  std::string name;
  uint32_t type = 0;  // an OID
  int16_t type_bytes = -1;
  Format format = Format::kText;
};

// What an ErrorResponse or a NoticeResponse says.
struct Report {
  std::string_view severity = "ERROR";
  std::string_view sqlstate;
  std::string message;
  std::string detail = {};
  std::string hint = {};
};

enum class TransactionState : char { kIdle = 'I', kOpen = 'T', kFailed = 'E' };

// Appends messages to a buffer, one call for each.
class Answers {
 public:
  explicit Answers(std::string& out) : out_(out) {}

  void AuthenticationOk();
  // The one mechanism; then what the server says in it, and its last word.
  void AuthenticationSasl(std::string_view mechanism);
  void AuthenticationSaslContinue(std::string_view data);
  void AuthenticationSaslFinal(std::string_view data);
  void ParameterStatus(std::string_view name, std::string_view value);
  void BackendKeyData(uint32_t process, uint32_t secret);
  void ReadyForQuery(TransactionState state);
  void RowDescription(std::span<const Column> columns);
  void NoData();
  void ParameterDescription(std::span<const uint32_t> types);
  void ParseComplete();
  void BindComplete();
  void CloseComplete();
  void PortalSuspended();
  void EmptyQueryResponse();
  void CommandComplete(std::string_view tag);
  void Error(const Report& report) { Say('E', report); }
  void Notice(const Report& report) { Say('N', report); }
  void CopyInResponse(size_t columns);
  void CopyOutResponse(size_t columns);
  void CopyData(std::string_view bytes);
  void CopyDone();

  // A row is begun, given its values in order, and ended; or dropped, as if it had never begun.
  void BeginRow(size_t columns);
  void Value(std::string_view bytes);
  void Null();
  void EndRow();
  void DropRow();

 private:
  class Message;
  void Say(char type, const Report& report);
  void Empty(char type);
  void CopyResponse(char type, size_t columns);

  std::string& out_;
  size_t row_at_ = 0;
};

}  // namespace hexad::compute::sql
