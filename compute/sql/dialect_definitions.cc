// CREATE, ALTER, DROP and what else names tables: PostgreSQL's types, options and defaults.
#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/dialect_passes.h"
#include "compute/sql/pg_types.h"
#include "compute/sql/statement_words.h"

namespace hexad::compute::sql {
namespace {

constexpr char kInCreateTable[] = "state it in CREATE TABLE; SQLite cannot add it later";

class Definition {
 public:
  Definition(EditedStatement& statement, Translation& translation)
      : statement_(statement), translation_(translation) {}

  std::optional<Report> Translate() {
    if (Is(0, "CREATE")) return Create();
    if (Is(0, "ALTER") && Is(1, "TABLE")) return AlterTable();
    if (Is(0, "TRUNCATE")) return Truncate();
    if (Is(0, "VACUUM")) Vacuum();
    if (Is(0, "LOCK")) translation_.nothing_to_do = true;
    if (Is(0, "DROP")) return Drop();
    return std::nullopt;
  }

 private:
  bool Is(size_t i, std::string_view word) const { return statement_.IsWord(i, word); }
  bool Opens(size_t i) const { return statement_[i].Is("(") && statement_.Matching(i) > i; }
  std::string Name(size_t i) const { return Unquoted(statement_[i]); }
  // The last part of a name that may be qualified; `at` goes behind it.
  size_t PassName(size_t& at) const {
    while (statement_[at + 1].Is(".")) at += 2;
    return at++;
  }

  std::optional<Report> Create() {
    size_t at = 1;
    if (Is(at, "UNLOGGED")) statement_.Drop(at++);
    while (Is(at, "TEMP") || Is(at, "TEMPORARY") || Is(at, "UNIQUE")) ++at;
    if (Is(at, "TABLE")) return CreateTable(at + 1);
    return Is(at, "INDEX") ? CreateIndex(at + 1) : std::nullopt;
  }

  std::optional<Report> CreateTable(size_t at) {
    if (Is(at, "IF")) at += 3;
    PassName(at);
    if (Is(at, "PARTITION")) return NotSupported("PARTITION OF", "tables are not partitioned");
    if (!Opens(at)) return std::nullopt;
    const size_t close = statement_.Matching(at);
    size_t begin = at + 1;
    for (size_t i = begin; i <= close; ++i) {
      if (Opens(i)) i = statement_.Matching(i);
      if (i < close && !statement_[i].Is(",")) continue;
      if (auto refusal = TableItem(begin, i, {at + 1, close})) return refusal;
      begin = i + 1;
    }
    return TableOptions(close + 1);
  }

  std::optional<Report> TableOptions(size_t at) {
    for (; at < statement_.size(); ++at) {
      if (Is(at, "INHERITS")) return NotSupported("INHERITS", "tables do not inherit");
      if (Is(at, "PARTITION")) return NotSupported("PARTITION BY", "tables are not partitioned");
      if (Is(at, "WITH") && Opens(at + 1)) statement_.DropFrom(at, statement_.Matching(at + 1) + 1);
      if (Is(at, "WITHOUT") && Is(at + 1, "OIDS")) statement_.DropFrom(at, at + 2);
      if (Is(at, "TABLESPACE")) statement_.DropFrom(at, std::min(at + 2, statement_.size()));
    }
    return std::nullopt;
  }

  using Range = std::pair<size_t, size_t>;

  std::optional<Report> TableItem(size_t begin, size_t end, Range table) {
    if (Is(begin, "EXCLUDE")) return NotSupported("EXCLUDE", "use UNIQUE, or a trigger");
    if (Is(begin, "LIKE")) return NotSupported("LIKE", "use CREATE TABLE ... AS SELECT");
    for (const char* word : {"PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT"}) {
      if (Is(begin, word)) return std::nullopt;
    }
    return TableColumn(begin, end, table);
  }

