// Who may log in to the SQL endpoint, and with what: a file with a line for each user,
//
//   alice:her password
//   bob:SCRAM-SHA-256$4096:salt$stored:server
//
// the second as PostgreSQL keeps it. Empty lines, and those that begin with #, mean nothing.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "compute/sql/scram.h"

namespace hexad::compute::sql {

class Passwords {
 public:
  // INVALID_ARGUMENT, with the line.
  static absl::StatusOr<Passwords> Parse(std::string_view text);
  // Also NOT_FOUND (it cannot be read), and FAILED_PRECONDITION: others than its owner can read it.
  static absl::StatusOr<Passwords> Load(const std::string& file);

  // Of a user that there is not: one that no password opens, the same at each call, so that nobody
  // learns by trying whom there is.
  ScramVerifier Of(const std::string& user) const;

 private:
  std::map<std::string, ScramVerifier> by_user_;
  std::string secret_;  // of those that there are not
};

}  // namespace hexad::compute::sql
