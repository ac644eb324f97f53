// A client that has to prove who it is before it gets a session: PostgreSQL's SASL messages around
// SCRAM-SHA-256.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "compute/sql/scram.h"
#include "compute/sql/wire.h"

namespace hexad::compute::sql {

class Login {
 public:
  // `nonce`: as ScramServer's.
  Login(StartupMessage startup, ScramVerifier verifier, std::string nonce)
      : startup_(std::move(startup)), scram_(std::move(verifier), std::move(nonce)) {}

  const StartupMessage& startup() const { return startup_; }
  static void Ask(Answers& answers);
  // What a Password frame holds. PERMISSION_DENIED: it does not know the password;
  // INVALID_ARGUMENT: it does not speak SCRAM-SHA-256. Nothing follows either.
  absl::Status Take(std::string_view data, Answers& answers);
  bool proven() const { return step_ == Step::kProven; }

 private:
  enum class Step : uint8_t { kFirst, kFinal, kProven };

  const StartupMessage startup_;
  ScramServer scram_;
  Step step_ = Step::kFirst;
};

}  // namespace hexad::compute::sql
