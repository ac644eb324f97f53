// The passes of dialect.cc over a statement. Each changes what it knows and leaves the rest; what
// it knows and SQLite has nothing for, it refuses.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "compute/sql/dialect.h"
#include "compute/sql/edited_statement.h"

namespace hexad::compute::sql {

// 0A000, "WHAT is not supported".
Report NotSupported(std::string_view what, std::string_view hint);

// CREATE, ALTER, TRUNCATE, VACUUM (dialect_definitions.cc).
std::optional<Report> TranslateDefinition(EditedStatement& statement, Translation& translation);
// What stands in expressions and FROM, of whatever statement (dialect_expressions.cc).
std::optional<Report> TranslateExpressions(EditedStatement& statement);
// x::type (dialect_casts.cc). Tokens that are changed already keep their changes.
std::optional<Report> TranslateCasts(EditedStatement& statement);

// An operand ends with this token: what follows is an operator, not a sign of its own.
bool EndsOperand(const EditedStatement& statement, size_t i);
// A word that is no name: FROM, AND, IN ...
bool IsReserved(const EditedStatement& statement, size_t i);

// A type as it is written from token `at` on: "pg_catalog.int4", "timestamp (3) with time zone[]".
struct WrittenType {
  std::string name;
  size_t arguments = 0;  // where its parenthesis stands; 0: none
  bool array = false;
  size_t end = 0;  // the token after it
};
WrittenType TypeAt(const EditedStatement& statement, size_t at);

}  // namespace hexad::compute::sql
