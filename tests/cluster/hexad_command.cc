#include "tests/cluster/hexad_command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace hexad::cluster_test {
namespace {

// A file that is gone when its name is no longer needed.
class ScratchFile {
 public:
  ScratchFile() {
    std::string pattern = testing::TempDir() + "/hexad-out-XXXXXX";
    fd_ = mkstemp(pattern.data());
    path_ = pattern;
  }
  ~ScratchFile() {
    close(fd_);
    unlink(path_.c_str());
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  int fd() const { return fd_; }
  std::string Text() const {
    std::ifstream in(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

 private:
  int fd_ = -1;
  std::string path_;
};

pid_t Start(const std::vector<std::string>& argv, int out, int err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  std::vector<char*> raw;
  for (const std::string& word : argv) raw.push_back(const_cast<char*>(word.c_str()));
  raw.push_back(nullptr);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, raw[0], &actions, nullptr, raw.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return failed == 0 ? pid : -1;
}

// The exit code, or -1 after a signal or at the deadline (then the process was killed).
int WaitFor(pid_t pid, std::chrono::steady_clock::time_point deadline) {
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

std::string BinDir() { return HEXAD_BIN_DIR; }

Outcome RunProgram(const std::vector<std::string>& argv, double deadline_seconds) {
  const ScratchFile out;
  const ScratchFile err;
  const auto begin = std::chrono::steady_clock::now();
  const pid_t pid = Start(argv, out.fd(), err.fd());
  Outcome outcome;
  if (pid < 0) {
    outcome.err = "cannot start " + argv[0];
    return outcome;
  }
  const auto limit = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(deadline_seconds));
  outcome.exit_code = WaitFor(pid, begin + limit);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  outcome.out = out.Text();
  outcome.err = err.Text();
  return outcome;
}

Outcome Hexad(const std::vector<std::string>& arguments, double deadline_seconds) {
  std::vector<std::string> argv = {BinDir() + "/hexad"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return RunProgram(argv, deadline_seconds);
}

BackgroundHexad::BackgroundHexad(const std::vector<std::string>& arguments,
                                 const std::string& log_file) {
  std::vector<std::string> argv = {BinDir() + "/hexad"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  auto spawned = launcher::Spawn({argv, log_file});
  EXPECT_TRUE(spawned.ok()) << spawned.status();
  if (spawned.ok()) identity_ = *spawned;
}

BackgroundHexad::~BackgroundHexad() {
  launcher::Signal(identity_, SIGKILL).IgnoreError();
  for (int i = 0; i < 1000 && running(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void BackgroundHexad::Signal(int signal) const {
  const absl::Status sent = launcher::Signal(identity_, signal);
  EXPECT_TRUE(sent.ok()) << sent;
}

}  // namespace hexad::cluster_test
