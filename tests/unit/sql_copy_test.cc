// COPY through PostgreSQL's own client library: rows in bulk, all of them or none.
#include <gmock/gmock.h>

#include "tests/unit/sql_endpoint.h"

namespace hexad::compute::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using unit::PqAnswer;
using unit::PqClient;

class SqlCopyTest : public unit::SqlEndpointTest {
 protected:
  SqlCopyTest() : client_(Client()) {
    EXPECT_EQ(client_->Ask("create table t (a int primary key, b text, c bool, d bytea)").sqlstate,
              "");
  }

  static ExecStatusType StatusOf(PGresult* raw) {
    const ExecStatusType status = PQresultStatus(raw);
    PQclear(raw);
    return status;
  }
  // The answers after the COPY's own one are taken as well.
  PqAnswer End(const char* error = nullptr) {
    EXPECT_EQ(PQputCopyEnd(client_->raw(), error), 1);
    return Results();
  }
  PqAnswer Results() {
    PqAnswer first;
    bool had = false;
    while (PGresult* raw = PQgetResult(client_->raw())) {
      const PqAnswer answer = client_->Taken(raw);
      if (!std::exchange(had, true)) first = answer;
    }
    return first;
  }
  void Put(const std::string& bytes) {
    EXPECT_EQ(PQputCopyData(client_->raw(), bytes.data(), static_cast<int>(bytes.size())), 1);
  }
  PqAnswer CopyIn(const std::string& statement, const std::vector<std::string>& pieces) {
    EXPECT_EQ(StatusOf(PQexec(client_->raw(), statement.c_str())), PGRES_COPY_IN)
        << client_->error();
    for (const std::string& piece : pieces) Put(piece);
    return End();
  }
  // The lines, and then the tag.
  std::vector<std::string> CopyOut(const std::string& statement) {
    EXPECT_EQ(StatusOf(PQexec(client_->raw(), statement.c_str())), PGRES_COPY_OUT)
        << client_->error();
    std::vector<std::string> lines;
    for (char* line = nullptr; PQgetCopyData(client_->raw(), &line, 0) > 0; PQfreemem(line)) {
      lines.emplace_back(line);
    }
    lines.push_back(Results().tag);
    return lines;
  }
  std::string Count() { return client_->Ask("select count(*) from t").rows[0][0]; }

  const std::unique_ptr<PqClient> client_;
};

TEST_F(SqlCopyTest, LinesBecomeRowsAndRowsLines) {
  const PqAnswer in = CopyIn("copy t from stdin",
                             {"1\tone\tt\t\\\\x00ff\n2\tt", "wo\tfalse\t\\N\n3\t\\N\t\\N\t\\N\n"});
  EXPECT_EQ(in.tag, "COPY 3") << in.message;
  EXPECT_THAT(client_->Ask("select a, typeof(a), b, c, typeof(d) from t order by a").rows,
              ElementsAre(ElementsAre("1", "integer", "one", "t", "blob"),
                          ElementsAre("2", "integer", "two", "f", "null"),
                          ElementsAre("3", "integer", "(null)", "(null)", "null")));
  EXPECT_THAT(CopyOut("copy t to stdout"), ElementsAre("1\tone\tt\t\\\\x00ff\n", "2\ttwo\tf\t\\N\n",
                                                       "3\t\\N\t\\N\t\\N\n", "COPY 3"));
  EXPECT_THAT(CopyOut("copy (select b, a from t where a < 3 order by a desc) to stdout csv header"),
              ElementsAre("b,a\n", "two,2\n", "one,1\n", "COPY 2"));
  EXPECT_THAT(CopyOut("copy t (b) to stdout csv"), ElementsAre("one\n", "two\n", "\n", "COPY 3"));
  EXPECT_THAT(CopyOut("copy (select '7'::int + a from public.t where a = 1) to stdout"),
              ElementsAre("8\n", "COPY 1"))
      << "PostgreSQL's words";
}

TEST_F(SqlCopyTest, AWrongLineUndoesAll) {
  const PqAnswer few = CopyIn("copy t (a, b) from stdin csv", {"1,a\n2,b\n", "3\n", "4,d\n"});
  EXPECT_EQ(few.sqlstate, "22P04");
  EXPECT_THAT(few.message, HasSubstr("1 values, not 2"));
  EXPECT_EQ(CopyIn("copy t (a, b) from stdin csv", {"1,a\nx,b\n"}).sqlstate, "22P02")
      << "not a number";
  EXPECT_EQ(CopyIn("copy t (a, b) from stdin csv", {"1,a\n1,b\n"}).sqlstate, "23505")
      << "there already";
  EXPECT_EQ(client_->transaction(), 'I');
  EXPECT_EQ(Count(), "0");
}

