#include "compute/sql/statement_words.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace hexad::compute::sql {
namespace {

bool IsBlank(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool IsWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
         (c & 0x80) != 0;
}

// How long the comment is that `sql` begins with; 0 if there is none.
size_t CommentAt(std::string_view sql) {
  if (sql.starts_with("--")) return std::min(sql.find('\n'), sql.size());
  if (!sql.starts_with("/*")) return 0;
  const size_t end = sql.find("*/", 2);
  return end == std::string_view::npos ? sql.size() : end + 2;
}

// How long the quoted string or name is that `sql` begins with; 0 if there is none. A quote inside
// is doubled.
size_t QuotedAt(std::string_view sql) {
  const char quote = sql.front();
  if (quote != '\'' && quote != '"' && quote != '`') return 0;
  for (size_t end = sql.find(quote, 1); end != std::string_view::npos;
       end = sql.find(quote, end + 2)) {
    if (end + 1 == sql.size() || sql[end + 1] != quote) return end + 1;
  }
  return sql.size();
}

size_t WordAt(std::string_view sql) {
  return static_cast<size_t>(std::ranges::find_if_not(sql, IsWord) - sql.begin());
}

struct KindOfWord {
  std::string_view word;
  StatementKind kind;
  std::string_view tag;
  bool counts = false;
  bool gives_rows = false;
};
constexpr std::array kKinds = {
    KindOfWord{"SELECT", StatementKind::kSqlite, "SELECT", true, true},
    KindOfWord{"VALUES", StatementKind::kSqlite, "SELECT", true, true},
    KindOfWord{"WITH", StatementKind::kSqlite, "SELECT", true, true},
    KindOfWord{"EXPLAIN", StatementKind::kSqlite, "EXPLAIN"},
    KindOfWord{"PRAGMA", StatementKind::kSqlite, "PRAGMA"},
    KindOfWord{"INSERT", StatementKind::kSqlite, "INSERT 0", true},
    KindOfWord{"REPLACE", StatementKind::kSqlite, "INSERT 0", true},
    KindOfWord{"UPDATE", StatementKind::kSqlite, "UPDATE", true},
    KindOfWord{"DELETE", StatementKind::kSqlite, "DELETE", true},
    KindOfWord{"TRUNCATE", StatementKind::kSqlite, "TRUNCATE TABLE"},
    KindOfWord{"VACUUM", StatementKind::kSqlite, "VACUUM"},
    KindOfWord{"ANALYZE", StatementKind::kSqlite, "ANALYZE"},
    KindOfWord{"REINDEX", StatementKind::kSqlite, "REINDEX"},
    KindOfWord{"BEGIN", StatementKind::kBegin, "BEGIN"},
    KindOfWord{"START", StatementKind::kBegin, "START TRANSACTION"},
    KindOfWord{"COMMIT", StatementKind::kCommit, "COMMIT"},
    KindOfWord{"END", StatementKind::kCommit, "COMMIT"},
    KindOfWord{"ROLLBACK", StatementKind::kRollback, "ROLLBACK"},
    KindOfWord{"ABORT", StatementKind::kRollback, "ROLLBACK"},
    KindOfWord{"SAVEPOINT", StatementKind::kSavepoint, "SAVEPOINT"},
    KindOfWord{"RELEASE", StatementKind::kSavepoint, "RELEASE"},
    KindOfWord{"SET", StatementKind::kSet, "SET"},
    KindOfWord{"RESET", StatementKind::kSet, "RESET"},
    KindOfWord{"SHOW", StatementKind::kShow, "SHOW"},
    KindOfWord{"COPY", StatementKind::kCopy, "COPY", true, true},
    KindOfWord{"DEALLOCATE", StatementKind::kDeallocate, "DEALLOCATE"},
    KindOfWord{"DISCARD", StatementKind::kDeallocate, "DISCARD ALL"},
    KindOfWord{"LISTEN", StatementKind::kNothing, "LISTEN"},
    KindOfWord{"UNLISTEN", StatementKind::kNothing, "UNLISTEN"},
    KindOfWord{"CHECKPOINT", StatementKind::kNothing, "CHECKPOINT"},
};

std::string Upper(std::string_view word) { return absl::AsciiStrToUpper(std::string(word)); }

// What a WITH ends in is known by the first word outside of parentheses that is a statement's.
StatementWords OfWith(StatementWords words) {
  int depth = 0;
  for (const std::string_view token : TokensOf(words.text)) {
    if (token == "(") ++depth;
    if (token == ")") --depth;
    if (depth > 0) continue;
    const std::string word = Upper(token);
    if (word != "INSERT" && word != "UPDATE" && word != "DELETE" && word != "REPLACE") continue;
    words.tag = word == "INSERT" || word == "REPLACE" ? "INSERT 0" : word;
    words.gives_rows = false;
    break;
  }
  return words;
}

}  // namespace

