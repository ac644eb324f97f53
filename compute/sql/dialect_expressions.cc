// Operators, strings, arrays and names of expressions; functions that stand in FROM.
#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/dialect_passes.h"
#include "compute/sql/statement_words.h"

namespace hexad::compute::sql {
namespace {

bool IsHex(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }
bool IsOctal(char c) { return c >= '0' && c <= '7'; }

// E'a\'b' is 'a''b'.
std::string WithoutEscapes(std::string_view token) {
  const size_t quotes = token.size() > 2 && token.back() == '\'' ? 3 : 2;
  const std::string_view inside = token.substr(2, token.size() - quotes);
  std::string text = "'";
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] != '\\' || i + 1 >= inside.size()) {
      text += inside[i];
      continue;
    }
    const char c = inside[++i];
    const bool octal = IsOctal(c);
    if (octal || c == 'x') {
      int code = 0;
      size_t at = octal ? i : i + 1;
      const size_t limit = at + (octal ? 3 : 2);
      for (; at < inside.size() && at < limit && (octal ? IsOctal(inside[at]) : IsHex(inside[at]));
           ++at) {
        const char digit = absl::ascii_tolower(static_cast<unsigned char>(inside[at]));
        code = code * (octal ? 8 : 16) + (digit > '9' ? digit - 'a' + 10 : digit - '0');
      }
      i = at - 1;
      if (code != 0) text += static_cast<char>(code);
      if (code == '\'') text += '\'';
      continue;
    }
    constexpr std::string_view kNames = "nrtbf";
    constexpr std::string_view kMeant = "\n\r\t\b\f";
    const size_t known = kNames.find(c);
    text += known == std::string_view::npos ? c : kMeant[known];
    if (c == '\'') text += '\'';
  }
  return text + "'";
}

class Expressions {
 public:
  explicit Expressions(EditedStatement& statement) : statement_(statement) {}

  std::optional<Report> Translate() {
    for (size_t i = 0; i < statement_.size(); ++i) {
      FollowClause(i);
      const Token& token = statement_[i];
      if (token.kind == TokenKind::kEscapes) statement_.Replace(i, WithoutEscapes(token.text));
      if (token.kind == TokenKind::kSign) Sign(i);
      if (token.kind == TokenKind::kName) Schema(i);
      if (token.kind != TokenKind::kWord) continue;
      if (auto refusal = RefusalAt(i)) return refusal;
      Word(i);
    }
    return std::nullopt;
  }

 private:
  bool Is(size_t i, std::string_view word) const { return statement_.IsWord(i, word); }
  bool Opens(size_t i) const { return statement_[i].Is("(") && statement_.Matching(i) > i; }

  std::optional<Report> RefusalAt(size_t i) const {
    if (Is(i, "SIMILAR") && Is(i + 1, "TO")) return NotSupported("SIMILAR TO", "use ~ or LIKE");
    if (Is(i, "LATERAL") && Opens(i + 1)) {
      return NotSupported("LATERAL", "use a subselect in the list of columns");
    }
    if (Is(i, "DISTINCT") && Is(i + 1, "ON")) {
      return NotSupported("SELECT DISTINCT ON", "use row_number() OVER (PARTITION BY ...)");
    }
    return std::nullopt;
  }

  // Whether a comma parts the tables of FROM, or something else; for each parenthesis.
  void FollowClause(size_t i) {
    if (statement_[i].Is("(")) from_.push_back(false);
    if (statement_[i].Is(")") && from_.size() > 1) from_.pop_back();
    if (Is(i, "FROM")) from_.back() = true;
    if (Is(i, "WHERE") || Is(i, "ON") || Is(i, "SELECT") || Is(i, "GROUP") || Is(i, "ORDER")) {
      from_.back() = false;
    }
  }

  void Sign(size_t i) {
    const Token& sign = statement_[i];
    if (sign.text.find('~') != std::string_view::npos && i > 0 && EndsOperand(statement_, i - 1)) {
      Match(i, i + 1, sign.text);
    }
    // "int[]" is a type.
    const bool subscript = sign.Is("[") && statement_.Matching(i) > i + 1;
    if (subscript && i > 0 && !Is(i - 1, "ARRAY") && EndsOperand(statement_, i - 1)) Element(i);
  }