TEST_F(SqlCopyTest, AClientThatGivesUpHasDoneNothing) {
  EXPECT_EQ(StatusOf(PQexec(client_->raw(), "copy t (a) from stdin")), PGRES_COPY_IN);
  Put("1\n2\n");
  const PqAnswer given_up = End("no more");
  EXPECT_EQ(given_up.sqlstate, "57014");
  EXPECT_THAT(given_up.message, HasSubstr("no more"));
  EXPECT_EQ(Count(), "0");
}

TEST_F(SqlCopyTest, InATransactionItIsDurableWithIt) {
  client_->Ask("begin");
  EXPECT_EQ(CopyIn("copy t (a) from stdin", {"1\n"}).tag, "COPY 1");
  EXPECT_EQ(client_->transaction(), 'T');
  client_->Ask("rollback");
  EXPECT_EQ(Count(), "0");
  client_->Ask("begin");
  EXPECT_EQ(CopyIn("copy t (a) from stdin", {"1\nx\n"}).sqlstate, "22P02");
  EXPECT_EQ(client_->transaction(), 'E');
  EXPECT_EQ(client_->Ask("commit").tag, "ROLLBACK");
  EXPECT_EQ(Count(), "0");
}

TEST_F(SqlCopyTest, StatementsOfAQueryGoOnAfterIt) {
  EXPECT_EQ(StatusOf(PQexec(
                client_->raw(),
                "insert into t (a) values (7); copy t (a) from stdin; delete from t where a = 8")),
            PGRES_COPY_IN);
  Put("8\n9\n");
  End();
  EXPECT_THAT(client_->Ask("select a from t order by a").rows,
              ElementsAre(ElementsAre("7"), ElementsAre("9")));
}

TEST_F(SqlCopyTest, TheExtendedProtocolCopiesToo) {
  EXPECT_EQ(StatusOf(PQexecParams(client_->raw(), "copy t (a) from stdin", 0, nullptr, nullptr,
                                  nullptr, nullptr, 0)),
            PGRES_COPY_IN);
  Put("1\n");
  EXPECT_EQ(End().tag, "COPY 1");
  EXPECT_EQ(StatusOf(PQexecParams(client_->raw(), "copy t (a) from stdin", 0, nullptr, nullptr,
                                  nullptr, nullptr, 0)),
            PGRES_COPY_IN);
  Put("1\n");
  EXPECT_EQ(End().sqlstate, "23505");
  EXPECT_EQ(StatusOf(PQexecParams(client_->raw(), "copy t (a) to stdout", 0, nullptr, nullptr,
                                  nullptr, nullptr, 0)),
            PGRES_COPY_OUT);
  char* line = nullptr;
  ASSERT_GT(PQgetCopyData(client_->raw(), &line, 0), 0);
  EXPECT_STREQ(line, "1\n");
  PQfreemem(line);
  EXPECT_EQ(PQgetCopyData(client_->raw(), &line, 0), -1);
  EXPECT_EQ(Results().tag, "COPY 1");
  EXPECT_EQ(Count(), "1");
}

TEST_F(SqlCopyTest, WhatThereIsNotIsNamed) {
  EXPECT_EQ(client_->Ask("copy nowhere from stdin").sqlstate, "42P01");
  EXPECT_EQ(client_->Ask("copy nowhere to stdout").sqlstate, "42P01");
  EXPECT_EQ(client_->Ask("copy t (z) from stdin").sqlstate, "42703");
  EXPECT_EQ(client_->Ask("copy t from '/etc/passwd'").sqlstate, "0A000");
  EXPECT_EQ(client_->Ask("copy (delete from t returning a) to stdout").sqlstate, "0A000");
  EXPECT_EQ(client_->Ask("copy t from stdin (format").sqlstate, "42601");
  EXPECT_THAT(client_->Ask("select 1").rows, ElementsAre(ElementsAre("1")));
}

TEST_F(SqlCopyTest, ManyRowsGoThroughInPieces) {
  std::string bytes;
  constexpr int kRows = 50'000;
  for (int i = 0; i < kRows; ++i)
    bytes += std::to_string(i) + "\tsome text of row " + std::to_string(i) + "\n";
  EXPECT_EQ(CopyIn("copy t (a, b) from stdin", {bytes}).tag, "COPY 50000");
  const std::vector<std::string> out = CopyOut("copy t (a, b) to stdout");
  ASSERT_EQ(out.size(), kRows + 1u);
  EXPECT_EQ(out[49'999], "49999\tsome text of row 49999\n");
  EXPECT_EQ(client_->Ask("pragma integrity_check").rows[0][0], "ok");
}

}  // namespace
}  // namespace hexad::compute::sql