bool SameWord(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return absl::ascii_tolower(static_cast<unsigned char>(x)) ==
           absl::ascii_tolower(static_cast<unsigned char>(y));
  });
}

std::string_view SkipBlanks(std::string_view sql) {
  for (;;) {
    while (!sql.empty() && (IsBlank(sql.front()) || sql.front() == ';')) sql.remove_prefix(1);
    const size_t comment = CommentAt(sql);
    if (comment == 0) return sql;
    sql.remove_prefix(comment);
  }
}

size_t EndOfStatement(std::string_view sql) {
  size_t at = 0;
  while (at < sql.size() && sql[at] != ';') {
    const std::string_view rest = sql.substr(at);
    const size_t passed = std::max(CommentAt(rest), QuotedAt(rest));
    at += std::max<size_t>(passed, 1);
  }
  return at;
}

std::vector<std::string_view> TokensOf(std::string_view statement) {
  std::vector<std::string_view> tokens;
  while (!statement.empty()) {
    size_t passed = CommentAt(statement);
    if (passed == 0 && IsBlank(statement.front())) passed = 1;
    if (passed == 0) {
      passed = std::max({QuotedAt(statement), WordAt(statement), size_t{1}});
      tokens.push_back(statement.substr(0, passed));
    }
    statement.remove_prefix(passed);
  }
  return tokens;
}

StatementWords WordsOf(std::string_view sql) {
  StatementWords words;
  words.text = SkipBlanks(sql);
  if (words.text.empty()) return words;
  const std::string_view statement = words.text.substr(0, EndOfStatement(words.text));
  const std::vector<std::string_view> tokens = TokensOf(statement);
  const std::string first = Upper(tokens.front());
  const auto known =
      std::ranges::find_if(kKinds, [&](const KindOfWord& kind) { return first == kind.word; });
  if (known == kKinds.end()) {
    words.kind = StatementKind::kSqlite;
    // "CREATE UNIQUE INDEX" and "CREATE TEMP TABLE" are told by their last word, as "CREATE INDEX".
    std::string object = tokens.size() > 1 ? Upper(tokens[1]) : "";
    const bool qualified =
        object == "UNIQUE" || object == "TEMP" || object == "TEMPORARY" || object == "UNLOGGED";
    if (qualified && tokens.size() > 2) object = Upper(tokens[2]);
    words.tag = object.empty() ? first : absl::StrCat(first, " ", object);
    return words;
  }
  words.kind = known->kind;
  words.tag = std::string(known->tag);
  words.counts = known->counts;
  words.gives_rows = known->gives_rows;
  const bool goes_back_to =
      words.kind == StatementKind::kRollback &&
      std::ranges::any_of(tokens, [](std::string_view token) { return SameWord(token, "TO"); });
  if (goes_back_to) words.kind = StatementKind::kRollbackTo;
  return first == "WITH" ? OfWith(std::move(words)) : words;
}

}  // namespace hexad::compute::sql
