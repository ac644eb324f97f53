// The demo's workload: `hexad bench write` as a process of its own, so that it can be killed as any
// writer can. Its trace (cli/load/load_trace.h) says how it fares, its ack log what it was
// promised.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/launcher/launcher.h"
#include "cli/load/load_trace.h"

namespace hexad::cli {

class LoadProcess {
 public:
  // Starts it and returns once it has acknowledged something.
  static absl::StatusOr<LoadProcess> Start(launcher::Launcher& launcher,
                                           const std::string& ack_log);

  // The next `millis` of load, whole intervals. Fails if the process ended, or if an MTR failed or
  // is unknown: nothing that the demo does to it may cost one.
  absl::StatusOr<LoadWindow> Watch(uint64_t millis);
  // Forgets what was traced until now, so that the next Watch begins here.
  void Skip() { trace_.TakeNew(); }
  absl::Status Kill();

 private:
  LoadProcess(launcher::Launcher& launcher, launcher::ProcessIdentity identity);
  absl::Status CheckAlive() const;

  launcher::Launcher* launcher_;
  launcher::ProcessIdentity identity_;
  LoadTraceReader trace_;
};

}  // namespace hexad::cli
