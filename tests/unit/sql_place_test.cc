// The writer's place, as clients of the SQL endpoint wait for it and leave it.
#include <gmock/gmock.h>

#include <chrono>
#include <future>

#include "tests/unit/sql_endpoint.h"

namespace hexad::compute::sql {
namespace {

using unit::PqAnswer;
using unit::PqClient;

class SqlPlaceTest : public unit::SqlEndpointTest {
 protected:
  SqlPlaceTest() { Client()->Ask("create table t(id integer primary key)"); }

  // Its wait, behind another client that writes, is cancelled.
  static PqAnswer CancelledInsert(PqClient& client) {
    auto answer =
        std::async(std::launch::async, [&] { return client.Ask("insert into t values (2)"); });
    EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
    const std::unique_ptr<PGcancel, void (*)(PGcancel*)> cancel(PQgetCancel(client.raw()),
                                                                PQfreeCancel);
    char error[256];
    EXPECT_EQ(PQcancel(cancel.get(), error, sizeof error), 1) << error;
    return answer.get();
  }
};

// Its transaction may go on, from the savepoint; nobody waits for it meanwhile.
TEST_F(SqlPlaceTest, ACancelledWaitWithASavepointLeavesTheQueue) {
  const auto writer = Client();
  const auto waiter = Client();
  writer->Ask("begin; insert into t values (1)");
  waiter->Ask("begin");
  waiter->Ask("savepoint s");
  EXPECT_EQ(CancelledInsert(*waiter).sqlstate, "57014");
  EXPECT_EQ(writer->Ask("commit").tag, "COMMIT");
  EXPECT_EQ(Client()->Ask("insert into t values (3)").tag, "INSERT 0 1");
  EXPECT_EQ(waiter->Ask("rollback to savepoint s").tag, "ROLLBACK");
  EXPECT_EQ(waiter->Ask("insert into t values (2)").tag, "INSERT 0 1");
  EXPECT_EQ(waiter->Ask("commit").tag, "COMMIT");
  EXPECT_EQ(waiter->Ask("select id from t order by id").Text(), "1;2;3");
}

TEST_F(SqlPlaceTest, ACancelledWaitThatHasReadLeavesTheQueue) {
  const auto writer = Client();
  const auto waiter = Client();
  waiter->Ask("begin");
  waiter->Ask("savepoint s");
  waiter->Ask("select count(*) from t");
  writer->Ask("begin; insert into t values (1)");
  EXPECT_EQ(CancelledInsert(*waiter).sqlstate, "57014");
  EXPECT_EQ(writer->Ask("commit").tag, "COMMIT");
  EXPECT_EQ(Client()->Ask("insert into t values (3)").tag, "INSERT 0 1");
  EXPECT_EQ(waiter->Ask("rollback").tag, "ROLLBACK");
}

// What it has written is still its transaction's, and the place is too.
TEST_F(SqlPlaceTest, AFailureAfterAWriteKeepsThePlace) {
  const auto writer = Client();
  writer->Ask("begin; insert into t values (1)");
  writer->Ask("savepoint s");
  EXPECT_EQ(writer->Ask("insert into t values (1)").sqlstate, "23505");
  EXPECT_EQ(Client()->Ask("insert into t values (3)").sqlstate, "55P03");
  EXPECT_EQ(writer->Ask("rollback to savepoint s").tag, "ROLLBACK");
  EXPECT_EQ(writer->Ask("commit").tag, "COMMIT");
  EXPECT_EQ(writer->Ask("select id from t").Text(), "1");
}

}  // namespace
}  // namespace hexad::compute::sql
