// A session's parameters, as SET and SHOW know them. What drivers send at start is taken and told
// again; nothing here changes what SQLite does. One is heeded: how long a client may be idle in a
// transaction.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/sql/wire.h"
#include "quorum/base/instant.h"

namespace hexad::compute::sql {

class Settings {
 public:
  explicit Settings(bool read_only);

  // What the client asked for when it connected: "application_name", "options=-c x=y" ...
  // INVALID_ARGUMENT: a value that is none.
  absl::Status Start(const StartupMessage& startup);
  // Those that a client is told at start, and whenever they change.
  void TellAll(Answers& answers) const;

  // "SET x TO y", "SET SESSION x = y", "RESET x", "RESET ALL". Tells the client if it is one of
  // those. INVALID_ARGUMENT: it reads otherwise, or is a parameter that only the server sets.
  absl::Status Change(std::string_view statement, Answers& answers);
  // Of "SHOW x"; NOT_FOUND if there is none.
  struct Shown {
    std::string name;
    std::string value;
  };
  absl::StatusOr<Shown> Show(std::string_view statement) const;
  // Zero: for ever.
  Duration IdleInTransaction() const;

 private:
  void Put(const std::string& name, std::string value);

  std::map<std::string, std::string> values_;    // by the name in small letters
  std::map<std::string, std::string> at_start_;  // what RESET brings back
};

}  // namespace hexad::compute::sql
