// Starts, stops and hurts the processes of one cluster folder. Used by the hexad command and by
// tests/cluster; it knows nothing of terminals.
//
// Only processes that the folder remembers and that are still the same (process.h) are ever
// signalled. Every function acts on processes by name (a node's id, "compute", "bench"), says one
// line per thing that it did through Options::say, and returns only when the effect has taken place
// or a deadline says what did not happen.
//
//   start   -> serving   exec, then wait until it answers
//   stop    SIGTERM, and SIGKILL after a while
//   kill    SIGKILL, and wait until it is gone
//   pause   SIGSTOP      resume  SIGCONT
//
// Thread-safety: one thread at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/launcher/cluster_dir.h"
#include "cli/launcher/process.h"

namespace hexad::launcher {

class AdminClient;

using ProcessNames = std::vector<std::string>;

struct LauncherOptions {
  std::string bin_dir;  // where hexad-storage-node and hexad-compute are
  std::string log_level = "info";
  std::function<void(const std::string& line)> say = [](const std::string&) {};
  std::function<bool()> interrupted = [] { return false; };
};

class Launcher {
 public:
  Launcher(ClusterDir dir, LauncherOptions options);
  ~Launcher();
  Launcher(Launcher&&) noexcept;
  Launcher& operator=(Launcher&&) noexcept;

  // Waits for another command at work here, and then reads again what that one decided.
  absl::StatusOr<DirLock> Lock();

  ClusterDir& dir() { return dir_; }
  const ClusterDir& dir() const { return dir_; }
  const ClusterRecord& record() const { return dir_.record(); }
  AdminClient& client() { return *client_; }
  const LauncherOptions& options() const { return options_; }

  ProcessState StateOf(const std::string& name) const;
  ProcessNames InState(ProcessState state) const;  // of the nodes, compute and bench
  // The volume that a bench of this folder writes to (or would, were it not paused); empty if none.
  std::string BenchVolume() const;
  // What Start() started, in order, for whoever cleans up after an interruption.
  const ProcessNames& started() const { return started_; }

  // REQUIRES: none of them runs. Ports are checked before the first process is started. In a test
  // cluster (faults.h) the relay is started first, unless it runs.
  absl::Status Start(const ProcessNames& names);
  absl::Status Stop(const ProcessNames& names);
  absl::Status Kill(const ProcessNames& names);
  absl::Status Pause(const ProcessNames& names);
  absl::Status Resume(const ProcessNames& names);
  // Starts a test cluster's relay, unless it runs; nothing in any other cluster.
  absl::Status EnsureRelay();
  // Stops what runs and starts all of them again.
  absl::Status Restart(const ProcessNames& names);
  // Kills these nodes, deletes their data, and starts them again with empty disks.
  absl::Status Wipe(const ProcessNames& nodes);

  // Gives fresh nodes the cluster's id and roster, if this cluster was not formed yet. A fresh node
  // of a formed cluster has lost its disk and stays as it is; its name is returned.
  absl::StatusOr<ProcessNames> EnsureFormed();

  // The last lines that a process wrote, for error messages.
  std::string LastLogLines(const std::string& name, size_t lines) const;

 private:
  std::vector<std::string> CommandLine(const std::string& name) const;
  std::string AddressOf(const std::string& name) const;
  absl::Status StartOne(const std::string& name);
  absl::Status CheckPortFree(const std::string& name, const std::string& address) const;
  absl::Status WaitUntilServing(const std::string& name);
  absl::StatusOr<bool> Serves(const std::string& name);
  absl::Status EndAll(const ProcessNames& names, int signal, int timeout_ms);
  absl::StatusOr<ProcessIdentity> Running(const std::string& name) const;
  absl::Status CompleteForming(const std::vector<bool>& fresh);

  ClusterDir dir_;
  LauncherOptions options_;
  std::unique_ptr<AdminClient> client_;
  ProcessNames started_;
};

}  // namespace hexad::launcher
