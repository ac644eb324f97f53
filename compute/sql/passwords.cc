#include "compute/sql/passwords.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hexad::compute::sql {
namespace {

absl::StatusOr<ScramVerifier> VerifierOf(std::string_view what) {
  if (what.starts_with("SCRAM-SHA-256$")) return ParseVerifier(what);
  auto salt = RandomBytes(kScramSaltBytes);
  if (!salt.ok()) return salt.status();
  return MakeVerifier(what, *std::move(salt), kScramIterations);
}

}  // namespace

absl::StatusOr<Passwords> Passwords::Parse(std::string_view text) {
  Passwords passwords;
  auto secret = RandomBytes(kScramSaltBytes);
  if (!secret.ok()) return secret.status();
  passwords.secret_ = *std::move(secret);
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, " is not user:password"));
    }
    auto verifier = VerifierOf(line.substr(colon + 1));
    if (!verifier.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", std::string(verifier.status().message())));
    }
    passwords.by_user_[std::string(line.substr(0, colon))] = *std::move(verifier);
  }
  return passwords;
}

absl::StatusOr<Passwords> Passwords::Load(const std::string& file) {
  struct stat about {};
  std::ifstream in(file);
  if (stat(file.c_str(), &about) != 0 || !in) {
    return absl::NotFoundError(absl::StrCat("cannot read the password file ", file));
  }
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("others can read the password file ", file, ": chmod 600 ", file));
  }
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  auto passwords = Parse(text);
  if (passwords.ok()) return passwords;
  return absl::InvalidArgumentError(
      absl::StrCat("password file ", file, ": ", std::string(passwords.status().message())));
}

ScramVerifier Passwords::Of(const std::string& user) const {
  const auto found = by_user_.find(user);
  if (found != by_user_.end()) return found->second;
  return NobodysVerifier(secret_, user);
}

}  // namespace hexad::compute::sql
