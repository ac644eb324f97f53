#include "cli/launcher/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cli/launcher/explain.h"

namespace hexad::launcher {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string BootId() {
  return std::string(absl::StripAsciiWhitespace(ReadAll("/proc/sys/kernel/random/boot_id")));
}

std::string ReadLink(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = readlink(path.c_str(), target, sizeof target);
  if (length < 0) return "";
  // A binary that was rebuilt while its process runs still names the same program.
  return std::string(absl::StripSuffix(absl::string_view(target, length), " (deleted)"));
}

// A killed process's first thread may be dead while others are not yet: until the last has gone,
// its ports and files are still taken.
bool OtherThreadsLive(pid_t pid) {
  DIR* tasks = opendir(absl::StrCat("/proc/", pid, "/task").c_str());
  if (tasks == nullptr) return false;
  int threads = 0;
  while (const dirent* entry = readdir(tasks)) threads += entry->d_name[0] != '.' ? 1 : 0;
  closedir(tasks);
  return threads > 1;
}

// File actions and attributes of posix_spawn, released on every path out.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  void SendOutputTo(const std::string& log_file) {
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, log_file.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
  }

  // Own session, and no signal disposition or mask inherited from whoever runs the launcher.
  void Detach() {
    sigset_t none;
    sigset_t every;
    sigemptyset(&none);
    sigfillset(&every);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &every);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }

  int Run(const SpawnOptions& options, pid_t& pid) {
    std::vector<char*> argv;
    for (const std::string& word : options.argv) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    // The first of two equal keys counts.
    std::vector<char*> environment;
    for (const std::string& pair : options.environment) {
      environment.push_back(const_cast<char*>(pair.c_str()));
    }
    for (char** pair = environ; *pair != nullptr; ++pair) environment.push_back(*pair);
    environment.push_back(nullptr);
    return posix_spawn(&pid, argv[0], &actions_, &attributes_, argv.data(), environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

std::optional<RunningProcess> Inspect(pid_t pid) {
  const std::string proc = absl::StrCat("/proc/", pid);
  const std::string stat = ReadAll(proc + "/stat");
  // "41021 (any text, even with parentheses) S ...": the fields begin after the last ')'.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<std::string> fields =
      absl::StrSplit(absl::string_view(stat).substr(name_end + 1), ' ', absl::SkipEmpty());
  constexpr size_t kState = 0;       // field 3 of proc(5)
  constexpr size_t kStartTime = 19;  // field 22
  RunningProcess process;
  if (fields.size() <= kStartTime) return std::nullopt;
  if ((fields[kState] == "Z" || fields[kState] == "X") && !OtherThreadsLive(pid)) {
    return std::nullopt;
  }
  process.stopped = fields[kState] == "T";
  process.identity.pid = pid;
  if (!absl::SimpleAtoi(fields[kStartTime], &process.identity.start_ticks)) return std::nullopt;
  process.identity.exe = ReadLink(proc + "/exe");
  process.identity.boot_id = BootId();
  return process;
}

ProcessState StateOf(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return ProcessState::kDown;
  waitpid(identity.pid, nullptr, WNOHANG);
  const auto process = Inspect(identity.pid);
  if (!process || process->identity != identity) return ProcessState::kDown;
  return process->stopped ? ProcessState::kPaused : ProcessState::kUp;
}

absl::Status Signal(const ProcessIdentity& identity, int signal) {
  if (StateOf(identity) == ProcessState::kDown) {
    return absl::NotFoundError(absl::StrCat("pid ", identity.pid, " has ended"));
  }
  if (kill(identity.pid, signal) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("kill(", identity.pid, ", ", signal, ")"));
}

absl::StatusOr<ProcessIdentity> Spawn(const SpawnOptions& options) {
  SpawnPlan plan;
  plan.SendOutputTo(options.log_file);
  plan.Detach();
  pid_t pid = 0;
  if (const int error = plan.Run(options, pid); error != 0) {
    return Failed(absl::StatusCode::kInternal,
                  {absl::StrCat("cannot start ", options.argv[0]), std::strerror(error),
                   "build the programs: cluster-scripts/build"});
  }
  // posix_spawn returned after the exec, so /proc shows the new program. A process that has ended
  // already is known by its pid alone, and is down for every later question.
  if (const auto process = Inspect(pid)) return process->identity;
  return ProcessIdentity{.pid = pid, .start_ticks = 0, .exe = options.argv[0], .boot_id = BootId()};
}

std::string OwnExecutable() { return ReadLink("/proc/self/exe"); }

std::vector<RunningProcess> FindByArguments(const std::vector<std::string>& words) {
  std::vector<RunningProcess> found;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return found;
  while (const dirent* entry = readdir(proc)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid) || pid == getpid()) continue;
    struct stat owner {};
    const std::string folder = absl::StrCat("/proc/", pid);
    if (stat(folder.c_str(), &owner) != 0 || owner.st_uid != getuid()) continue;
    const std::string line = ReadAll(folder + "/cmdline");
    const std::vector<std::string> arguments = absl::StrSplit(line, '\0');
    const bool all = std::ranges::all_of(words, [&](const std::string& word) {
      return std::ranges::find(arguments, word) != arguments.end();
    });
    if (!all) continue;
    if (auto process = Inspect(pid)) found.push_back(*process);
  }
  closedir(proc);
  return found;
}

}  // namespace hexad::launcher
