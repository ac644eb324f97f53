// `hexad up`: from whatever is there (nothing, half a cluster, a whole one) to a cluster that
// serves.
//
//   folder made, ports chosen -> paused processes resumed -> nodes started -> cluster formed
//   -> volume created -> compute started and its volume open
//
// Each step is skipped when it is already done, so a second call does nothing and is quick, and a
// call after a failure goes on where that one stopped.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/launcher/launcher.h"
#include "cli/launcher/plan_cluster.h"

namespace hexad::launcher {

// On CANCELLED (interrupted) everything that this call started has been stopped again.
absl::StatusOr<Launcher> BringUp(const std::string& folder, const ClusterRequest& request,
                                 const LauncherOptions& options);

}  // namespace hexad::launcher
