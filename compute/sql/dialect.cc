#include "compute/sql/dialect.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/dialect_passes.h"
#include "compute/sql/edited_statement.h"
#include "compute/sql/sql_state.h"
#include "compute/sql/statement_words.h"

namespace hexad::compute::sql {
namespace {

// Statements that begin so are rare, and are always looked at whole.
constexpr std::array<std::string_view, 6> kDdl = {"create", "alter",  "truncate",
                                                  "drop",   "vacuum", "lock"};

// Words of expressions that SQLite has not, or understands otherwise: alone, before a parenthesis
// or a bracket, and before another word.
constexpr std::array<std::string_view, 10> kAlone = {
    "collate", "current_catalog", "current_role", "current_schema", "current_user",
    "ilike",   "localtimestamp",  "session_user", "public",         "pg_catalog"};
constexpr std::array<std::string_view, 13> kBeforeOpen = {"all",
                                                          "any",
                                                          "some",
                                                          "array",
                                                          "generate_series",
                                                          "lateral",
                                                          "left",
                                                          "operator",
                                                          "right",
                                                          "string_agg",
                                                          "unnest",
                                                          "pg_partition_ancestors",
                                                          "information_schema"};
constexpr std::array<std::string_view, 4> kBeforeWord = {"distinct", "for", "limit", "similar"};
constexpr std::array<std::string_view, 7> kSecond = {"on",  "update", "share", "no",
                                                     "key", "all",    "to"};

// Which of those there are with a first letter, by their lengths: most words are told by that.
constexpr std::array<uint32_t, 32> LengthsByLetter() {
  std::array<uint32_t, 32> lengths{};
  const auto add = [&](const auto& words) {
    for (const std::string_view word : words) lengths[word[0] & 31] |= 1U << word.size();
  };
  add(kAlone);
  add(kBeforeOpen);
  add(kBeforeWord);
  return lengths;
}
constexpr std::array<uint32_t, 32> kLengths = LengthsByLetter();

struct Refused {
  std::string_view first;
  std::string_view second;  // empty: whatever follows
  std::string_view what;
  std::string_view hint;
};
constexpr char kOneSchema[] = "a database has one schema, public";
constexpr char kNoRoles[] = "whoever reaches the endpoint may do everything";
constexpr char kNoPrograms[] = "put the logic into the client, or into a trigger of SQLite's";
constexpr char kNoCursors[] = "use the extended protocol's portals, with a limit of rows";
constexpr std::array kRefused = {
    Refused{"grant", "", "GRANT", kNoRoles},
    Refused{"revoke", "", "REVOKE", kNoRoles},
    Refused{"comment", "", "COMMENT", "comments of a CREATE TABLE are kept in sqlite_schema"},
    Refused{"do", "", "DO", kNoPrograms},
    Refused{"call", "", "CALL", kNoPrograms},
    Refused{"declare", "", "DECLARE", kNoCursors},
    Refused{"fetch", "", "FETCH", kNoCursors},
    Refused{"move", "", "MOVE", kNoCursors},
    Refused{"prepare", "", "PREPARE", "use the extended protocol's Parse"},
    Refused{"execute", "", "EXECUTE", "use the extended protocol's Bind and Execute"},
    Refused{"merge", "", "MERGE", "use INSERT ... ON CONFLICT"},
    Refused{"refresh", "", "REFRESH", "views are computed when they are read"},
    Refused{"notify", "", "NOTIFY", "there are no channels"},
    Refused{"create", "schema", "CREATE SCHEMA", kOneSchema},
    Refused{"create", "sequence", "CREATE SEQUENCE", "use an id SERIAL PRIMARY KEY"},
    Refused{"create", "function", "CREATE FUNCTION", kNoPrograms},
    Refused{"create", "procedure", "CREATE PROCEDURE", kNoPrograms},
    Refused{"create", "or", "CREATE OR REPLACE", "drop it first: DROP ... IF EXISTS"},
    Refused{"create", "type", "CREATE TYPE", "use text with a CHECK"},
    Refused{"create", "domain", "CREATE DOMAIN", "use a CHECK"},
    Refused{"create", "extension", "CREATE EXTENSION", "there are none"},
    Refused{"create", "database", "CREATE DATABASE", "a database is a volume: hexad volume create"},
    Refused{"create", "role", "CREATE ROLE", kNoRoles},
    Refused{"create", "user", "CREATE USER", kNoRoles},
    Refused{"create", "materialized", "CREATE MATERIALIZED VIEW", "use CREATE TABLE ... AS SELECT"},
    Refused{"drop", "schema", "DROP SCHEMA", kOneSchema},
    Refused{"drop", "sequence", "DROP SEQUENCE", "there are none"},
    Refused{"drop", "database", "DROP DATABASE", "a database is a volume: hexad volume drop"},
};

bool Among(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::any_of(words, [&](std::string_view one) { return SameWord(one, word); });
}

bool MayBeKnown(std::string_view word) {
  return word.size() < 32 && (kLengths[word[0] & 31] >> word.size() & 1) != 0;
}

bool IsPostgres(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEscapes:
      return true;
    case TokenKind::kSign:
      return token.text == "::" || token.text.find('~') != std::string_view::npos;
    case TokenKind::kName:
      return SameWord(token.text, "\"public\"") || SameWord(token.text, "\"pg_catalog\"") ||
             SameWord(token.text, "\"information_schema\"");
    case TokenKind::kWord:
      return MayBeKnown(token.text) && Among(kAlone, token.text);
    default:
      return false;
  }
}

// Two tokens that are PostgreSQL's together.
bool IsPostgres(const Token& first, const Token& second) {
  if (first.kind != TokenKind::kWord || !MayBeKnown(first.text)) return false;
  const bool opens = second.Is("(") || second.Is("[") || second.Is(".");
  if (opens) return Among(kBeforeOpen, first.text);
  return second.kind == TokenKind::kWord && Among(kBeforeWord, first.text) &&
         Among(kSecond, second.text);
}

std::optional<Report> RefusalOf(const EditedStatement& statement) {
  for (const Refused& refused : kRefused) {
    if (!statement.IsWord(0, refused.first)) continue;
    if (refused.second.empty() || statement.IsWord(1, refused.second)) {
      return NotSupported(refused.what, refused.hint);
    }
  }
  return std::nullopt;
}

// One pass over every statement: is there anything to do? Allocates nothing.
bool HasWork(std::string_view sql) {
  Tokens tokens(sql);
  Token last;
  bool work = false;
  while (const auto token = tokens.Next()) {
    if (token->Is(";")) break;
    if (last.text.empty()) {
      const auto begins = [&](const Refused& refused) {
        return SameWord(refused.first, token->text);
      };
      work = Among(kDdl, token->text) || std::ranges::any_of(kRefused, begins);
    }
    work = work || IsPostgres(*token) || IsPostgres(last, *token);
    last = *token;
  }
  return work;
}

}  // namespace

Report NotSupported(std::string_view what, std::string_view hint) {
  return {.sqlstate = kFeatureNotSupported,
          .message = absl::StrCat(std::string(what), " is not supported"),
          .detail = {},
          .hint = std::string(hint)};
}

Translation Translate(std::string_view sql) {
  Translation translation;
  if (!HasWork(sql)) return translation;
  EditedStatement statement(sql);
  // Its body has semicolons of its own, and is SQLite's.
  const bool trigger = statement.IsWord(0, "CREATE") &&
                       (statement.IsWord(1, "TRIGGER") || statement.IsWord(2, "TRIGGER"));
  if (trigger) return translation;
  translation.refusal = RefusalOf(statement);
  if (!translation.refusal) translation.refusal = TranslateDefinition(statement, translation);
  if (!translation.refusal) translation.refusal = TranslateExpressions(statement);
  if (translation.refusal) return translation;
  if (!statement.changed() && !translation.nothing_to_do) return translation;
  translation.length = statement.length();
  translation.text = statement.Text();
  return translation;
}

}  // namespace hexad::compute::sql