  std::optional<Report> TableColumn(size_t begin, size_t end, Range table) {
    const WrittenType type = TypeAt(statement_, begin + 1);
    const bool serial = type.name.find("serial") != std::string::npos && FindPgType(type.name);
    const size_t identity = IdentityIn(begin, end);
    // SQLite takes no words after a type's parenthesis.
    const bool zoned = type.name.find(" time zone") != std::string::npos && type.arguments != 0;
    if (zoned) ReplaceType(begin + 1, type.end, std::string(FindPgType(type.name)->name));
    if (auto refusal = Defaults(begin, end)) return refusal;
    if (!serial && identity == end) return std::nullopt;
    if (!IsPrimaryKey(begin, end, table)) {
      return NotSupported("a column that counts by itself and is not the PRIMARY KEY",
                          "SQLite counts in the rowid: make it the PRIMARY KEY, alone");
    }
    ReplaceType(begin + 1, type.end, "INTEGER");
    if (identity < end) {
      size_t after = identity;
      while (!Is(after, "IDENTITY")) ++after;
      ++after;
      if (Opens(after)) after = statement_.Matching(after) + 1;
      statement_.DropFrom(identity, after);
    }
    return std::nullopt;
  }

  void ReplaceType(size_t begin, size_t end, std::string type) {
    statement_.DropFrom(begin, end);
    statement_.Replace(begin, std::move(type));
  }

  // Where GENERATED ... AS IDENTITY begins; `end`: nowhere.
  size_t IdentityIn(size_t begin, size_t end) const {
    for (size_t i = begin; i < end; ++i) {
      if (!Is(i, "GENERATED")) continue;
      size_t as = i + 1;
      while (as < end && !Is(as, "AS")) ++as;
      if (Is(as + 1, "IDENTITY")) return i;
    }
    return end;
  }

  bool IsPrimaryKey(size_t begin, size_t end, Range table) const {
    for (size_t i = begin; i < end; ++i) {
      if (Is(i, "PRIMARY")) return true;
    }
    for (size_t i = table.first; i < table.second; ++i) {
      const bool alone = Is(i, "PRIMARY") && Opens(i + 2) && statement_.Matching(i + 2) == i + 4;
      if (alone && SameWord(Name(i + 3), Name(begin))) return true;
    }
    return false;
  }

  // SQLite wants parentheses around what is not a literal.
  std::optional<Report> Defaults(size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (!Is(i, "DEFAULT")) continue;
      size_t first = i + 1;
      if (Is(first, "NEXTVAL")) return NotSupported("nextval", "use an id SERIAL PRIMARY KEY");
      size_t last = first;
      if (statement_[last].Is("-") || statement_[last].Is("+")) ++last;
      while (statement_[last + 1].Is(".")) last += 2;
      const bool call = Opens(last + 1) || statement_[last + 1].Is("[");
      const bool own = Opens(first);
      if (call) last = statement_.Matching(last + 1);
      if (own) last = statement_.Matching(first);
      bool cast = false;
      while (last + 1 < end && statement_[last + 1].Is("::")) {
        last = TypeAt(statement_, last + 2).end - 1;
        cast = true;
      }
      if (last >= end) continue;
      if (!cast && (own || (!call && !Is(first, "LOCALTIMESTAMP")))) continue;
      statement_.PutAfter(i, " (");
      statement_.PutBefore(last + 1, ")");
    }
    return std::nullopt;
  }

  std::optional<Report> CreateIndex(size_t at) {
    if (Is(at, "CONCURRENTLY")) statement_.Drop(at++);
    if (Is(at, "IF")) at += 3;
    const size_t name = at;
    const bool unnamed = Is(at, "ON");
    if (!unnamed) PassName(at);
    ++at;
    if (Is(at, "ONLY")) statement_.Drop(at++);
    const std::string table = Name(PassName(at));
    if (Is(at, "USING")) {
      if (!Is(at + 1, "BTREE") && !Is(at + 1, "HASH")) {
        return NotSupported(absl::StrCat("an index USING ", Name(at + 1)), "indexes are B-trees");
      }
      statement_.DropFrom(at, at + 2);
      at += 2;
    }
    if (!Opens(at)) return std::nullopt;
    if (unnamed) {
      statement_.PutBefore(name, absl::StrCat("\"", table, "_", Name(at + 1), "_idx\" "));
    }
    for (at = statement_.Matching(at) + 1; at < statement_.size() && !Is(at, "WHERE"); ++at) {
      const bool option = (Is(at, "INCLUDE") || Is(at, "WITH")) && Opens(at + 1);
      if (option) statement_.DropFrom(at, statement_.Matching(at + 1) + 1);
      if (Is(at, "TABLESPACE")) statement_.DropFrom(at, std::min(at + 2, statement_.size()));
    }
    return std::nullopt;
  }

