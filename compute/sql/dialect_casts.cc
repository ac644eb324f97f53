// x::type becomes a call, or a CAST where SQLite's means the same.
#include <algorithm>
#include <array>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/dialect_passes.h"
#include "compute/sql/pg_types.h"
#include "compute/sql/statement_words.h"

namespace hexad::compute::sql {
namespace {

constexpr std::array<std::string_view, 46> kReserved = {
    "all",     "and",      "any",        "as",        "between", "by",     "case",    "check",
    "default", "distinct", "else",       "escape",    "except",  "from",   "group",   "having",
    "ilike",   "in",       "index",      "intersect", "into",    "is",     "isnull",  "join",
    "key",     "like",     "limit",      "not",       "notnull", "offset", "on",      "or",
    "order",   "primary",  "references", "returning", "select",  "set",    "similar", "table",
    "then",    "union",    "using",      "values",    "when",    "where"};

// Where the operand begins that ends with a token, for the operands whose ends are casts already.
using Starts = std::map<size_t, size_t>;

// The name before it, qualified or not: a function's, or a column's.
size_t StartOfName(const EditedStatement& statement, size_t i) {
  while (i >= 2 && statement[i - 1].Is(".")) i -= 2;
  return i;
}

bool IsNameOf(const EditedStatement& statement, size_t i) {
  const TokenKind kind = statement[i].kind;
  return kind == TokenKind::kName || (kind == TokenKind::kWord && !IsReserved(statement, i));
}

// PostgreSQL's :: binds closer than any operator: what it is applied to is a name, a literal, a
// call, something in parentheses, or an element of one.
size_t StartOfOperand(const EditedStatement& statement, size_t end, const Starts& starts) {
  size_t i = end;
  for (;;) {
    if (const auto known = starts.find(i); known != starts.end()) return known->second;
    const bool closes = statement[i].Is(")") || statement[i].Is("]") || statement.IsWord(i, "END");
    if (!closes) return StartOfName(statement, i);
    const size_t open = statement.Matching(i);
    if (open == i || open == 0 || statement.IsWord(open, "CASE")) return open;
    const size_t before = open - 1;
    if (statement[i].Is("]")) {
      i = before;
      continue;
    }
    const bool clause = statement.IsWord(before, "OVER") || statement.IsWord(before, "FILTER");
    if (!clause || before == 0) {
      return IsNameOf(statement, before) ? StartOfName(statement, before) : open;
    }
    i = before - 1;
  }
}

Report NoSuchType(const std::string& name) {
  return {.sqlstate = "42704",
          .message = absl::StrCat("type \"", name, "\" does not exist"),
          .detail = {},
          .hint = {}};
}

// "text" follows, so that a name is wanted of what is a number otherwise.
bool ToText(const EditedStatement& statement, size_t at) {
  if (!statement[at].Is("::")) return false;
  const PgType* const next = FindPgType(TypeAt(statement, at + 1).name);
  return next != nullptr && next->category == 'S';
}

struct Around {
  std::string before;
  std::string after;
};
std::optional<Around> CastTo(const EditedStatement& statement, const WrittenType& written,
                             const PgType& type) {
  if (written.array || type.cast == "text") {
    const bool cut = type.shown.starts_with("character") && written.arguments != 0;
    if (cut && !written.array) {
      return Around{
          "substr(CAST(",
          absl::StrCat(" AS TEXT), 1, ", std::string(statement[written.arguments + 1].text), ")")};
    }
    return Around{"CAST(", " AS TEXT)"};
  }
  if (type.cast.empty()) return std::nullopt;
  const bool rounds = type.name == "numeric" && written.arguments != 0;
  if (rounds) {
    const bool scale = statement[written.arguments + 2].Is(",");
    const std::string digits = scale ? std::string(statement[written.arguments + 3].text) : "0";
    return Around{"round(pg_numeric(", absl::StrCat("), ", digits, ")")};
  }
  const bool names = type.name == "regclass" && ToText(statement, written.end);
  return Around{absl::StrCat(names ? "pg_regclass_name" : std::string(type.cast), "("), ")"};
}

}  // namespace

bool IsReserved(const EditedStatement& statement, size_t i) {
  const Token& token = statement[i];
  return token.kind == TokenKind::kWord &&
         std::ranges::any_of(kReserved, [&](auto word) { return SameWord(word, token.text); });
}

bool EndsOperand(const EditedStatement& statement, size_t i) {
  const Token& token = statement[i];
  if (token.kind == TokenKind::kSign) return token.Is(")") || token.Is("]");
  return !IsReserved(statement, i);
}

WrittenType TypeAt(const EditedStatement& statement, size_t at) {
  WrittenType type;
  if (statement.IsName(at, "pg_catalog") && statement[at + 1].Is(".")) at += 2;
  const auto take = [&](std::string_view word) {
    if (!statement.IsWord(at, word)) return false;
    type.name = absl::StrCat(type.name, " ", std::string(word));
    ++at;
    return true;
  };
  const bool quoted = statement[at].kind == TokenKind::kName;
  type.name = absl::AsciiStrToLower(Unquoted(statement[at]));
  if (quoted && type.name == "char") type.name = "\"char\"";
  ++at;
  if (type.name == "double") take("precision");
  if (type.name == "character" || type.name == "bit") take("varying");
  if (statement[at].Is("(") && statement.Matching(at) != at) {
    type.arguments = at;
    at = statement.Matching(at) + 1;
  }
  const bool zoned = type.name == "timestamp" || type.name == "time";
  if (zoned && statement.IsWord(at + 1, "time") && (take("with") || take("without"))) {
    take("time");
    take("zone");
  }
  while (statement[at].Is("[") && statement.Matching(at) != at) {
    type.array = true;
    at = statement.Matching(at) + 1;
  }
  type.end = at;
  return type;
}

std::optional<Report> TranslateCasts(EditedStatement& statement) {
  Starts starts;
  for (size_t i = 1; i < statement.size(); ++i) {
    if (!statement[i].Is("::")) continue;
    if (!EndsOperand(statement, i - 1)) continue;  // SQLite says what is wrong with it
    const WrittenType written = TypeAt(statement, i + 1);
    const PgType* const type = FindPgType(written.name);
    if (type == nullptr) return NoSuchType(written.name);
    const auto around = CastTo(statement, written, *type);
    if (!around)
      return NotSupported(absl::StrCat("a cast to ", written.name), "times are text here");
    const size_t start = StartOfOperand(statement, i - 1, starts);
    statement.PutBefore(start, around->before);
    statement.DropFrom(i, written.end);
    statement.PutAfter(written.end - 1, around->after);
    starts[written.end - 1] = start;
    i = written.end - 1;
  }
  return std::nullopt;
}

}  // namespace hexad::compute::sql
