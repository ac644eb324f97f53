#include <gmock/gmock.h>

#include "compute/sql/statement_words.h"

namespace hexad::compute::sql {
namespace {

using ::testing::ElementsAre;

TEST(StatementWordsTest, TheFirstWordsTellTheKind) {
  EXPECT_EQ(WordsOf("").kind, StatementKind::kEmpty);
  EXPECT_EQ(WordsOf(" ; -- nothing\n /* here */ ;").kind, StatementKind::kEmpty);
  EXPECT_EQ(WordsOf("/* a */ -- b\n begin work").kind, StatementKind::kBegin);
  EXPECT_EQ(WordsOf("end").kind, StatementKind::kCommit);
  EXPECT_EQ(WordsOf("rollback").kind, StatementKind::kRollback);
  EXPECT_EQ(WordsOf("rollback work to savepoint a").kind, StatementKind::kRollbackTo);
  EXPECT_EQ(WordsOf("set x to 1").kind, StatementKind::kSet);
}

TEST(StatementWordsTest, TagsAreThoseThatClientsKnow) {
  EXPECT_EQ(WordsOf("insert into t values (1)").tag, "INSERT 0");
  EXPECT_EQ(WordsOf("create unique index i on t(a)").tag, "CREATE INDEX");
  EXPECT_EQ(WordsOf("CREATE TEMP TABLE t(a)").tag, "CREATE TABLE");
  EXPECT_EQ(WordsOf("drop view v").tag, "DROP VIEW");
  EXPECT_EQ(WordsOf("with a as (select 1), b as (delete from x) insert into t select 1").tag,
            "INSERT 0");
  EXPECT_EQ(WordsOf("with a as (select 'insert into') select * from a").tag, "SELECT");
}

TEST(StatementWordsTest, AStatementEndsAtASemicolonOutsideOfQuotesAndComments) {
  const auto first = [](std::string_view sql) { return sql.substr(0, EndOfStatement(sql)); };
  EXPECT_EQ(first("select ';' ; x"), "select ';' ");
  EXPECT_EQ(first("select 'it''s;' ; x"), "select 'it''s;' ");
  EXPECT_EQ(first("select \"a;b\" /* ; */ -- ;\n ; x"), "select \"a;b\" /* ; */ -- ;\n ");
  EXPECT_EQ(first("select 'never ends ;"), "select 'never ends ;");
}

TEST(StatementWordsTest, TokensAreWordsStringsAndCharacters) {
  EXPECT_THAT(TokensOf("set a.b = 'x y', 12, 'it''s''''' -- c"),
              ElementsAre("set", "a", ".", "b", "=", "'x y'", ",", "12", ",", "'it''s'''''"));
}

}  // namespace
}  // namespace hexad::compute::sql
