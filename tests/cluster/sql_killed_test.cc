// SQL on real processes that are killed: what a client saw committed is there, exactly once, and
// the database is whole.
//
//   HEXAD_SQL_KILLS=50 build/bin/cluster_sql_killed_test
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cli/launcher/record_json.h"
#include "cli/launcher/wait.h"
#include "tests/cluster/scratch_cluster.h"
#include "tests/cluster/sql_load.h"

namespace hexad::cluster_test {
namespace {

using testing::IsSubsetOf;

int Kills() {
  const char* asked = std::getenv("HEXAD_SQL_KILLS");
  return asked == nullptr ? 6 : std::atoi(asked);
}

class SqlKilled : public testing::Test {
 protected:
  int Port() {
    const std::string address = cluster_.launcher().record().compute_sql;
    return std::atoi(address.substr(address.rfind(':') + 1).c_str());
  }
  void KillCompute() {
    const auto compute = cluster_.launcher().dir().Remembered("compute");
    ASSERT_TRUE(compute.has_value());
    ASSERT_EQ(kill(compute->pid, SIGKILL), 0);
  }
  static void AwaitCommits(const SqlLoad& load, uint64_t count) {
    const absl::Status waited =
        launcher::WaitUntil({"the clients' commits", launcher::Millis(30'000), ""},
                            [&]() -> absl::StatusOr<bool> { return load.commits() >= count; });
    ASSERT_TRUE(waited.ok()) << waited << ", there are " << load.commits();
  }
  // Of the SQL endpoint of a compute that writes this log.
  static int PortIn(const std::string& log) {
    int port = 0;
    const absl::Status waited =
        launcher::WaitUntil({"the other compute to serve", launcher::Millis(30'000), log},
                            [&]() -> absl::StatusOr<bool> {
                              constexpr std::string_view kSays = "SQL on port ";
                              std::ifstream in(log);
                              const std::string text(std::istreambuf_iterator<char>(in), {});
                              const size_t at = text.find(kSays);
                              if (at == std::string::npos) return false;
                              port = std::atoi(text.c_str() + at + kSays.size());
                              return unit::PqClient(port, "main").connected();
                            });
    EXPECT_TRUE(waited.ok()) << waited;
    return port;
  }
  void ExpectSixEqualSegments() {
    const Outcome verify = cluster_.Run({"verify", "main"}, 120);
    EXPECT_EQ(verify.exit_code, 0) << verify.Said();
  }

  ScratchCluster cluster_;
};

TEST_F(SqlKilled, EveryCommitThatAClientSawIsThereAfterKillMinusNine) {
  ASSERT_GT(Kills(), 0) << "HEXAD_SQL_KILLS";
  SqlLoad load(Port());
  ASSERT_EQ(load.CreateTables(), "");
  for (int i = 1; i <= Kills(); ++i) {
    load.Start();
    AwaitCommits(load, load.commits() + 200);
    KillCompute();
    load.Stop();
    ASSERT_EQ(cluster_.Run({"restart", "compute"}).exit_code, 0) << "kill " << i;
    ASSERT_EQ(Compare(Port(), load.outcomes()), "") << "kill " << i;
  }
  const SqlOutcomes& told = load.outcomes();
  EXPECT_THAT(told.states, IsSubsetOf({"lost", "40001"}));
  EXPECT_GT(told.doubtful.size(), 0u) << "no kill met a commit on its way";
  std::cout << Kills() << " kills: " << told.committed.size() << " committed, "
            << told.doubtful.size() << " in doubt, " << told.refused.size() << " refused\n";
  ExpectSixEqualSegments();
}

TEST_F(SqlKilled, AZoneThatGoesAndANodeThatHangsCostNoTransaction) {
  SqlLoad load(Port());
  ASSERT_EQ(load.CreateTables(), "");
  load.Start();
  AwaitCommits(load, 200);
  ASSERT_EQ(cluster_.Run({"kill", "az:c"}).exit_code, 0);
  AwaitCommits(load, load.commits() + 200);
  ASSERT_EQ(cluster_.Run({"restart", "az:c"}).exit_code, 0);
  AwaitCommits(load, load.commits() + 200);
  ASSERT_EQ(cluster_.Run({"pause", "n1"}).exit_code, 0);
  AwaitCommits(load, load.commits() + 200);
  ASSERT_EQ(cluster_.Run({"resume", "n1"}).exit_code, 0);
  AwaitCommits(load, load.commits() + 200);
  load.Stop();
  EXPECT_THAT(load.outcomes().states, testing::IsEmpty());
  EXPECT_EQ(Compare(Port(), load.outcomes()), "");
  ExpectSixEqualSegments();
}

TEST_F(SqlKilled, WithoutAQuorumClientsAreToldAndNothingIsLost) {
  SqlLoad load(Port());
  ASSERT_EQ(load.CreateTables(), "");
  load.Start();
  AwaitCommits(load, 200);
  for (const char* node : {"n1", "n3", "n5"}) {
    ASSERT_EQ(cluster_.Run({"kill", node, "--force"}).exit_code, 0);
  }
  const absl::Status told =
      launcher::WaitUntil({"a client to be told", launcher::Millis(30'000), ""},
                          [&]() -> absl::StatusOr<bool> { return load.troubles() > 0; });
  EXPECT_TRUE(told.ok()) << told;
  unit::PqClient reader(Port(), "main");
  EXPECT_EQ(reader.Ask("select count(*) > 0 from transfer").Text(), "1") << "reads go on";
  load.Stop();
  EXPECT_THAT(load.outcomes().states, IsSubsetOf({"25006", "08007"}));
  for (const char* node : {"n1", "n3", "n5"}) {
    ASSERT_EQ(cluster_.Run({"restart", node}).exit_code, 0);
  }
  load.Start();
  AwaitCommits(load, load.commits() + 200);
  load.Stop();
  EXPECT_EQ(Compare(Port(), load.outcomes()), "");
}

TEST_F(SqlKilled, ABacktrackIsOneErrorForWhoIsInATransaction) {
  SqlLoad load(Port());
  ASSERT_EQ(load.CreateTables(), "");
  unit::PqClient client(Port(), "main");
  const std::string before = client.Ask("select vdl from hexad_status").Text();
  client.Ask("delete from account");
  const std::string after = client.Ask("select vdl from hexad_status").Text();
  unit::PqClient other(Port(), "main");
  ASSERT_TRUE(other.Ask("begin").ok());
  ASSERT_TRUE(other.Ask("insert into account values (1000, 1)").ok());
  ASSERT_EQ(cluster_.Run({"backtrack", "main", "--to", before}).exit_code, 0);
  EXPECT_EQ(other.Ask("commit").sqlstate, "40001");
  EXPECT_EQ(other.Ask("select count(*) from account").Text(), "64") << "the session goes on";
  ASSERT_EQ(cluster_.Run({"backtrack", "main", "--to", after}).exit_code, 0);
  EXPECT_EQ(other.Ask("select count(*) from account").Text(), "0") << "and forward again";
  EXPECT_EQ(client.Ask("insert into account values (1, 1)").tag, "INSERT 0 1");
}

TEST_F(SqlKilled, ANewWriterEndsTheSessionsOfTheOldOne) {
  SqlLoad load(Port());
  ASSERT_EQ(load.CreateTables(), "");
  load.Start();
  AwaitCommits(load, 200);
  unit::PqClient idle(Port(), "main");
  ASSERT_TRUE(idle.Ask("select 1").ok());
  const std::string log = cluster_.folder().root() + "/second.log";
  const auto second = launcher::Spawn(
      {{HEXAD_BIN_DIR "/hexad-compute", "--id", "second", "--topology",
        cluster_.launcher().dir().topology_file(), "--sql", "127.0.0.1:0", "--volume", "main"},
       log});
  ASSERT_TRUE(second.ok()) << second.status();
  load.Await();
  EXPECT_THAT(load.outcomes().states, IsSubsetOf({"57P01", "08007", "lost"}));
  EXPECT_EQ(idle.Ask("insert into transfer values (99, 1)").sqlstate, "57P01");
  EXPECT_EQ(Compare(PortIn(log), load.outcomes()), "") << "the new writer has it all";
  EXPECT_TRUE(launcher::Signal(*second, SIGKILL).ok());
}

}  // namespace
}  // namespace hexad::cluster_test