  // array[n]
  void Element(size_t i) {
    statement_.Replace(i, ", ");
    statement_.Replace(statement_.Matching(i), ")");
    size_t start = statement_.Matching(i - 1);
    const bool call = statement_[start].Is("(") && start > 0 &&
                      !IsReserved(statement_, start - 1) &&
                      statement_[start - 1].kind == TokenKind::kWord;
    if (call) --start;
    while (start >= 2 && statement_[start - 1].Is(".")) start -= 2;
    statement_.PutBefore(start, "pg_element(");
  }

  // `op` stands from `first` up to `end`: a regular expression.
  void Match(size_t first, size_t end, std::string_view op) {
    const bool no = op.front() == '!';
    const bool any_letters = op.back() == '*';
    statement_.DropFrom(first, end);
    statement_.Replace(
        first, absl::StrCat(no ? " NOT REGEXP " : " REGEXP ", any_letters ? "'(?i)' || " : ""));
  }

  // OPERATOR(pg_catalog.~)
  void Operator(size_t i) {
    const size_t close = statement_.Matching(i + 1);
    size_t at = i + 2;
    if (statement_[at + 1].Is(".")) at += 2;
    std::string op;
    for (size_t part = at; part < close; ++part) op += std::string(statement_[part].text);
    if (op.find('~') != std::string::npos) return Match(i, close + 1, op);
    statement_.DropFrom(i, close + 1);
    statement_.Replace(i, absl::StrCat(" ", op, " "));
  }

  void Collation(size_t i) {
    const size_t at = i + (statement_[i + 2].Is(".") ? 3 : 1);
    const std::string name = Unquoted(statement_[at]);
    if (SameWord(name, "default")) {
      statement_.DropFrom(i, at + 1);
    } else if (name == "C" || name == "POSIX" || name == "ucs_basic") {
      statement_.DropFrom(i + 1, at);
      statement_.Replace(at, "BINARY");
    }
  }

  // "pg_catalog.x" and "public.x" are x; information_schema has names of its own.
  void Schema(size_t i) {
    if (!statement_[i + 1].Is(".") || (i > 0 && statement_[i - 1].Is("."))) return;
    if (statement_.IsName(i, "information_schema")) {
      statement_.Replace(i + 2, absl::StrCat("information_schema_",
                                             absl::AsciiStrToLower(Unquoted(statement_[i + 2]))));
    } else if (!statement_.IsName(i, "pg_catalog") && !statement_.IsName(i, "public")) {
      return;
    }
    statement_.DropFrom(i, i + 2);
  }

  // x = ANY (array) is an IN, x <> ALL (array) a NOT IN.
  void Quantified(size_t i) {
    if (!Opens(i + 1) || i == 0) return;
    const bool any = statement_[i - 1].Is("=") && !Is(i, "ALL");
    const bool all = (statement_[i - 1].Is("<>") || statement_[i - 1].Is("!=")) && Is(i, "ALL");
    if (!any && !all) return;
    statement_.Replace(i - 1, any ? " IN " : " NOT IN ");
    statement_.Drop(i);
    if (Is(i + 2, "SELECT") || Is(i + 2, "VALUES") || Is(i + 2, "WITH")) return;
    statement_.Replace(i + 1, "(SELECT value FROM unnest(");
    statement_.Replace(statement_.Matching(i + 1), "))");
  }

  void Array(size_t i) {
    const size_t close = statement_.Matching(i + 1);
    if (close <= i + 1) return;
    if (statement_[i + 1].Is("[")) {
      statement_.Replace(i, "pg_array");
      statement_.Replace(i + 1, "(");
      statement_.Replace(close, ")");
    } else if (Is(i + 2, "SELECT") || Is(i + 2, "WITH") || Is(i + 2, "VALUES")) {
      statement_.Drop(i);
      statement_.Replace(i + 1, "(WITH pg_elements(element) AS (");
      statement_.Replace(close, ") SELECT coalesce(array_agg(element), '{}') FROM pg_elements)");
    }
  }

