// A thousand clients at once, and what they cost while they say nothing.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <vector>

#include "cli/launcher/record_json.h"
#include "tests/cluster/scratch_cluster.h"
#include "tests/unit/pq_client.h"

namespace hexad::cluster_test {
namespace {

constexpr int kConnections = 1'000;
constexpr int64_t kMostKilobytes = 50;  // of one that is idle

int64_t ResidentKilobytes(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::atoll(line.c_str() + 6);
  }
  return 0;
}

// Sockets of this process.
void RaiseFileLimit() {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_GE(limit.rlim_max, rlim_t{2 * kConnections}) << "ulimit -Hn";
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST(SqlConnections, AThousandWorkAndCostLittleWhileTheyAreIdle) {
  ASSERT_NO_FATAL_FAILURE(RaiseFileLimit());
  ScratchCluster cluster;
  const std::string address = cluster.launcher().record().compute_sql;
  const int port = std::atoi(address.substr(address.rfind(':') + 1).c_str());
  const auto compute = cluster.launcher().dir().Remembered("compute");
  ASSERT_TRUE(compute.has_value());
  unit::PqClient first(port, "main");
  ASSERT_EQ(first.Ask("create table t (a integer primary key, b text)").sqlstate, "");
  ASSERT_EQ(first.Ask("insert into t values (1, 'one')").sqlstate, "");

  const int64_t before = ResidentKilobytes(compute->pid);
  std::vector<std::unique_ptr<unit::PqClient>> clients;
  for (int i = 0; i < kConnections; ++i) {
    clients.push_back(std::make_unique<unit::PqClient>(port, "main"));
    ASSERT_TRUE(clients.back()->connected()) << i << ": " << clients.back()->error();
    ASSERT_EQ(clients.back()->Ask("select b from t where a = 1").Text(), "one") << i;
  }
  const int64_t each = (ResidentKilobytes(compute->pid) - before) / kConnections;
  std::cout << kConnections << " idle connections cost " << each << " KiB each\n";
  EXPECT_LT(each, kMostKilobytes);
  EXPECT_EQ(clients.front()->Ask("insert into t values (2, 'two')").tag, "INSERT 0 1");
  EXPECT_EQ(clients.back()->Ask("select count(*) from t").Text(), "2");
}

}  // namespace
}  // namespace hexad::cluster_test
