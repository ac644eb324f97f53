// One run of chaos: a test cluster, a writer that is always there, and one episode after the other
// until the time is over.
//
// Checked after each episode: up to two nodes lost cost no commit, with three or more lost none is
// acknowledged, and once everything is healed commits resume and the nodes catch up. Checked every
// few episodes, with everything healed: every acknowledged MTR is there, none is partly applied,
// and six segments are equal.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "cli/launcher/launcher.h"

namespace hexad::chaos {

struct RunOptions {
  std::string folder;  // of the cluster; it must not hold one yet
  std::string page;    // where the timeline goes
  uint64_t seed = 1;
  double minutes = 2;
  std::function<void(const std::string& line)> tell;
  launcher::LauncherOptions launcher;
};

// OK if nothing was violated. The page is written in any case, and the cluster's processes are
// stopped; a violated run keeps its folder.
absl::Status Run(const RunOptions& options);

}  // namespace hexad::chaos
