// SCRAM-SHA-256 on the server's side (RFC 5802, RFC 7677), as PostgreSQL's clients speak it: a
// password is proven and never sent, and what the server keeps of it does not let anybody log in.
// No channel binding: there is no TLS whose channel it could be. Nothing is read or sent here.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hexad::compute::sql {

// What is kept of a password. Bytes, not their base64.
struct ScramVerifier {
  int iterations = 0;
  std::string salt;
  std::string stored_key;
  std::string server_key;
};

inline constexpr int kScramIterations = 4096;
inline constexpr size_t kScramSaltBytes = 16;

// INVALID_ARGUMENT: not printable ASCII, whose normal form (RFC 4013) is itself; or empty.
absl::StatusOr<ScramVerifier> MakeVerifier(std::string_view password, std::string salt,
                                           int iterations);
// "SCRAM-SHA-256$4096:salt$stored:server", as PostgreSQL writes it (pg_authid.rolpassword).
absl::StatusOr<ScramVerifier> ParseVerifier(std::string_view text);
// That no password opens: the salt follows from the user, the keys from nothing that is known.
ScramVerifier NobodysVerifier(std::string_view secret, std::string_view user);
// INTERNAL: the system has no random bytes.
absl::StatusOr<std::string> RandomBytes(size_t count);

// One login: First, then Final, once each.
class ScramServer {
 public:
  // `nonce`: printable, without a comma, never used before.
  ScramServer(ScramVerifier verifier, std::string nonce)
      : verifier_(std::move(verifier)), nonce_(std::move(nonce)) {}

  // From the client's first message to the server's. INVALID_ARGUMENT: it is none, or asks for what
  // is not there. The user in it is not looked at: the startup message has said it.
  absl::StatusOr<std::string> First(std::string_view client_first);
  // From its final message to the server's. PERMISSION_DENIED: the password is another.
  absl::StatusOr<std::string> Final(std::string_view client_final);

 private:
  const ScramVerifier verifier_;
  std::string nonce_;  // after First: the client's and the server's
  std::string gs2_header_;
  std::string signed_;  // both first messages, as far as they are signed
};

}  // namespace hexad::compute::sql