  // Rows need no lock: whoever writes from a snapshot that is stale is told (40001).
  void Lock(size_t i) {
    size_t at = i + 1;
    if (Is(at, "NO") && Is(at + 1, "KEY")) at += 2;
    if (Is(at, "KEY")) ++at;
    if (!Is(at, "UPDATE") && !Is(at, "SHARE")) return;
    ++at;
    if (Is(at, "OF")) {
      for (at += 2; statement_[at].Is(",");) at += 2;
    }
    if (Is(at, "NOWAIT")) ++at;
    if (Is(at, "SKIP") && Is(at + 1, "LOCKED")) at += 2;
    statement_.DropFrom(i, std::min(at, statement_.size()));
  }

  // A function among the tables is a table whose column has its alias' name.
  void FunctionInFrom(size_t i) {
    if (!Opens(i + 1) || i == 0) return;
    size_t before = i - 1;
    if (before >= 2 && statement_[before].Is(".")) before -= 2;
    const bool table =
        Is(before, "FROM") || Is(before, "JOIN") || (statement_[before].Is(",") && from_.back());
    if (!table) return;
    const size_t close = statement_.Matching(i + 1);
    size_t at = close + 1;
    const bool counted = Is(at, "WITH") && Is(at + 1, "ORDINALITY");
    if (counted) at += 2;
    if (Is(at, "AS")) ++at;
    std::string alias = absl::AsciiStrToLower(std::string(statement_[i].text));
    const bool named =
        statement_[at].kind == TokenKind::kName ||
        (statement_[at].kind == TokenKind::kWord && !IsReserved(statement_, at) && !IsJoin(at));
    if (named) alias = std::string(statement_[at++].text);
    std::string first = alias;
    std::string second = "ordinality";
    if (named && Opens(at)) {
      const size_t end = statement_.Matching(at);
      if (end > at + 1) first = std::string(statement_[at + 1].text);
      if (end > at + 3) second = std::string(statement_[at + 3].text);
      at = end + 1;
    }
    statement_.PutBefore(
        i, absl::StrCat("(SELECT value AS ", first,
                        counted ? absl::StrCat(", ordinality AS ", second) : "", " FROM "));
    statement_.DropFrom(close + 1, at);
    statement_.PutAfter(close, absl::StrCat(") AS ", alias));
  }

  bool IsJoin(size_t i) const {
    for (const char* word :
         {"CROSS", "INNER", "LEFT", "RIGHT", "FULL", "NATURAL", "FOR", "WINDOW", "FETCH"}) {
      if (Is(i, word)) return true;
    }
    return false;
  }

  // A function that PostgreSQL calls without parentheses.
  void Constant(size_t i) {
    for (const char* name : {"current_user", "session_user", "current_role", "current_catalog",
                             "current_schema", "localtimestamp"}) {
      const bool column = i > 0 && (statement_[i - 1].Is(".") || Is(i - 1, "AS"));
      if (Is(i, name) && !statement_[i + 1].Is("(") && !statement_[i + 1].Is(".") && !column) {
        statement_.PutAfter(i, "()");
      }
    }
  }

  void Word(size_t i) {
    Schema(i);
    Constant(i);
    if (Is(i, "OPERATOR") && Opens(i + 1)) Operator(i);
    if (Is(i, "COLLATE")) Collation(i);
    if (Is(i, "ANY") || Is(i, "SOME") || Is(i, "ALL")) Quantified(i);
    if (Is(i, "ARRAY")) Array(i);
    if (Is(i, "ILIKE")) statement_.Replace(i, "LIKE");
    if (Is(i, "STRING_AGG") && Opens(i + 1)) statement_.Replace(i, "group_concat");
    if (Is(i, "FOR")) Lock(i);
    if (Is(i, "LIMIT") && Is(i + 1, "ALL")) statement_.Replace(i + 1, "-1");
    if ((Is(i, "LEFT") || Is(i, "RIGHT")) && Opens(i + 1)) {
      statement_.Replace(
          i, absl::StrCat("\"", absl::AsciiStrToLower(std::string(statement_[i].text)), "\""));
    }
    for (const char* name : {"generate_series", "unnest", "pg_partition_ancestors"}) {
      if (Is(i, name)) FunctionInFrom(i);
    }
  }

  EditedStatement& statement_;
  std::vector<bool> from_ = {false};
};

}  // namespace

std::optional<Report> TranslateExpressions(EditedStatement& statement) {
  if (auto refusal = Expressions(statement).Translate()) return refusal;
  return TranslateCasts(statement);
}

}  // namespace hexad::compute::sql
