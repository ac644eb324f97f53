// The volume through SQL: what it tells of itself, where it goes, and what became of a commit.
#include <gmock/gmock.h>

#include <future>

#include "tests/unit/sql_endpoint.h"

namespace hexad::compute::sql {
namespace {

using ::testing::HasSubstr;
using unit::PqAnswer;

class SqlVolumeTest : public unit::SqlEndpointTest {
 protected:
  SqlVolumeTest() : client_(Client()) { client_->Ask("create table t (a integer primary key)"); }

  std::string Ask(const std::string& sql) {
    const PqAnswer answer = client_->Ask(sql);
    return answer.sqlstate.empty() ? answer.Text() : answer.sqlstate;
  }
  std::string Vdl() { return Ask("select vdl from hexad_status"); }

  const std::unique_ptr<unit::PqClient> client_;
};

TEST_F(SqlVolumeTest, ItsStateIsTables) {
  EXPECT_EQ(Ask("select volume, mode, epoch, page_size from hexad_status"),
            name_ + "|read-write|0|4096");
  EXPECT_EQ(Vdl(), std::to_string(volume_->vdl().value()));
  EXPECT_EQ(Ask("select first_lsn, last_lsn, visible, left_by from hexad_history"),
            "1|" + Vdl() + "|t|(null)");
  EXPECT_EQ(Ask("select count(*) from hexad_segments"), "0") << "there are none in memory";
  EXPECT_EQ(client_->Ask("delete from hexad_status").sqlstate.substr(0, 2), "42");
}

TEST_F(SqlVolumeTest, ACommitHasAReceipt) {
  EXPECT_EQ(Ask("insert into t values (1)"), "");
  EXPECT_EQ(Ask("select lsn, event, node, after_us from hexad_last_commit"),
            Vdl() + "|ack|n1|5;" + Vdl() + "|durable|(null)|7");
  EXPECT_EQ(Client()->Ask("select * from hexad_last_commit").Text(), "")
      << "another connection's commit";
}

TEST_F(SqlVolumeTest, ItGoesBackAndForwardAgain) {
  Ask("insert into t values (1)");
  const std::string kept = Vdl();
  Ask("insert into t values (2)");
  const std::string newest = Vdl();
  const auto other = Client();
  other->Ask("begin");
  other->Ask("insert into t values (3)");
  const std::string said = Ask("select hexad_backtrack('" + kept + "')");
  EXPECT_THAT(said, HasSubstr("LSN " + kept));
  EXPECT_THAT(said, HasSubstr("hexad_backtrack('" + newest + "')"));
  EXPECT_EQ(Ask("select a from t"), "1");
  EXPECT_EQ(other->Ask("commit").sqlstate, "40001") << "what was going on ended with it";
  EXPECT_EQ(Ask("insert into t values (4)"), "") << "it is written to at once";
  EXPECT_EQ(Ask("select a from t order by a"), "1;4");
}

TEST_F(SqlVolumeTest, PlacesThatThereAreNotAreRefused) {
  EXPECT_EQ(client_->Ask("select hexad_backtrack('yesterday')").sqlstate, "22023");
  EXPECT_EQ(client_->Ask("select hexad_backtrack('999999')").sqlstate, "22023");
  client_->Ask("begin");
  const PqAnswer inside = client_->Ask("select hexad_backtrack('1')");
  EXPECT_EQ(inside.sqlstate, "25001");
  EXPECT_THAT(inside.message, HasSubstr("transaction block"));
  client_->Ask("rollback");
  const auto past = Client(name_ + "@" + Vdl());
  EXPECT_EQ(past->Ask("select hexad_backtrack('1')").sqlstate, "25001");
  EXPECT_EQ(client_->Ask("select hexad_clone('dev')").sqlstate, "58030") << "made by the process";
}

TEST_F(SqlVolumeTest, APlaceIsAnLsn) {
  EXPECT_EQ(Ask("select hexad_lsn_at('" + Vdl() + "')"), Vdl());
  EXPECT_EQ(Ask("select hexad_lsn_at('-1h')"), "(null)") << "nothing was committed by then";
}

TEST_F(SqlVolumeTest, ATokenTellsWhatBecameOfACommit) {
  volume_->durable_at_once = false;
  auto doubtful =
      std::async(std::launch::async, [this] { return client_->Ask("insert into t values (1)"); });
  ASSERT_TRUE(volume_->AwaitWaiting(1));
  volume_->GiveUpOnWhatWaits(MakeUserError(UserError::kCommitUnknown, "no quorum answered"));
  const PqAnswer told = doubtful.get();
  EXPECT_EQ(told.sqlstate, "08007");
  const std::string ask = told.hint.substr(0, told.hint.find(')') + 1);
  ASSERT_THAT(ask, HasSubstr("select hexad_commit_status('"));
  const auto other = Client();
  EXPECT_EQ(other->Ask(ask).Text(), "unknown");
  volume_->MakeDurable();
  EXPECT_EQ(other->Ask(ask).Text(), "committed");
  volume_->durable_at_once = true;
  volume_->GoBackTo(Lsn(1));
  EXPECT_EQ(other->Ask(ask).Text(), "not committed");
  EXPECT_EQ(other->Ask("select hexad_commit_status('ffff-1')").sqlstate, "22023");
  EXPECT_EQ(other->Ask("select hexad_commit_status('7')").sqlstate, "22023");
}

TEST_F(SqlVolumeTest, ACommitThatIsFencedOnItsWayIsInDoubt) {
  const auto reader = Client();
  volume_->durable_at_once = false;
  auto doubtful =
      std::async(std::launch::async, [this] { return client_->Ask("insert into t values (1)"); });
  ASSERT_TRUE(volume_->AwaitWaiting(1));
  auto reading = std::async(std::launch::async, [&] {
    reader->Ask("begin");
    return reader->Ask("select * from t");  // of what is not durable yet
  });
  ASSERT_TRUE(volume_->AwaitWaiting(2));
  volume_->GiveUpOnWhatWaits(MakeUserError(UserError::kFenced, "by epoch 7"));
  const PqAnswer told = doubtful.get();
  EXPECT_EQ(told.sqlstate, "08007") << "it may be in the next writer's history";
  EXPECT_THAT(told.hint, HasSubstr("hexad_commit_status("));
  EXPECT_EQ(reading.get().sqlstate, "57P01") << "it has committed nothing";
}

}  // namespace
}  // namespace hexad::compute::sql
