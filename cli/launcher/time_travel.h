// Going back and cloning, with the volume's writer if the compute process has it open, without one
// otherwise.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/launcher/admin_client.h"
#include "cli/launcher/launcher.h"
#include "compute/engine.h"

namespace hexad::launcher {

// The volume as the compute process has it open. FAILED_PRECONDITION explains that it has not.
absl::StatusOr<v1::VolumeState> OpenInCompute(Launcher& launcher, const std::string& volume);

// What the engine calls it.
backtrack::BacktrackTarget TargetOf(const v1::Target& target);

// Makes everything after the target invisible. By the compute process if it has the volume open;
// otherwise this process opens the volume for the moment, as whoever writes next will have to.
absl::StatusOr<v1::BacktrackAnswer> Backtrack(Launcher& launcher, const std::string& volume,
                                              const v1::Target& target);

// Makes a clone. If the compute process runs it opens the clone too, now and with every later start
// (the folder remembers it); otherwise the answer is without a volume.
absl::StatusOr<v1::CloneVolumeAnswer> CloneVolume(Launcher& launcher,
                                                  const v1::CloneVolumeRequest& request);

// Closes a clone that the compute process has open, and lets the folder forget it.
absl::Status ForgetClone(Launcher& launcher, const std::string& clone);

}  // namespace hexad::launcher