  std::optional<Report> AlterTable() {
    size_t at = 2;
    if (Is(at, "ONLY")) statement_.Drop(at++);
    const size_t table = PassName(at);
    if (Is(at, "OWNER")) {
      translation_.nothing_to_do = true;
      return std::nullopt;
    }
    if (Is(at, "ALTER")) return NotSupported("ALTER COLUMN", "make a new table, and copy the rows");
    if (!Is(at, "ADD")) return std::nullopt;
    return AddToTable(at + 1, Name(table));
  }

  std::optional<Report> AddToTable(size_t at, const std::string& table) {
    std::string name;
    if (Is(at, "CONSTRAINT")) {
      name = Name(at + 1);
      at += 2;
    }
    if (Is(at, "FOREIGN")) return NotSupported("ADD FOREIGN KEY", kInCreateTable);
    if (Is(at, "CHECK")) return NotSupported("ADD CHECK", kInCreateTable);
    const bool primary = Is(at, "PRIMARY");
    const size_t columns = at + (primary ? 2 : 1);
    if (!(primary || Is(at, "UNIQUE")) || !Opens(columns)) {
      return Defaults(at, statement_.size());
    }
    if (name.empty()) {
      name = primary ? absl::StrCat(table, "_pkey")
                     : absl::StrCat(table, "_", Name(columns + 1), "_key");
    }
    statement_.DropFrom(0, columns);
    statement_.Replace(0, absl::StrCat("CREATE UNIQUE INDEX \"", name, "\" ON \"", table, "\" "));
    return std::nullopt;
  }

  std::optional<Report> Truncate() {
    size_t at = 1;
    if (Is(at, "TABLE")) statement_.Drop(at++);
    if (Is(at, "ONLY")) statement_.Drop(at++);
    at = Several(at, "DELETE FROM");
    statement_.Replace(0, "DELETE FROM");
    statement_.DropFrom(std::min(at, statement_.size()), statement_.size());
    return std::nullopt;
  }

  // "a, b, c": all but the last have statements of their own, which begin so. Where the names end.
  size_t Several(size_t at, const std::string& begins) {
    for (;;) {
      const size_t first = at;
      const size_t name = PassName(at);
      if (!statement_[at].Is(",")) return at;
      translation_.before.push_back(absl::StrCat(begins, " ", std::string(statement_[name].text)));
      statement_.DropFrom(first, ++at);
    }
  }

  // No version of a row is left behind that would have to be removed.
  void Vacuum() {
    size_t at = 1;
    bool analyzes = false;
    if (Opens(at)) {
      for (size_t i = at; i < statement_.Matching(at); ++i) analyzes = analyzes || Is(i, "ANALYZE");
      at = statement_.Matching(at) + 1;
    }
    while (Is(at, "FULL") || Is(at, "FREEZE") || Is(at, "VERBOSE") || Is(at, "ANALYZE")) {
      analyzes = analyzes || Is(at, "ANALYZE");
      ++at;
    }
    translation_.nothing_to_do = !analyzes;
    if (!analyzes) return;
    statement_.DropFrom(0, at);
    statement_.Replace(0, "ANALYZE");
  }

  std::optional<Report> Drop() {
    const size_t last = statement_.size() - 1;
    if (Is(last, "CASCADE") || Is(last, "RESTRICT")) statement_.Drop(last);
    if (Is(1, "INDEX") && Is(2, "CONCURRENTLY")) statement_.Drop(2);
    size_t at = 2;
    std::string drop = absl::StrCat("DROP ", std::string(statement_[1].text));
    if (Is(at, "IF")) {
      drop += " IF EXISTS";
      at += 2;
    }
    Several(at, drop);
    return std::nullopt;
  }

  EditedStatement& statement_;
  Translation& translation_;
};

}  // namespace

std::optional<Report> TranslateDefinition(EditedStatement& statement, Translation& translation) {
  return Definition(statement, translation).Translate();
}

}  // namespace hexad::compute::sql
