// Between a client's startup message and its session: who it is, if the server asks for passwords.
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/connection.h"
#include "compute/sql/sql_state.h"

namespace hexad::compute::sql {
namespace {

constexpr size_t kNonceBytes = 18;

}  // namespace

void Connection::On(const StartupMessage& startup) {
  if (all_.options().passwords == nullptr) return Open(startup);
  const auto nonce = RandomBytes(kNonceBytes);
  if (!nonce.ok()) return Refuse(kInternalError, std::string(nonce.status().message()));
  login_ = std::make_unique<Login>(startup, all_.options().passwords->Of(startup.Find("user")),
                                   absl::Base64Escape(*nonce));
  std::string bytes;
  Answers answers(bytes);
  Login::Ask(answers);
  Write(std::move(bytes), /*last=*/false);
}

// As TakeFirstFrame.
bool Connection::TakeLoginFrame() {
  if (login_->proven()) {
    Open(std::exchange(login_, nullptr)->startup());
    return false;
  }
  const std::string_view bytes = std::string_view(in_).substr(taken_);
  const auto size = FrameSize(bytes);
  if (!size.ok() || (size->has_value() && **size > kMaxStartupBytes)) {
    Refuse(kProtocolViolation, "a message that is too long for a login");
    return false;
  }
  if (!size->has_value() || **size > bytes.size()) {
    AwaitBytes();
    return false;
  }
  taken_ += **size;
  TakeProof(bytes.substr(0, **size));
  return false;
}

void Connection::TakeProof(std::string_view frame) {
  const auto message = ParseMessage(frame);
  const auto* proof = message.ok() ? std::get_if<Password>(&*message) : nullptr;
  if (message.ok() && std::holds_alternative<Terminate>(*message)) return Close();
  if (proof == nullptr) return Refuse(kProtocolViolation, "expected an answer about the password");
  std::string bytes;
  Answers answers(bytes);
  const absl::Status taken = login_->Take(proof->text, answers);
  if (taken.ok()) return Write(std::move(bytes), /*last=*/false);
  if (!absl::IsPermissionDenied(taken)) {
    return Refuse(kProtocolViolation, std::string(taken.message()));
  }
  Refuse(kWrongPassword, absl::StrCat("password authentication failed for user \"",
                                      login_->startup().Find("user"), "\""));
}

}  // namespace hexad::compute::sql
