// Test scripts in the format of sqllogictest (https://www.sqlite.org/sqllogictest): what is asked
// of a database, and what it has to answer. One script, many databases: who answers differently is
// wrong, or says why in a skipif.
//
//   statement ok                      query IT rowsort
//   create table t(a integer)         select a, b from t
//                                     ----
//   statement error                   1
//   create table t(a integer)         x
//
// Records end at an empty line. A query's answer is one value a line, or "N values hashing to MD5"
// if there are more than the hash-threshold. Values read as their type letter says: I an integer, R
// with three decimals, T as it is; NULL, (empty), and @ for what cannot be printed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hexad::compat {

using Cell = std::optional<std::string>;  // nothing: NULL
using Answer = std::vector<std::vector<Cell>>;

// A database that answers. Belongs to one thread.
class Answerer {
 public:
  virtual ~Answerer() = default;
  // As skipif and onlyif call it: "sqlite", "hexad".
  virtual std::string_view dialect() const = 0;
  virtual absl::StatusOr<Answer> Ask(const std::string& sql) = 0;
};

struct Record {
  enum class Kind : uint8_t { kStatement, kQuery, kHalt, kHashThreshold };
  enum class Order : uint8_t { kAsItIs, kRows, kValues };

  Kind kind = Kind::kStatement;
  int line = 0;
  bool fails = false;    // statement error
  size_t threshold = 0;  // of kHashThreshold; 0: never hash
  std::string types;     // of a query
  Order order = Order::kAsItIs;
  std::string label;  // queries with the same label have the same answer
  std::string sql;
  std::vector<std::string> expected;
  std::vector<std::string> skip_if;
  std::vector<std::string> only_if;
};
using Script = std::vector<Record>;

// INVALID_ARGUMENT names the line.
absl::StatusOr<Script> Parse(std::string_view text);
std::string Print(const Script& script);

// What a query's answer is in a script.
std::vector<std::string> AsExpected(const Record& query, const Answer& answer, size_t threshold);

// The same script with the answers that `from` gives.
absl::StatusOr<Script> Complete(Script script, Answerer& from);

struct Checked {
  size_t records = 0;  // asked and answered as expected
  std::string first_difference;
};
// Ends at the first difference: what follows would stand on it.
Checked Check(const Script& script, Answerer& answerer);

}  // namespace hexad::compat
