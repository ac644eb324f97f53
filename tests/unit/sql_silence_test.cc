// Clients that say nothing, or take nothing, and what that is allowed to cost others.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <fstream>
#include <future>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/settings.h"
#include "tests/unit/sql_endpoint.h"

namespace hexad::compute::sql {
namespace {

using std::chrono::milliseconds;
using unit::PqAnswer;
using unit::PqClient;
using unit::SqlEndpoint;

constexpr milliseconds kSilence{300};
constexpr milliseconds kLong{10'000};
constexpr char kEnded[] = "25P03";

class SqlSilenceTest : public unit::SqlEndpointTest {
 protected:
  static void SetUpTestSuite() {
    ServerOptions options = SqlEndpoint::Defaults();
    options.place_timeout = Duration::Millis(kLong.count());
    options.silent_writer_timeout = Duration::Millis(kSilence.count());
    SqlEndpoint::The(options);
  }
  SqlSilenceTest() { Client()->Ask("create table t(id integer primary key, name text)"); }

  // The server has said something, or ended the connection, that the client has not looked at.
  static bool Heard(PqClient& client, milliseconds within) {
    pollfd socket{PQsocket(client.raw()), POLLIN, 0};
    return poll(&socket, 1, static_cast<int>(within.count())) == 1;
  }
  // What a client finds that was ended: the first answer says why, there is no other.
  static std::string EndOf(PqClient& client) {
    EXPECT_TRUE(Heard(client, kLong));
    PQsendQuery(client.raw(), "select 1");
    const std::string sqlstate = client.Taken(PQgetResult(client.raw())).sqlstate;
    while (PGresult* more = PQgetResult(client.raw())) {
      EXPECT_NE(client.Taken(more).sqlstate, sqlstate) << "told twice";
    }
    EXPECT_FALSE(client.connected());
    return sqlstate;
  }
  PqAnswer Insert(int id) {
    return Client()->Ask(absl::StrCat("insert into t values (", id, ", 'x')"));
  }
  std::string Ids() { return Client()->Ask("select id from t order by id").Text(); }
};

// --- the writer's place --------------------------------------------------------------------------

TEST_F(SqlSilenceTest, ASilentWriterMakesRoomForWhoWaits) {
  const auto writer = Client();
  writer->Ask("begin; insert into t values (1, 'gone')");
  EXPECT_EQ(Insert(2).tag, "INSERT 0 1");
  EXPECT_EQ(EndOf(*writer), kEnded);
  EXPECT_EQ(Ids(), "2");
}

TEST_F(SqlSilenceTest, ASilentWriterThatNobodyWaitsForIsLeftAlone) {
  const auto writer = Client();
  writer->Ask("begin; insert into t values (1, 'stays')");
  EXPECT_FALSE(Heard(*writer, 3 * kSilence));
  EXPECT_EQ(writer->Ask("commit").tag, "COMMIT");
  EXPECT_EQ(Ids(), "1");
}

TEST_F(SqlSilenceTest, WhoComesToAWriterThatHasLongBeenSilentNeedNotWaitAsLongAgain) {
  const auto writer = Client();
  writer->Ask("begin; insert into t values (1, 'gone')");
  EXPECT_FALSE(Heard(*writer, 2 * kSilence));
  const auto came = std::chrono::steady_clock::now();
  EXPECT_EQ(Insert(2).tag, "INSERT 0 1");
  EXPECT_LT(std::chrono::steady_clock::now() - came, kSilence);
  EXPECT_EQ(EndOf(*writer), kEnded);
}

TEST_F(SqlSilenceTest, AWriterThatActsKeepsItsPlace) {
  const auto writer = Client();
  writer->Ask("begin; insert into t values (1, 'stays')");
  auto other = std::async(std::launch::async, [&] { return Insert(2); });
  const auto until = std::chrono::steady_clock::now() + 3 * kSilence;
  while (std::chrono::steady_clock::now() < until) {
    ASSERT_TRUE(writer->Ask("select count(*) from t").ok());
    Heard(*writer, milliseconds(10));
  }
  EXPECT_EQ(other.wait_for(milliseconds(0)), std::future_status::timeout);
  EXPECT_EQ(writer->Ask("commit").tag, "COMMIT");
  EXPECT_EQ(other.get().tag, "INSERT 0 1");
  EXPECT_EQ(Ids(), "1;2");
}

TEST_F(SqlSilenceTest, ACopyWhoseLinesStayOutMakesRoom) {
  const auto writer = Client();
  PQclear(PQexec(writer->raw(), "copy t from stdin"));
  ASSERT_EQ(PQputCopyData(writer->raw(), "1\tgone\n", 7), 1);
  ASSERT_EQ(PQflush(writer->raw()), 0);
  EXPECT_EQ(Insert(2).tag, "INSERT 0 1");
  EXPECT_TRUE(Heard(*writer, kLong));
  PQputCopyEnd(writer->raw(), nullptr);
  EXPECT_EQ(writer->Taken(PQgetResult(writer->raw())).sqlstate, kEnded);
  EXPECT_EQ(Ids(), "2");
}

// It is no transaction block, and has written all it will; but the client was not told of it.
TEST_F(SqlSilenceTest, AWriterThatDoesNotTakeItsRowsMakesRoom) {
  const auto writer = Client();
  PQsendQuery(writer->raw(),
              "with recursive n(i) as (select 10 union all select i + 1 from n where i < 5000) "
              "insert into t select i, hex(zeroblob(2000)) from n returning name");
  ASSERT_TRUE(Heard(*writer, kLong));
  EXPECT_EQ(Insert(2).tag, "INSERT 0 1");
  EXPECT_EQ(Ids(), "2");
}

// --- idle in a transaction -----------------------------------------------------------------------

TEST_F(SqlSilenceTest, WhoIsIdleInATransactionForTooLongIsEnded) {
  const auto client = Client();
  client->Ask("set idle_in_transaction_session_timeout to '50ms'");
  client->Ask("begin; select count(*) from t");
  EXPECT_EQ(EndOf(*client), kEnded);
  const auto failed = Client();
  failed->Ask("set idle_in_transaction_session_timeout to 50");
  failed->Ask("begin; insert into t values (1, 'gone'); select nonsense");
  EXPECT_EQ(failed->transaction(), 'E');
  EXPECT_EQ(EndOf(*failed), kEnded);
  EXPECT_EQ(Ids(), "");
}

TEST_F(SqlSilenceTest, WhoIsIdleOutsideOfATransactionIsLeftAlone) {
  const auto client = Client();
  client->Ask("set idle_in_transaction_session_timeout to '50ms'");
  client->Ask("begin; insert into t values (1, 'stays'); commit");
  EXPECT_FALSE(Heard(*client, milliseconds(200)));
  client->Ask("set idle_in_transaction_session_timeout to 0");
  client->Ask("begin");
  EXPECT_FALSE(Heard(*client, milliseconds(200)));
  EXPECT_EQ(client->Ask("commit").tag, "COMMIT");
}

// What it read is not durable yet: it is the server that is silent.
TEST_F(SqlSilenceTest, WhoWaitsForItsAnswerIsNotIdle) {
  const auto client = Client();
  client->Ask("set idle_in_transaction_session_timeout to '200ms'");
  volume_->durable_at_once = false;
  auto other = std::async(std::launch::async, [&] { return Insert(1); });
  ASSERT_TRUE(volume_->AwaitWaiting(1));
  ASSERT_TRUE(client->Ask("begin").ok());
  PQsendQuery(client->raw(), "select count(*) from t");
  EXPECT_FALSE(Heard(*client, milliseconds(500)));
  volume_->MakeDurable();
  EXPECT_EQ(client->Taken(PQgetResult(client->raw())).Text(), "1");
  EXPECT_EQ(other.get().tag, "INSERT 0 1");
}

TEST_F(SqlSilenceTest, TheTimeoutIsSetAndShownWithPostgresqlsUnits) {
  const auto client = Client();
  const auto shown = [&](const std::string& value) {
    const PqAnswer set = client->Ask("set idle_in_transaction_session_timeout = " + value);
    if (!set.ok()) return set.sqlstate;
    return client->Ask("show idle_in_transaction_session_timeout").Text();
  };
  EXPECT_EQ(client->Ask("show idle_in_transaction_session_timeout").Text(), "0");
  EXPECT_EQ(shown("1500"), "1500ms");
  EXPECT_EQ(shown("90000"), "90s");
  EXPECT_EQ(shown("'120 s'"), "2min");
  EXPECT_EQ(shown("' 1.5h '"), "90min");
  EXPECT_EQ(shown("'2d'"), "2d");
  EXPECT_EQ(shown("'2400us'"), "2ms");
  EXPECT_EQ(shown("2147483647"), "2147483647ms");
  for (const char* wrong : {"'soon'", "''", "'5 weeks'", "'1.2.3s'", "'5S'", "'s'", "-1", "'25d'",
                            "2147483648", "'5s 3'", "'1e3'"}) {
    EXPECT_EQ(shown(wrong), "22023") << wrong;
  }
  EXPECT_EQ(shown("default"), "0");
  shown("7s");
  EXPECT_EQ(client->Ask("reset all").tag, "RESET");
  EXPECT_EQ(client->Ask("show idle_in_transaction_session_timeout").Text(), "0");
}

TEST_F(SqlSilenceTest, AClientMayAskForTheTimeoutWhenItComes) {
  Settings settings(/*read_only=*/false);
  StartupMessage startup;
  startup.parameters = {{"idle_in_transaction_session_timeout", "60s"}};
  EXPECT_TRUE(settings.Start(startup).ok());
  EXPECT_EQ(settings.IdleInTransaction(), Duration::Seconds(60));
  startup.parameters = {{"idle_in_transaction_session_timeout", "soon"}};
  EXPECT_TRUE(absl::IsInvalidArgument(settings.Start(startup)));
}

// --- who is gone without a word ------------------------------------------------------------------

// The system's own list of connections: its columns 2 to 4 are our end, the client's, the state;
// the sixth is the timer that runs, 02 for probes, and when it ends.
std::string ServersTimer(int server_port, PqClient& client) {
  sockaddr_in mine{};
  socklen_t size = sizeof mine;
  getsockname(PQsocket(client.raw()), reinterpret_cast<sockaddr*>(&mine), &size);
  const auto end = [](int port) {
    return absl::StrCat("0100007F:", absl::Hex(port, absl::kZeroPad4));
  };
  std::ifstream connections("/proc/net/tcp");
  for (std::string line; std::getline(connections, line);) {
    std::istringstream words(absl::AsciiStrToLower(line));
    std::string number, local, remote, state, queues, timer;
    words >> number >> local >> remote >> state >> queues >> timer;
    if (local == absl::AsciiStrToLower(end(server_port)) &&
        remote == absl::AsciiStrToLower(end(ntohs(mine.sin_port)))) {
      return timer;
    }
  }
  return "none";
}

TEST_F(SqlSilenceTest, AnIdleClientIsProbedWithinHalfAMinute) {
  const auto client = Client();
  client->Ask("select 1");
  std::string timer = ServersTimer(SqlEndpoint::The().port(), *client);
  // Until the client's system has acknowledged the answer, it is the retransmission's.
  for (int i = 0; i < 200 && timer.starts_with("01:"); ++i) {
    EXPECT_FALSE(Heard(*client, milliseconds(50)));
    timer = ServersTimer(SqlEndpoint::The().port(), *client);
  }
  ASSERT_EQ(timer.substr(0, 3), "02:") << timer;
  // In hundredths of a second, whatever the kernel counts in.
  EXPECT_LE(std::stoul(timer.substr(3), nullptr, 16), 3'000U);
}

}  // namespace
}  // namespace hexad::compute::sql
