// What a statement is, by its first words: which of SQLite, the transaction and the session answers
// it, and what its CommandComplete says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hexad::compute::sql {

enum class StatementKind : uint8_t {
  kEmpty,
  kSqlite,  // SELECT, INSERT, CREATE ...: whatever SQLite makes of it
  kBegin,
  kCommit,
  kRollback,
  kSavepoint,   // SAVEPOINT, RELEASE
  kRollbackTo,  // ... a savepoint
  kSet,         // SET, RESET: a parameter of the session
  kShow,
  kCopy,
  kDeallocate,  // DEALLOCATE, DISCARD: what the session has prepared
  kNothing,     // of PostgreSQL's, and nothing to do here: LISTEN, CHECKPOINT, LOCK ...
};

struct StatementWords {
  StatementKind kind = StatementKind::kEmpty;
  std::string tag;          // of CommandComplete, without a count: "INSERT 0", "CREATE TABLE"
  bool counts = false;      // the tag is followed by how many rows
  bool gives_rows = false;  // the count is of rows given, not of rows changed
  std::string_view text;    // the statement, without what came before it
};

// Of the first statement in `sql`.
StatementWords WordsOf(std::string_view sql);

// Two words are the same, in whatever letters.
bool SameWord(std::string_view a, std::string_view b);

// What follows comments, blanks and empty statements.
std::string_view SkipBlanks(std::string_view sql);
// The first statement of `sql` ends before this: at a semicolon outside of quotes and comments. Not
// for CREATE TRIGGER, whose body has semicolons of its own: SQLite knows where that ends.
size_t EndOfStatement(std::string_view sql);
// Its words, numbers, quoted strings and single characters, as they stand there, without comments.
std::vector<std::string_view> TokensOf(std::string_view statement);

}  // namespace hexad::compute::sql
