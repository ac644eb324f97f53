// Volumes of a cluster by name, through the engine's own library (compute/engine.h): the command
// line creates and finds them as any other client does.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/launcher/launcher.h"
#include "compute/engine.h"

namespace hexad::launcher {

// A connection to the storage nodes of this folder's cluster; `as` a process of it, whose links may
// suffer (faults.h), or as nobody.
absl::StatusOr<std::unique_ptr<compute::Cluster>> ConnectToNodes(const ClusterRecord& record,
                                                                 const std::string& as = "");

// Creates the volume with the defaults unless it exists.
absl::Status EnsureVolume(const Launcher& launcher, compute::Cluster& cluster,
                          const std::string& name);

}  // namespace hexad::launcher
