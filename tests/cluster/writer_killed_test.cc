// F6 again and again: the writer is killed at full speed; every acknowledged MTR is there, none is
// partly applied, and the six segments are equal. Real processes, real disks, through the command
// itself.
//   HEXAD_CYCLES=500 build/bin/cluster_writer_killed_test
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;

const char* const kHexad = HEXAD_BIN_DIR "/hexad";

pid_t Spawn(const std::vector<std::string>& arguments) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  std::vector<char*> argv;
  std::vector<std::string> copy = arguments;
  for (std::string& argument : copy) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv(kHexad, argv.data());
  _exit(127);
}

int WaitFor(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class WriterKilled : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("hexad-writer-killed-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    ASSERT_EQ(Run({"up"}), 0);
  }
  void TearDown() override {
    EXPECT_EQ(Run({"down", "--wipe"}), 0);
    fs::remove_all(folder_);
  }

  std::vector<std::string> Command(std::vector<std::string> words) const {
    words.insert(words.begin(), {"hexad", "--dir", (folder_ / "cluster").string()});
    return words;
  }
  int Run(const std::vector<std::string>& words) const { return WaitFor(Spawn(Command(words))); }

  fs::path folder_;
};

TEST_F(WriterKilled, NothingAcknowledgedIsMissing) {
  const char* asked = std::getenv("HEXAD_CYCLES");
  const int cycles = asked == nullptr ? 50 : std::atoi(asked);
  for (int cycle = 0; cycle < cycles; ++cycle) {
    const std::string acks = (folder_ / ("acks-" + std::to_string(cycle))).string();
    const pid_t writer =
        Spawn(Command({"bench", "write", "--seconds", "60", "--ack-log", acks, "--json"}));
    // Killed in full flight: some MTRs are acknowledged, others are under way. Another moment each
    // time.
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const auto enough = static_cast<uintmax_t>(60000 + 30000 * (cycle % 7));
    while (!fs::exists(acks) || fs::file_size(acks) < enough) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "cycle " << cycle << ": no acks";
      ASSERT_EQ(waitpid(writer, nullptr, WNOHANG), 0) << "cycle " << cycle << ": the writer ended";
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_EQ(kill(writer, SIGKILL), 0);
    ASSERT_EQ(WaitFor(writer), 128 + SIGKILL);
    ASSERT_EQ(Run({"verify", "bench", "--ack-log", acks}), 0) << "cycle " << cycle;
  }
}

}  // namespace
