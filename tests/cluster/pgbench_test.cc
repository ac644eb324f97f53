// PostgreSQL's own pgbench, as Debian ships it, with a script of upserts: in each of its three ways
// to send a statement, and while the compute is killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

#include "cli/launcher/wait.h"
#include "tests/cluster/scratch_cluster.h"
#include "tests/unit/pq_client.h"

namespace hexad::cluster_test {
namespace {

constexpr char kPgbench[] = "/usr/bin/pgbench";
constexpr int kClients = 4;
// Each transaction adds 1 to the sum of n, whichever row it meets.
constexpr char kUpsert[] =
    "\\set id random(1, 200)\n"
    "INSERT INTO upserted (id, n) VALUES (:id, 1)"
    " ON CONFLICT (id) DO UPDATE SET n = upserted.n + 1;\n";

class Pgbench : public testing::Test {
 protected:
  Pgbench() {
    // Debian's postgresql-client has a program of that name which may find no pgbench.
    if (RunProgram({kPgbench, "--version"}).exit_code == 0) cluster_.emplace();
  }
  void SetUp() override {
    if (!cluster_.has_value())
      GTEST_SKIP() << kPgbench << " does not run here (Debian's postgresql-15 has it)";
    ASSERT_FALSE(HasFatalFailure());
    script_ = cluster_->folder().Write("upsert.sql", kUpsert);
    unit::PqClient client(Port(), "main");
    ASSERT_EQ(client.Ask("create table upserted (id integer primary key, n integer not null)").tag,
              "CREATE TABLE");
  }
  int Port() {
    const std::string address = cluster_->launcher().record().compute_sql;
    return std::atoi(address.substr(address.rfind(':') + 1).c_str());
  }
  std::vector<std::string> Command(const std::string& mode, const std::string& how_long,
                                   int how_much) {
    return {kPgbench, "-n",        "-M",     mode,
            "-f",     script_,     "-c",     std::to_string(kClients),
            "-j",     "2",         how_long, std::to_string(how_much),
            "-h",     "127.0.0.1", "-p",     std::to_string(Port()),
            "main"};
  }
  int64_t Upserted() {
    unit::PqClient client(Port(), "main");
    return std::atoll(client.Ask("select coalesce(sum(n), 0) from upserted").Text().c_str());
  }
  // What pgbench says it has processed; -1 if it does not.
  static int64_t Processed(const std::string& said) {
    constexpr std::string_view kSays = "number of transactions actually processed: ";
    const size_t at = said.find(kSays);
    return at == std::string::npos ? -1 : std::atoll(said.c_str() + at + kSays.size());
  }

  std::optional<ScratchCluster> cluster_;
  std::string script_;
};

TEST_F(Pgbench, UpsertsInEveryWayToSendThem) {
  constexpr int kEach = 250;
  int64_t expected = 0;
  for (const char* mode : {"simple", "extended", "prepared"}) {
    const Outcome outcome = RunProgram(Command(mode, "-t", kEach));
    ASSERT_EQ(outcome.exit_code, 0) << mode << outcome.Said();
    EXPECT_EQ(Processed(outcome.out), kClients * kEach) << mode << outcome.Said();
    EXPECT_THAT(outcome.out, testing::HasSubstr("number of failed transactions: 0"));
    expected += kClients * kEach;
    EXPECT_EQ(Upserted(), expected) << mode;
  }
}

TEST_F(Pgbench, WhatItWasToldIsThereAfterKillMinusNine) {
  const std::string log = cluster_->folder().root() + "/pgbench.log";
  const auto pgbench = launcher::Spawn({Command("prepared", "-T", 60), log});
  ASSERT_TRUE(pgbench.ok()) << pgbench.status();
  const absl::Status under_way =
      launcher::WaitUntil({"upserts", launcher::Millis(30'000), log},
                          [&]() -> absl::StatusOr<bool> { return Upserted() >= 200; });
  ASSERT_TRUE(under_way.ok()) << under_way;
  const auto compute = cluster_->launcher().dir().Remembered("compute");
  ASSERT_TRUE(compute.has_value());
  ASSERT_EQ(kill(compute->pid, SIGKILL), 0);
  const absl::Status ended = launcher::WaitUntil(
      {"pgbench to end", launcher::Millis(30'000), log}, [&]() -> absl::StatusOr<bool> {
        return launcher::StateOf(*pgbench) == launcher::ProcessState::kDown;
      });
  ASSERT_TRUE(ended.ok()) << ended;
  ASSERT_EQ(cluster_->Run({"restart", "compute"}).exit_code, 0);

  std::ifstream in(log);
  const std::string said(std::istreambuf_iterator<char>(in), {});
  const int64_t processed = Processed(said);
  ASSERT_GE(processed, 200) << said;
  EXPECT_GE(Upserted(), processed) << "committed and not there";
  EXPECT_LE(Upserted(), processed + kClients) << "at most one of each client was in doubt";
  unit::PqClient client(Port(), "main");
  EXPECT_EQ(client.Ask("pragma integrity_check").Text(), "ok");
  const Outcome verify = cluster_->Run({"verify", "main"}, 120);
  EXPECT_EQ(verify.exit_code, 0) << verify.Said();
}

}  // namespace
}  // namespace hexad::cluster_test
