// Processes that the launcher starts, and how it knows them again.
//
// A pid alone proves nothing: after a crash or a reboot it may belong to somebody else. So a
// process is remembered as (boot, pid, start time, executable), and a signal is sent only while all
// four still match. The start time is field 22 of /proc/PID/stat, in clock ticks since boot.
//
// Started processes get their own session: they outlive the command that started them, and a Ctrl-C
// at the terminal does not reach them. Their output goes to a log file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hexad::launcher {

// A pid, when it began, and in which boot: no two processes ever share them. The program's path is
// for people: a new build renames and deletes the file while its process runs on.
struct ProcessIdentity {
  pid_t pid = 0;
  uint64_t start_ticks = 0;
  std::string exe;      // absolute path
  std::string boot_id;  // of the kernel's boot
  // The volume that it has open for writing, if it cannot be asked (the bench); else empty.
  std::string writes_to = {};
  friend bool operator==(const ProcessIdentity& a, const ProcessIdentity& b) {
    return a.pid == b.pid && a.start_ticks == b.start_ticks && a.boot_id == b.boot_id;
  }
};

enum class ProcessState { kDown, kUp, kPaused };

// What runs as `pid` now. Nothing if no process does, or only a zombie.
struct RunningProcess {
  ProcessIdentity identity;
  bool stopped = false;  // SIGSTOP
};
std::optional<RunningProcess> Inspect(pid_t pid);

// kDown also when the pid now belongs to another process. Collects the exit status of an ended
// child.
ProcessState StateOf(const ProcessIdentity& identity);

// Sends `signal` if the process is still the one that was remembered; NOT_FOUND otherwise.
absl::Status Signal(const ProcessIdentity& identity, int signal);

struct SpawnOptions {
  std::vector<std::string> argv;              // argv[0]: absolute path of the executable
  std::string log_file;                       // output is appended
  std::vector<std::string> environment = {};  // KEY=VALUE, besides what is inherited
};
absl::StatusOr<ProcessIdentity> Spawn(const SpawnOptions& options);

// The executable's path of this very process.
std::string OwnExecutable();

// Processes of this user whose command line contains every one of `words` as whole arguments.
std::vector<RunningProcess> FindByArguments(const std::vector<std::string>& words);

}  // namespace hexad::launcher
