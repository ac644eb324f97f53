// psql, as it is, against a compute that asks for passwords.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/launcher/wait.h"
#include "tests/cluster/scratch_cluster.h"

namespace hexad::cluster_test {
namespace {

using testing::HasSubstr;

class SqlLogin : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(file_) << "alice:pencil\n";
    std::filesystem::permissions(file_, std::filesystem::perms(0600));
  }
  ~SqlLogin() override {
    if (!compute_.has_value()) return;
    EXPECT_TRUE(launcher::Signal(*compute_, SIGKILL).ok());
  }
  std::vector<std::string> Compute() {
    return {HEXAD_BIN_DIR "/hexad-compute",
            "--id",
            "second",
            "--topology",
            cluster_.launcher().dir().topology_file(),
            "--sql",
            "127.0.0.1:0",
            "--volume",
            "main",
            "--password-file",
            file_};
  }
  std::string Log() const {
    std::ifstream in(log_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Until it serves SQL; its port.
  std::string Start() {
    auto compute = launcher::Spawn({Compute(), log_});
    EXPECT_TRUE(compute.ok()) << compute.status();
    if (compute.ok()) compute_ = *compute;
    constexpr std::string_view kSays = "SQL on port ";
    const absl::Status waited = launcher::WaitUntil(
        {"the compute to serve SQL", launcher::Millis(30'000), log_},
        [&]() -> absl::StatusOr<bool> { return Log().find(kSays) != std::string::npos; });
    EXPECT_TRUE(waited.ok()) << waited;
    const std::string text = Log();
    const size_t at = text.find(kSays) + kSays.size();
    return text.substr(at, text.find('\n', at) - at);
  }
  static Outcome Psql(const std::string& port, const std::string& user,
                      const std::string& password) {
    return RunProgram({"/usr/bin/env", "PGPASSWORD=" + password, "psql", "-h", "127.0.0.1", "-p",
                       port, "-U", user, "-d", "main", "-X", "-w", "-A", "-t", "-c",
                       "select 6 * 7"});
  }

  ScratchCluster cluster_;
  const std::string file_ = cluster_.folder().root() + "/passwords";
  const std::string log_ = cluster_.folder().root() + "/second.log";
  std::optional<launcher::ProcessIdentity> compute_;
};

TEST_F(SqlLogin, PsqlLogsInWithThePasswordAndWithNoOther) {
  const std::string port = Start();
  // It takes the volume from the cluster's own compute first.
  const absl::Status served = launcher::WaitUntil(
      {"alice's session", launcher::Millis(30'000), log_},
      [&]() -> absl::StatusOr<bool> { return Psql(port, "alice", "pencil").exit_code == 0; });
  ASSERT_TRUE(served.ok()) << served << Psql(port, "alice", "pencil").Said();
  EXPECT_EQ(Psql(port, "alice", "pencil").out, "42\n");
  for (const auto& [user, password] : {std::pair("alice", "pen"), std::pair("bob", "pencil")}) {
    const Outcome refused = Psql(port, user, password);
    EXPECT_EQ(refused.exit_code, 2) << refused.Said();
    EXPECT_THAT(refused.err, HasSubstr("password authentication failed for user"));
  }
}

TEST_F(SqlLogin, AFileThatOthersCanReadIsRefused) {
  std::filesystem::permissions(file_, std::filesystem::perms(0644));
  const Outcome refused = RunProgram(Compute());
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("others can read the password file"));
}

}  // namespace
}  // namespace hexad::cluster_test
