// A volume to look at, now or in its past: as the compute process has it open, or, if it has not
// (another process writes, or none does), opened read-only by this process, which disturbs nobody.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/launcher/launcher.h"
#include "compute/engine.h"
#include "proto/compute.pb.h"

namespace hexad::launcher {

class VolumeView {
 public:
  // NOT_FOUND without such a volume; FAILED_PRECONDITION explains why it cannot be looked at.
  // `patience` is for the opening and for each question.
  static absl::StatusOr<VolumeView> Of(Launcher& launcher, const std::string& volume,
                                       Duration patience = Duration::Seconds(10));

  const v1::VolumeState& state() const { return state_; }
  // The commits around a target. RETRY if the segments do not say in time.
  absl::StatusOr<v1::LocateAnswer> Locate(const v1::Target& target);
  // The page as of a read point; 0 is VDL.
  absl::StatusOr<v1::ReadPagesAnswer> ReadPage(uint32_t page, uint64_t read_point);

 private:
  VolumeView(Launcher& launcher, Duration patience) : launcher_(&launcher), patience_(patience) {}
  absl::Status OpenHere(const std::string& volume);

  Launcher* launcher_;
  Duration patience_;
  v1::VolumeState state_;
  // If this process has opened it.
  std::unique_ptr<compute::Cluster> cluster_;
  std::shared_ptr<compute::Volume> volume_;
};

}  // namespace hexad::launcher
