// The load that the cluster's tests put on SQL, and whether its comparison sees what is wrong.
#include "tests/cluster/sql_load.h"

#include <gmock/gmock.h>

#include "tests/unit/sql_endpoint.h"

namespace hexad::cluster_test {
namespace {

using ::testing::HasSubstr;
using unit::PqClient;
using unit::SqlEndpoint;

class SqlLoadTest : public ::testing::Test {
 protected:
  SqlLoadTest() { EXPECT_EQ(load_.CreateTables(), ""); }

  std::string Compared() const { return Compare(port_, load_.outcomes()); }

  const std::shared_ptr<unit::MemoryVolume> volume_ = SqlEndpoint::The().Make("main");
  const int port_ = SqlEndpoint::The().port();
  SqlLoad load_{port_};
  PqClient client_{port_, "main"};
};

TEST_F(SqlLoadTest, WhatEightClientsDidIsThere) {
  load_.Start();
  while (load_.commits() < 50) std::this_thread::yield();
  load_.Stop();
  EXPECT_EQ(Compared(), "");
}

TEST_F(SqlLoadTest, MoneyOnTheWrongAccountIsSeen) {
  EXPECT_EQ(Compared(), "");
  client_.Ask("update account set balance = balance + 1 where id = 3");
  client_.Ask("update account set balance = balance - 1 where id = 5");
  EXPECT_EQ(Compared(), "account 3 holds 1001, not 1000");
}

TEST_F(SqlLoadTest, ATransferThatNobodyMadeIsSeen) {
  client_.Ask("insert into transfer values (7, 1)");
  EXPECT_THAT(Compared(), HasSubstr("is there, and its client was told that it is not"));
}

}  // namespace
}  // namespace hexad::cluster_test
