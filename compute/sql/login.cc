#include "compute/sql/login.h"

#include "quorum/base/check.h"

namespace hexad::compute::sql {
namespace {

constexpr std::string_view kMechanism = "SCRAM-SHA-256";
constexpr size_t kLengthBytes = 4;

// SASLInitialResponse: the mechanism, a zero, and the length of what follows, all of the rest.
absl::StatusOr<std::string_view> FirstIn(std::string_view data) {
  const size_t end = data.find('\0');
  if (end == std::string_view::npos || data.size() < end + 1 + kLengthBytes ||
      data.substr(0, end) != kMechanism) {
    return absl::InvalidArgumentError("a password is proven with SCRAM-SHA-256 here");
  }
  uint64_t length = 0;
  for (size_t i = 1; i <= kLengthBytes; ++i) length = length << 8 | uint8_t(data[end + i]);
  data.remove_prefix(end + 1 + kLengthBytes);
  if (length != data.size()) return absl::InvalidArgumentError("malformed SASLInitialResponse");
  return data;
}

}  // namespace

void Login::Ask(Answers& answers) { answers.AuthenticationSasl(kMechanism); }

absl::Status Login::Take(std::string_view data, Answers& answers) {
  INVARIANT(!proven());
  if (step_ == Step::kFirst) {
    const auto first = FirstIn(data);
    if (!first.ok()) return first.status();
    const auto answer = scram_.First(*first);
    if (!answer.ok()) return answer.status();
    answers.AuthenticationSaslContinue(*answer);
    step_ = Step::kFinal;
    return absl::OkStatus();
  }
  const auto answer = scram_.Final(data);
  if (!answer.ok()) return answer.status();
  answers.AuthenticationSaslFinal(*answer);
  step_ = Step::kProven;
  return absl::OkStatus();
}

}  // namespace hexad::compute::sql
