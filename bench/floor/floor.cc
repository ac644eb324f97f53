#include "bench/floor/floor.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/floor/floor_client.h"

extern char** environ;

namespace hexad::floor {
namespace {

constexpr int kNodes = 6;

std::string BinaryBeside() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "hexad-bench-floor" : (self.parent_path() / "hexad-bench-floor").string();
}

// The line that a node says when it listens: its port. Empty if it ended without one.
std::string ReadLine(int fd) {
  std::string line;
  char c = 0;
  while (line.size() < 16 && read(fd, &c, 1) == 1 && c != '\n') line.push_back(c);
  return line;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Floor>> Floor::Start(const FloorOptions& options) {
  std::unique_ptr<Floor> floor(new Floor());
  std::error_code error;
  std::string folder = options.folder;
  if (folder.empty()) {
    folder = (std::filesystem::temp_directory_path() / "hexad-floor-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) error.assign(errno, std::generic_category());
  } else if (!std::filesystem::create_directories(folder, error) && !error) {
    return absl::FailedPreconditionError(
        absl::StrCat("the floor's folder ", folder, " exists; name one that does not"));
  }
  if (error) return absl::FailedPreconditionError(absl::StrCat(folder, ": ", error.message()));
  floor->folder_ = folder;
  for (int i = 0; i < kNodes; ++i) {
    if (auto status = floor->StartNode(options, i); !status.ok()) return status;
  }
  return floor;
}

absl::Status Floor::StartNode(const FloorOptions& options, int index) {
  const std::string binary = options.node_binary.empty() ? BinaryBeside() : options.node_binary;
  const std::string folder = absl::StrCat(folder_, "/", index);
  const std::string fsync = options.fsync ? "--fsync" : "--no-fsync";
  const char* arguments[] = {binary.c_str(), "node",        "--folder",
                             folder.c_str(), fsync.c_str(), nullptr};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("pipe: ", std::strerror(errno)));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, binary.c_str(), &actions, nullptr,
                                const_cast<char* const*>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string port;
  if (error == 0) {
    pids_.push_back(pid);
    port = ReadLine(ends[0]);
  }
  close(ends[0]);
  int number = 0;
  if (error != 0 || !absl::SimpleAtoi(port, &number)) {
    return absl::UnavailableError(absl::StrCat("cannot start ", binary, " node",
                                               error != 0 ? ": " : "; its message is above",
                                               error != 0 ? std::strerror(error) : ""));
  }
  addresses_.push_back(absl::StrCat("127.0.0.1:", number));
  return absl::OkStatus();
}

Floor::~Floor() {
  for (pid_t pid : pids_) kill(pid, SIGKILL);
  for (pid_t pid : pids_) waitpid(pid, nullptr, 0);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

absl::StatusOr<FloorResult> Floor::Run(const FloorLoad& load) {
  return DriveFloor(addresses_, load);
}

}  // namespace hexad::floor
