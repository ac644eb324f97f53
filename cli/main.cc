// hexad: everything that a person does with a cluster.
#include "absl/synchronization/mutex.h"
#include "cli/run.h"

int main(int argc, char** argv) {
  // Debian builds Abseil with its detector of lock cycles, which costs every lock of gRPC.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return hexad::cli::Run(argc, argv);
}
