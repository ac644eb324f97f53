// A volume held still for verification: opened read-only (which fences nobody), with a read point
// that stays readable while this object lives.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/launcher/launcher.h"
#include "cli/verify/segment_reader.h"
#include "compute/engine.h"

namespace hexad::cli {

struct PinnedVolume {
  std::unique_ptr<compute::Cluster> cluster;
  std::shared_ptr<compute::Volume> volume;
  std::shared_ptr<const compute::ReadView> view;
  ReadPoint read_point;
};

// NOT_FOUND without such a volume. If the compute writes to it, the read point is the writer's own
// VDL, pinned there for some minutes; else it is what the segments know.
absl::StatusOr<PinnedVolume> PinVolume(launcher::Launcher& launcher, const std::string& name);

}  // namespace hexad::cli
