// COPY's statement and its lines, without a database: what is understood, what comes back as it
// went out, and lines that lie.
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "compute/sql/copy.h"

namespace hexad::compute::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using Row = std::vector<CopyValue>;

CopyStatement Parsed(const std::string& text) {
  auto copy = ParseCopy(text);
  EXPECT_TRUE(copy.ok()) << text << ": " << copy.status();
  return copy.ok() ? *copy : CopyStatement{};
}

std::vector<Row> RowsOf(CopyReader& reader) {
  std::vector<Row> rows;
  for (Row row;;) {
    const auto next = reader.Next(row);
    EXPECT_TRUE(next.ok()) << next.status();
    if (!next.ok() || !*next) return rows;
    rows.push_back(row);
  }
}

std::vector<Row> Read(const CopyFormat& format, std::string_view bytes) {
  CopyReader reader(format);
  reader.Feed(bytes);
  reader.Finish();
  return RowsOf(reader);
}

CopyFormat Csv() { return Parsed("copy t from stdin csv").format; }

TEST(SqlCopyStatement, BothSpellingsOfItsOptions) {
  const CopyStatement old = Parsed(
      "COPY public.t (a, \"b c\") FROM stdin WITH CSV HEADER DELIMITER AS ';' NULL AS 'x''y'");
  EXPECT_TRUE(old.from);
  EXPECT_EQ(old.table, "t");
  EXPECT_THAT(old.columns, ElementsAre("a", "\"b c\""));
  EXPECT_TRUE(old.format.csv);
  EXPECT_TRUE(old.format.header);
  EXPECT_EQ(old.format.delimiter, ';');
  EXPECT_EQ(old.format.null, "x'y");

  const CopyStatement listed = Parsed(
      "copy t to stdout (format csv, header false, quote '|', delimiter E'\\t', encoding 'utf8')");
  EXPECT_FALSE(listed.from);
  EXPECT_TRUE(listed.format.csv);
  EXPECT_FALSE(listed.format.header);
  EXPECT_EQ(listed.format.quote, '|');
  EXPECT_EQ(listed.format.escape, '|') << "the quote, unless it is said";
  EXPECT_EQ(listed.format.delimiter, '\t');
  EXPECT_EQ(listed.format.null, "");
}

TEST(SqlCopyStatement, AQueryIsTakenWithItsParentheses) {
  EXPECT_EQ(Parsed("copy (select max(a) from (select 1 as a)) to stdout").query,
            "select max(a) from (select 1 as a)");
}

TEST(SqlCopyStatement, WhatItDoesNotDoItSays) {
  for (const char* text :
       {"copy t from '/etc/passwd'", "copy t to program 'ls'", "copy t from stdin (format binary)",
        "copy binary t from stdin", "copy t from stdin (force_null (a))",
        "copy t from stdin encoding 'latin1'"}) {
    EXPECT_EQ(ParseCopy(text).status().code(), absl::StatusCode::kUnimplemented) << text;
  }
}

