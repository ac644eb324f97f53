#include "compute/sql/result_name.h"

#include "absl/strings/ascii.h"
#include "compute/sql/edited_statement.h"
#include "compute/sql/pg_types.h"

namespace hexad::compute::sql {

std::string ResultName(std::string_view name) {
  if (name.empty() || name.back() != ')') return std::string(name);
  const EditedStatement expression(name);
  const bool call = expression[0].kind == TokenKind::kWord && expression[1].Is("(") &&
                    expression.Matching(1) == expression.size() - 1;
  if (!call) return std::string(name);
  std::string function = absl::AsciiStrToLower(std::string(expression[0].text));
  const PgType* const type =
      function.starts_with("pg_") ? FindPgType(std::string_view(function).substr(3)) : nullptr;
  if (type == nullptr && function != "cast") return function;
  // A cast is called as the column is that is cast, or else as its type.
  const bool of_column = expression[2].kind == TokenKind::kWord &&
                         (expression[3].Is(")") || expression.IsWord(3, "AS"));
  if (of_column) return std::string(expression[2].text);
  return type != nullptr ? std::string(type->name) : "text";
}

}  // namespace hexad::compute::sql
