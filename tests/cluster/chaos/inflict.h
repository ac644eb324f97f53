// Makes an episode's faults happen to a live test cluster, and ends them.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "cli/launcher/launcher.h"
#include "tests/cluster/chaos/episode.h"
#include "tests/cluster/loop_disk.h"
#include "tests/cluster/steady_load.h"

namespace hexad::chaos {

class Inflicter {
 public:
  Inflicter(launcher::Launcher& launcher, std::optional<cluster_test::LoopDisks>& disks)
      : launcher_(launcher), disks_(disks) {}

  absl::Status Begin(const Fault& fault, cluster_test::SteadyLoad& load);
  // Ends it as far as a node or the writer goes; what links and disks suffer ends for all at once.
  absl::Status End(const Fault& fault, cluster_test::SteadyLoad& load);
  absl::Status HealLinksAndDisks() { return launcher::HealFaults(launcher_); }

 private:
  absl::Status SetLinks(const Fault& fault);
  absl::Status SetDisks(const Fault& fault);
  absl::Status LoseDisks(const launcher::ProcessNames& nodes);
  absl::Status FindDisks(const launcher::ProcessNames& nodes);
  absl::Status KillThoseThatRun(const launcher::ProcessNames& nodes);

  launcher::Launcher& launcher_;
  std::optional<cluster_test::LoopDisks>& disks_;
};

}  // namespace hexad::chaos