TEST(SqlCopyStatement, NonsenseIsRefused) {
  for (const char* text :
       {"copy", "copy t", "copy t from", "copy t (a", "copy t () from stdin",
        "copy (select 1 to stdout", "copy (select 1) from stdin", "copy t from stdin (format csv",
        "copy t from stdin csv delimiter", "copy t from stdin delimiter 'ab'",
        "copy t from stdin csv delimiter '\"'", "copy other.t from stdin",
        "copy t from stdin delimiter 'n'", "copy t from stdin (header maybe)",
        "copy t from stdin null '"}) {
    EXPECT_EQ(ParseCopy(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(SqlCopyLines, TextHasBackslashesAndNulls) {
  EXPECT_THAT(
      Read({}, "1\ta\\tb\\n\\\\\\x41\\101\\q\n\\N\t\r\nlast\t\\\n"),
      ElementsAre(ElementsAre(Optional(std::string("1")), Optional(std::string("a\tb\n\\AAq"))),
                  ElementsAre(std::nullopt, Optional(std::string())),
                  ElementsAre(Optional(std::string("last")), Optional(std::string("\n")))));
}

TEST(SqlCopyLines, CsvHasQuotesAndEmptyNulls) {
  EXPECT_THAT(Read(Csv(), "1,\"a,\"\"b\"\"\nc\",\n\"\",x\"y z\"w,2"),
              ElementsAre(ElementsAre(Optional(std::string("1")),
                                      Optional(std::string("a,\"b\"\nc")), std::nullopt),
                          ElementsAre(Optional(std::string()), Optional(std::string("xy zw")),
                                      Optional(std::string("2")))));
}

TEST(SqlCopyLines, TheHeaderIsPassedOverAndTheEndIsTheEnd) {
  CopyFormat format = Csv();
  format.header = true;
  EXPECT_THAT(Read(format, "a,b\n1,2\n\\.\n3,4\n"),
              ElementsAre(ElementsAre(Optional(std::string("1")), Optional(std::string("2")))));
}

TEST(SqlCopyLines, ALineThatIsCutIsWaitedFor) {
  CopyReader reader{CopyFormat{}};
  reader.Feed("1\\");
  EXPECT_TRUE(RowsOf(reader).empty());
  reader.Feed("\n2");
  EXPECT_TRUE(RowsOf(reader).empty()) << "the newline was escaped";
  reader.Feed("\n");
  EXPECT_THAT(RowsOf(reader), ElementsAre(ElementsAre(Optional(std::string("1\n2")))));
}

TEST(SqlCopyLines, AQuoteWithoutItsEndIsAnError) {
  CopyReader reader(Csv());
  reader.Feed("1,2\n3,\"4\n5,6\n");
  reader.Finish();
  Row row;
  EXPECT_TRUE(*reader.Next(row));
  const auto lying = reader.Next(row);
  EXPECT_THAT(lying.status().message(), HasSubstr("unterminated"));
  EXPECT_EQ(reader.line(), 2u);
}

TEST(SqlCopyLines, ALineWithoutAnEndIsNotKeptForEver) {
  CopyReader reader(CopyFormat{});
  const std::string piece(8 << 20, 'x');
  Row row;
  size_t fed = 0;
  while (fed <= kMaxCopyLine) {
    ASSERT_TRUE(reader.Next(row).ok()) << fed;
    reader.Feed(piece);
    fed += piece.size();
  }
  EXPECT_EQ(reader.Next(row).status().code(), absl::StatusCode::kInvalidArgument);
}

// Bytes that are hostile to one of the formats, more often than others.
rc::Gen<std::string> AnyValue() {
  return rc::gen::container<std::string>(
      rc::gen::oneOf(rc::gen::element('\t', '\n', '\r', '\\', '"', ',', '.', 'N', ';', '\''),
                     rc::gen::inRange('a', 'z')));
}

// What SQLite would give: one statement with as many values.
void AppendRow(const CopyFormat& format, const Row& row, std::string& out) {
  sqlite3* db = nullptr;
  RC_ASSERT(sqlite3_open(":memory:", &db) == SQLITE_OK);
  std::string sql = "select ?";
  for (size_t i = 1; i < row.size(); ++i) sql += ", ?";
  sqlite3_stmt* statement = nullptr;
  RC_ASSERT(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  for (size_t i = 0; i < row.size(); ++i) {
    const int at = static_cast<int>(i) + 1;
    if (!row[i].has_value()) continue;
    sqlite3_bind_text(statement, at, row[i]->data(), static_cast<int>(row[i]->size()),
                      SQLITE_STATIC);
  }
  RC_ASSERT(sqlite3_step(statement) == SQLITE_ROW);
  AppendCopyRow(format, statement, std::vector<Column>(row.size(), Column{"c", 25}), out);
  sqlite3_finalize(statement);
  sqlite3_close(db);
}

RC_GTEST_PROP(SqlCopyLines, WhatGoesOutComesBack, ()) {
  CopyFormat format = *rc::gen::element(CopyFormat{}, Csv(),
                                        Parsed("copy t to stdout csv escape '\\' null 'N'").format,
                                        Parsed("copy t to stdout delimiter ';'").format);
  format.header = *rc::gen::arbitrary<bool>();
  const auto columns = *rc::gen::inRange<size_t>(1, 4);
  const auto rows = *rc::gen::container<std::vector<Row>>(rc::gen::container<Row>(
      columns,
      rc::gen::oneOf(rc::gen::just(CopyValue()), rc::gen::map(AnyValue(), [](std::string text) {
                       return CopyValue(std::move(text));
                     }))));
  std::string bytes;
  if (format.header)
    AppendCopyHeader(format, std::vector<Column>(columns, Column{"a\n\"b", 25}), bytes);
  for (const Row& row : rows) AppendRow(format, row, bytes);

  CopyReader reader(format);
  std::vector<Row> read;
  const auto take = [&] {
    Row row;
    for (;;) {
      const auto next = reader.Next(row);
      RC_ASSERT(next.ok());
      if (!*next) return;
      read.push_back(row);
    }
  };
  for (size_t at = 0; at < bytes.size();) {
    const auto size = *rc::gen::inRange<size_t>(1, 9);
    reader.Feed(std::string_view(bytes).substr(at, size));
    at += size;
    take();
  }
  reader.Finish();
  take();
  RC_ASSERT(read == rows);
}

}  // namespace
}  // namespace hexad::compute::sql
