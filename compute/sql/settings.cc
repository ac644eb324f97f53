#include "compute/sql/settings.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "compute/sql/functions.h"
#include "compute/sql/statement_words.h"
#include "compute/sql/time_setting.h"
#include "quorum/base/check.h"

namespace hexad::compute::sql {
namespace {

// Spelled as clients know them: drivers compare the names.
constexpr std::array<std::string_view, 13> kTold = {"server_version",
                                                    "server_encoding",
                                                    "client_encoding",
                                                    "application_name",
                                                    "is_superuser",
                                                    "session_authorization",
                                                    "DateStyle",
                                                    "IntervalStyle",
                                                    "TimeZone",
                                                    "integer_datetimes",
                                                    "standard_conforming_strings",
                                                    "in_hot_standby",
                                                    "default_transaction_read_only"};
constexpr std::array<std::string_view, 5> kServers = {"server_version", "server_encoding",
                                                      "integer_datetimes", "in_hot_standby",
                                                      "server_version_num"};

constexpr char kIdleInTransaction[] = "idle_in_transaction_session_timeout";

std::string Lower(std::string_view text) { return absl::AsciiStrToLower(std::string(text)); }

std::string Unquoted(std::string_view token) {
  const bool quoted = token.size() >= 2 && (token.front() == '\'' || token.front() == '"');
  return std::string(quoted ? token.substr(1, token.size() - 2) : token);
}

// As it will be shown. INVALID_ARGUMENT: it is no value of that parameter.
absl::StatusOr<std::string> ValueOf(const std::string& name, const std::string& value) {
  if (name == "client_encoding" && !SameWord(value, "UTF8") && !SameWord(value, "UTF-8") &&
      !SameWord(value, "UNICODE")) {
    return absl::InvalidArgumentError(
        absl::StrCat("client_encoding ", value, ": text is UTF8 here, nothing else"));
  }
  if (name != kIdleInTransaction) return value;
  const auto time = ParseTime(value);
  if (time.ok()) return ShowTime(*time);
  return absl::InvalidArgumentError(absl::StrCat("invalid value for parameter \"", name,
                                                 "\": ", std::string(time.status().message())));
}

// "TIME ZONE 'UTC'", "SESSION CHARACTERISTICS AS TRANSACTION ...": words of their own.
std::vector<std::string_view> WithoutScope(std::vector<std::string_view> tokens) {
  tokens.erase(tokens.begin());
  if (!tokens.empty() && (SameWord(tokens[0], "SESSION") || SameWord(tokens[0], "LOCAL"))) {
    tokens.erase(tokens.begin());
  }
  return tokens;
}

}  // namespace

Settings::Settings(bool read_only) {
  const std::string yes_if_read_only = read_only ? "on" : "off";
  values_ = {{"server_version", std::string(kServerVersion)},
             {"server_version_num", "150000"},
             {"server_encoding", "UTF8"},
             {"client_encoding", "UTF8"},
             {"application_name", ""},
             {"is_superuser", "on"},
             {"session_authorization", "hexad"},
             {"datestyle", "ISO, MDY"},
             {"intervalstyle", "postgres"},
             {"timezone", "UTC"},
             {"integer_datetimes", "on"},
             {"standard_conforming_strings", "on"},
             {"in_hot_standby", yes_if_read_only},
             {"default_transaction_read_only", yes_if_read_only},
             {"transaction_read_only", yes_if_read_only},
             {"transaction_isolation", "serializable"},
             {"default_transaction_isolation", "serializable"},
             {"search_path", "public"},
             {"max_identifier_length", "63"},
             {"extra_float_digits", "1"},
             {"bytea_output", "hex"},
             {"statement_timeout", "0"},
             {"lock_timeout", "60s"},
             {kIdleInTransaction, "0"},
             {"synchronous_commit", "on"}};
  at_start_ = values_;
}

void Settings::Put(const std::string& name, std::string value) {
  // A session cannot hold more names than a driver sets: they cost memory for as long as it lives.
  constexpr size_t kMaxNames = 256;
  if (values_.size() < kMaxNames || values_.contains(name)) values_[name] = std::move(value);
}

absl::Status Settings::Start(const StartupMessage& startup) {
  for (const auto& [name, value] : startup.parameters) {
    if (name == "user") Put("session_authorization", value);
    const bool of_the_connection = name == "user" || name == "database" || name == "options" ||
                                   name == "replication" || name.starts_with("_pq_");
    const bool servers = std::ranges::count(kServers, Lower(name)) > 0;
    if (of_the_connection || servers) continue;
    absl::StatusOr<std::string> taken = value;
    if (Lower(name) == kIdleInTransaction) taken = ValueOf(kIdleInTransaction, value);
    if (!taken.ok()) return taken.status();
    Put(Lower(name), *std::move(taken));
  }
  at_start_ = values_;
  return absl::OkStatus();
}

void Settings::TellAll(Answers& answers) const {
  for (const std::string_view name : kTold) answers.ParameterStatus(name, values_.at(Lower(name)));
}

absl::Status Settings::Change(std::string_view statement, Answers& answers) {
  const auto all = TokensOf(statement);
  const bool resets = SameWord(all.front(), "RESET");
  auto tokens = WithoutScope(all);
  if (resets && tokens.size() == 1 && SameWord(tokens[0], "ALL")) {
    values_ = at_start_;
    TellAll(answers);
    return absl::OkStatus();
  }
  if (tokens.empty()) return absl::InvalidArgumentError("SET what?");
  std::string name = Lower(Unquoted(tokens[0]));
  if (name == "transaction" || name == "characteristics") return absl::OkStatus();
  size_t value_at = 2;  // after = or TO
  if (name == "time") name = "timezone";
  if (name == "names") name = "client_encoding";
  if (name == "client_encoding" && SameWord(tokens[0], "NAMES")) value_at = 1;
  if (std::ranges::count(kServers, name) > 0) {
    return absl::InvalidArgumentError(absl::StrCat("parameter \"", name, "\" cannot be changed"));
  }
  if (!resets && tokens.size() <= value_at) {
    return absl::InvalidArgumentError(absl::StrCat("SET ", name, " to what?"));
  }
  std::vector<std::string> words;
  for (size_t i = value_at; !resets && i < tokens.size(); ++i) words.push_back(Unquoted(tokens[i]));
  std::string value = absl::StrJoin(words, "");
  const bool to_default = resets || SameWord(value, "DEFAULT");
  if (to_default) value = at_start_.contains(name) ? at_start_.at(name) : "";
  auto checked = ValueOf(name, value);
  if (!checked.ok()) return checked.status();
  Put(name, *std::move(checked));
  for (const std::string_view told : kTold) {
    if (Lower(told) == name) answers.ParameterStatus(told, values_.at(name));
  }
  return absl::OkStatus();
}

Duration Settings::IdleInTransaction() const {
  const auto time = ParseTime(values_.at(kIdleInTransaction));
  INVARIANT(time.ok());
  return *time;
}

absl::StatusOr<Settings::Shown> Settings::Show(std::string_view statement) const {
  const auto tokens = TokensOf(statement);
  if (tokens.size() < 2) return absl::NotFoundError("SHOW what?");
  std::string name = Lower(Unquoted(tokens[1]));
  if (name == "time") name = "timezone";
  if (name == "transaction") name = "transaction_isolation";
  const auto found = values_.find(name);
  if (found == values_.end()) {
    return absl::NotFoundError(absl::StrCat("unrecognized configuration parameter \"", name, "\""));
  }
  return Shown{name, found->second};
}

}  // namespace hexad::compute::sql
