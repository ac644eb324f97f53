// PostgreSQL's types for SQLite's values: what a column is called, and how a value crosses the wire
// in either format. SQLite's values have types of their own, whatever their column says: one that
// does not fit what was announced is an error in binary, and itself in text.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "compute/sql/wire.h"

namespace hexad::compute::sql {

// pg_type.oid
enum Oid : uint32_t {
  kUnspecified = 0,
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kFloat4 = 700,
  kFloat8 = 701,
  kUnknown = 705,
  kVarchar = 1043,
  kNumeric = 1700,
};

// Of a column declared so ("VARCHAR(20)", "integer"); nullptr: an expression. By SQLite's rules of
// affinity where PostgreSQL has no such name.
Oid TypeOfDeclared(const char* declared);
// Of a value that is there.
Oid TypeOfValue(sqlite3_value* value);
// pg_type.typlen: -1 for what varies.
int16_t BytesOf(Oid type);

// Appends a row's value. INVALID_ARGUMENT: it has no binary form as `type`.
absl::Status AppendValue(sqlite3_value* value, const Column& column, Answers& answers);

// What is not null, as the text format has it. The view is `value`'s, or of `scratch`.
std::string_view TextForm(sqlite3_value* value, uint32_t type, std::string& scratch);

// Binds parameter `index` (from 1). INVALID_ARGUMENT: bytes that are no value of the type.
absl::Status BindValue(sqlite3_stmt* statement, int index, Oid type, Format format,
                       std::optional<std::string_view> bytes);

}  // namespace hexad::compute::sql
