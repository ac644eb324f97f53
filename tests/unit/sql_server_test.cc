// PostgreSQL's own client library against the SQL endpoint, over a volume in memory: what a client
// is told, when, and of whose work.
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <thread>

#include "tests/unit/sql_endpoint.h"

namespace hexad::compute::sql {
namespace {

using unit::MemoryVolume;
using unit::PqAnswer;
using unit::PqClient;
using unit::SqlEndpoint;

class SqlServerTest : public unit::SqlEndpointTest {};

TEST_F(SqlServerTest, TablesAreMadeFilledAndRead) {
  const auto client = Client();
  EXPECT_EQ(client->Ask("create table t(id integer primary key, name text)").tag, "CREATE TABLE");
  EXPECT_EQ(client->Ask("insert into t values (1, 'a'), (2, null)").tag, "INSERT 0 2");
  const PqAnswer rows = client->Ask("select * from t order by id");
  EXPECT_EQ(rows.Text(), "1|a;2|(null)");
  EXPECT_EQ(rows.tag, "SELECT 2");
  EXPECT_EQ(client->Ask("update t set name = 'b'").tag, "UPDATE 2");
  EXPECT_EQ(client->Ask("delete from t where id = 1").tag, "DELETE 1");
  EXPECT_EQ(client->Ask("insert into t values (3, 'c') returning id + 1").Text(), "4");
  EXPECT_EQ(client->Ask("with x as (select 5 as n) select n from x").tag, "SELECT 1");
}

TEST_F(SqlServerTest, ParametersAreBoundByNumber) {
  const auto client = Client();
  client->Ask("create table t(id integer primary key, name text)");
  EXPECT_EQ(client->AskWith("insert into t values ($2, $1)", {"a", "7"}).tag, "INSERT 0 1");
  EXPECT_EQ(client->AskWith("select id, typeof(id), name from t where id = $1", {"7"}).Text(),
            "7|integer|a");
  EXPECT_EQ(client->AskWith("select $1 || $1", {"x"}).Text(), "xx");
  EXPECT_EQ(client->AskWith("select $1", {}).sqlstate, "22P03");
}

TEST_F(SqlServerTest, ErrorsHaveTheirSqlstate) {
  const auto client = Client();
  client->Ask("create table t(id integer primary key, name text not null unique)");
  client->Ask("insert into t values (1, 'a')");
  EXPECT_EQ(client->Ask("selec").sqlstate, "42601");
  EXPECT_EQ(client->Ask("select * from missing").sqlstate, "42P01");
  EXPECT_EQ(client->Ask("select missing from t").sqlstate, "42703");
  EXPECT_EQ(client->Ask("insert into t values (1, 'b')").sqlstate, "23505");
  EXPECT_EQ(client->Ask("insert into t values (2, null)").sqlstate, "23502");
  EXPECT_EQ(client->Ask("create table t(x)").sqlstate, "42P07");
  EXPECT_EQ(client->Ask("attach 'other' as o").sqlstate, "42501");
  EXPECT_EQ(client->Ask("select 1").Text(), "1");
}

TEST_F(SqlServerTest, AFailedTransactionDoesNothingUntilItsEnd) {
  const auto client = Client();
  client->Ask("create table t(id integer primary key)");
  client->Ask("begin");
  client->Ask("insert into t values (1)");
  EXPECT_EQ(client->transaction(), 'T');
  EXPECT_EQ(client->Ask("insert into t values (1)").sqlstate, "23505");
  EXPECT_EQ(client->transaction(), 'E');
  EXPECT_EQ(client->Ask("select 1").sqlstate, "25P02");
  EXPECT_EQ(client->AskWith("select 1", {}).sqlstate, "25P02");
  EXPECT_EQ(client->Ask("commit").tag, "ROLLBACK");
  EXPECT_EQ(client->transaction(), 'I');
  EXPECT_EQ(client->Ask("select count(*) from t").Text(), "0");
}

// Whoever has failed does not keep others from writing until its user comes back.
TEST_F(SqlServerTest, AFailedTransactionLetsOthersWrite) {
  const auto one = Client();
  const auto other = Client();
  one->Ask("create table t(id integer primary key)");
  one->Ask("begin; insert into t values (1)");
  EXPECT_EQ(one->Ask("insert into t values (1)").sqlstate, "23505");
  EXPECT_EQ(other->Ask("insert into t values (1)").tag, "INSERT 0 1");
  EXPECT_EQ(one->Ask("rollback").tag, "ROLLBACK");
}

TEST_F(SqlServerTest, SavepointsBringATransactionBack) {
  const auto client = Client();
  client->Ask("create table t(id integer primary key)");
  client->Ask("begin");
  client->Ask("insert into t values (1)");
  EXPECT_EQ(client->Ask("savepoint s").tag, "SAVEPOINT");
  EXPECT_EQ(client->Ask("insert into t values (1)").sqlstate, "23505");
  EXPECT_EQ(client->Ask("rollback to savepoint s").tag, "ROLLBACK");
  EXPECT_EQ(client->Ask("insert into t values (2)").tag, "INSERT 0 1");
  EXPECT_EQ(client->Ask("commit").tag, "COMMIT");
  EXPECT_EQ(client->Ask("select id from t order by id").Text(), "1;2");
  EXPECT_EQ(client->Ask("savepoint s").sqlstate, "25P01");
}

TEST_F(SqlServerTest, SeveralStatementsOfAQueryAreOneTransaction) {
  const auto client = Client();
  client->Ask("create table t(id integer primary key)");
  EXPECT_EQ(client->Ask("insert into t values (1); insert into t values (1)").sqlstate, "23505");
  EXPECT_EQ(client->Ask("select count(*) from t").Text(), "0");
  const Lsn before = volume_->newest();
  EXPECT_EQ(client->Ask("insert into t values (1); insert into t values (2)").tag, "INSERT 0 1");
  EXPECT_EQ(volume_->newest().value(), before.value() + 1);
  EXPECT_EQ(
      client->Ask("begin; insert into t values (3); commit; insert into t values (3)").sqlstate,
      "23505");
  EXPECT_EQ(client->Ask("select count(*) from t").Text(), "3");
}

TEST_F(SqlServerTest, APipelineUpToSyncIsOneTransaction) {
  const auto client = Client();
  client->Ask("create table t(id integer primary key)");
  ASSERT_EQ(PQenterPipelineMode(client->raw()), 1);
  for (const char* sql : {"insert into t values (1)", "insert into t values (1)"}) {
    PQsendQueryParams(client->raw(), sql, 0, nullptr, nullptr, nullptr, nullptr, 0);
  }
  PQpipelineSync(client->raw());
  EXPECT_TRUE(client->Taken(PQgetResult(client->raw())).ok());
  EXPECT_EQ(PQgetResult(client->raw()), nullptr);
  EXPECT_EQ(client->Taken(PQgetResult(client->raw())).sqlstate, "23505");
  EXPECT_EQ(PQgetResult(client->raw()), nullptr);
  PQclear(PQgetResult(client->raw()));  // of the Sync
  ASSERT_EQ(PQexitPipelineMode(client->raw()), 1);
  EXPECT_EQ(client->Ask("select count(*) from t").Text(), "0");
}

// --- what is durable -----------------------------------------------------------------------------

TEST_F(SqlServerTest, ACommitIsAnsweredWhenItIsDurable) {
  const auto client = Client();
  client->Ask("create table t(id integer primary key)");
  volume_->durable_at_once = false;
  auto answer =
      std::async(std::launch::async, [&] { return client->Ask("insert into t values (1)"); });
  ASSERT_TRUE(volume_->AwaitWaiting(1));
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  volume_->MakeDurable();
  EXPECT_EQ(answer.get().tag, "INSERT 0 1");
}

TEST_F(SqlServerTest, TheWritersPlaceIsFreeWhileACommitTravels) {
  const auto one = Client();
  const auto other = Client();
  one->Ask("create table t(id integer primary key)");
  volume_->durable_at_once = false;
  auto first = std::async(std::launch::async, [&] { return one->Ask("insert into t values (1)"); });
  ASSERT_TRUE(volume_->AwaitWaiting(1));
  auto second =
      std::async(std::launch::async, [&] { return other->Ask("insert into t values (2)"); });
  ASSERT_TRUE(volume_->AwaitWaiting(2));
  volume_->MakeDurable();
  EXPECT_EQ(first.get().tag, "INSERT 0 1");
  EXPECT_EQ(second.get().tag, "INSERT 0 1");
}

TEST_F(SqlServerTest, AReadShowsNothingThatIsNotDurable) {
  const auto one = Client();
  const auto other = Client();
  one->Ask("create table t(id integer primary key)");
  volume_->durable_at_once = false;
  auto write = std::async(std::launch::async, [&] { return one->Ask("insert into t values (1)"); });
  ASSERT_TRUE(volume_->AwaitWaiting(1));
  EXPECT_EQ(other->Ask("select count(*) from t").Text(), "0");
  // In a transaction it sees the newest commit, and is answered when that is durable.
  auto read = std::async(std::launch::async, [&] {
    other->Ask("begin");
    return other->Ask("select count(*) from t");
  });
  ASSERT_TRUE(volume_->AwaitWaiting(2));
  volume_->MakeDurable();
  EXPECT_EQ(read.get().Text(), "1");
  EXPECT_EQ(write.get().tag, "INSERT 0 1");
}

TEST_F(SqlServerTest, AnUnknownCommitSaysSo) {
  const auto client = Client();
  client->Ask("create table t(id integer primary key)");
  volume_->durable_at_once = false;
  auto answer =
      std::async(std::launch::async, [&] { return client->Ask("insert into t values (1)"); });
  ASSERT_TRUE(volume_->AwaitWaiting(1));
  volume_->GiveUpOnWhatWaits(MakeUserError(UserError::kCommitUnknown, "no quorum confirmed it"));
  EXPECT_EQ(answer.get().sqlstate, "08007");
  volume_->MakeDurable();
  EXPECT_EQ(client->Ask("select count(*) from t").Text(), "1");
}

TEST_F(SqlServerTest, WithoutAWriteQuorumACommitIsRefused) {
  const auto client = Client();
  client->Ask("create table t(id integer primary key)");
  volume_->RefuseNext(MakeUserError(UserError::kReadOnly, "no write quorum"));
  EXPECT_EQ(client->Ask("insert into t values (1)").sqlstate, "25006");
  EXPECT_EQ(client->Ask("insert into t values (1)").tag, "INSERT 0 1");
}

TEST_F(SqlServerTest, AStaleSnapshotCannotBeWrittenFrom) {
  const auto one = Client();
  const auto other = Client();
  one->Ask("create table t(id integer primary key)");
  one->Ask("begin");
  one->Ask("select count(*) from t");
  other->Ask("insert into t values (1)");
  EXPECT_EQ(one->Ask("insert into t values (2)").sqlstate, "40001");
  EXPECT_EQ(one->Ask("rollback").tag, "ROLLBACK");
  EXPECT_EQ(one->Ask("insert into t values (2)").tag, "INSERT 0 1");
}

TEST_F(SqlServerTest, ABacktrackBeneathIsSeenByEveryConnection) {
  const auto one = Client();
  const auto other = Client();
  one->Ask("create table t(id integer primary key)");
  one->Ask("insert into t values (1)");
  const Lsn before = volume_->newest();
  one->Ask("insert into t values (2)");
  EXPECT_EQ(other->Ask("select count(*) from t").Text(), "2");
  volume_->GoBackTo(before);
  EXPECT_EQ(other->Ask("select count(*) from t").Text(), "1");
  EXPECT_EQ(one->Ask("insert into t values (3)").tag, "INSERT 0 1");
  EXPECT_EQ(other->Ask("select id from t order by id").Text(), "1;3");
  EXPECT_EQ(one->Ask("pragma integrity_check").Text(), "ok");
}

TEST_F(SqlServerTest, ThePastIsADatabaseOfItsOwn) {
  const auto client = Client();
  client->Ask("create table t(id integer primary key)");
  const Lsn before = volume_->newest();
  client->Ask("drop table t");
  const auto past = Client(absl::StrCat(name_, "@", before.value()));
  EXPECT_EQ(past->Ask("select count(*) from t").Text(), "0");
  EXPECT_EQ(past->Ask("insert into t values (1)").sqlstate, "25006");
  EXPECT_EQ(past->Ask("show default_transaction_read_only").Text(), "on");
}

// --- one writer ----------------------------------------------------------------------------------

TEST_F(SqlServerTest, WritersWaitTheirTurn) {
  Client()->Ask("create table t(id integer primary key, n integer)");
  Client()->Ask("insert into t values (1, 0)");
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto client = Client();
      for (int round = 0; round < 50; ++round) {
        if (!client->Ask("update t set n = n + 1").ok()) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Client()->Ask("select n from t").Text(), "400");
}

TEST_F(SqlServerTest, WhoWaitsTooLongIsTold) {
  const auto one = Client();
  const auto other = Client();
  one->Ask("create table t(id integer primary key)");
  one->Ask("begin; insert into t values (1)");
  EXPECT_EQ(other->Ask("insert into t values (2)").sqlstate, "55P03");
  EXPECT_EQ(one->Ask("commit").tag, "COMMIT");
  EXPECT_EQ(other->Ask("insert into t values (2)").tag, "INSERT 0 1");
}

TEST_F(SqlServerTest, AClientThatGoesLeavesTheWritersPlace) {
  auto one = Client();
  one->Ask("create table t(id integer primary key)");
  one->Ask("begin; insert into t values (1)");
  one.reset();
  const auto other = Client();
  EXPECT_EQ(other->Ask("insert into t values (1)").tag, "INSERT 0 1");
}

TEST_F(SqlServerTest, ARunningStatementIsCancelled) {
  const auto client = Client();
  auto answer = std::async(std::launch::async, [&] {
    return client->Ask(
        "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n");
  });
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  const std::unique_ptr<PGcancel, void (*)(PGcancel*)> cancel(PQgetCancel(client->raw()),
                                                              PQfreeCancel);
  char error[256];
  EXPECT_EQ(PQcancel(cancel.get(), error, sizeof error), 1) << error;
  EXPECT_EQ(answer.get().sqlstate, "57014");
  EXPECT_EQ(client->Ask("select 1").Text(), "1");
}

// --- what surrounds statements -------------------------------------------------------------------

TEST_F(SqlServerTest, ALargeResultComesInPieces) {
  const auto client = Client();
  const PqAnswer rows = client->Ask(
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) "
      "select i, hex(zeroblob(50)) from n");
  ASSERT_EQ(rows.rows.size(), 20'000U);
  EXPECT_EQ(rows.rows.back()[0], "20000");
}

TEST_F(SqlServerTest, SettingsAreSetAndShown) {
  const auto client = Client();
  EXPECT_EQ(client->Ask("set application_name to 'test'").tag, "SET");
  EXPECT_EQ(client->Ask("show application_name").Text(), "test");
  EXPECT_STREQ(PQparameterStatus(client->raw(), "application_name"), "test");
  EXPECT_EQ(client->Ask("set client_encoding to latin1").sqlstate, "22023");
  EXPECT_EQ(client->Ask("show nonsense").sqlstate, "42704");
  EXPECT_STREQ(PQparameterStatus(client->raw(), "in_hot_standby"), "off");
}

TEST_F(SqlServerTest, UnknownDatabasesAreRefused) {
  const PqClient client(SqlEndpoint::The().port(), "nowhere");
  EXPECT_FALSE(client.connected());
  EXPECT_THAT(client.error(), ::testing::HasSubstr("does not exist"));
}

TEST_F(SqlServerTest, PreparedStatementsOutliveTheirTransactions) {
  const auto client = Client();
  client->Ask("create table t(id integer primary key)");
  EXPECT_TRUE(
      client->Taken(PQprepare(client->raw(), "put", "insert into t values ($1)", 1, nullptr)).ok());
  for (const char* id : {"1", "2"}) {
    EXPECT_EQ(client->Taken(PQexecPrepared(client->raw(), "put", 1, &id, nullptr, nullptr, 0)).tag,
              "INSERT 0 1");
  }
  client->Ask("alter table t add column name text");
  const char* id = "3";
  EXPECT_EQ(
      client->Taken(PQexecPrepared(client->raw(), "put", 1, &id, nullptr, nullptr, 0)).sqlstate,
      "42601");
  EXPECT_EQ(client->Ask("deallocate put").tag, "DEALLOCATE");
  EXPECT_EQ(
      client->Taken(PQexecPrepared(client->raw(), "put", 1, &id, nullptr, nullptr, 0)).sqlstate,
      "26000");
}

TEST_F(SqlServerTest, BinaryResultsHaveTheirColumnsTypes) {
  const auto client = Client();
  client->Ask("create table t(a integer, b bigint, c text, d double precision)");
  client->Ask("insert into t values (-2, 1099511627776, 'x', 0.5)");
  PGresult* const rows = PQexecParams(client->raw(), "select * from t", 0, nullptr, nullptr,
                                      nullptr, nullptr, /*resultFormat=*/1);
  ASSERT_EQ(PQresultStatus(rows), PGRES_TUPLES_OK);
  EXPECT_EQ(std::string(PQgetvalue(rows, 0, 0), 4), std::string("\xff\xff\xff\xfe"));
  EXPECT_EQ(PQgetlength(rows, 0, 1), 8);
  EXPECT_EQ(PQgetvalue(rows, 0, 1)[2], 1);
  EXPECT_STREQ(PQgetvalue(rows, 0, 2), "x");
  EXPECT_EQ(PQgetvalue(rows, 0, 3)[0], 0x3f);
  PQclear(rows);
}

}  // namespace
}  // namespace hexad::compute::sql
