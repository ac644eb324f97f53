#include "cli/launcher/time_travel.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/volumes.h"

namespace hexad::launcher {
namespace {

constexpr Millis kDescribe{2'000};
constexpr Millis kBacktrack{30'000};

absl::StatusOr<v1::BacktrackAnswer> BacktrackHere(Launcher& launcher, const std::string& volume,
                                                  const v1::Target& target) {
  auto cluster = ConnectToNodes(launcher.record());
  if (!cluster.ok()) return cluster.status();
  const auto began = std::chrono::steady_clock::now();
  compute::OpenOptions options;
  options.backtrack = target.has_lsn() ? backtrack::BacktrackTarget(Lsn(target.lsn()))
                                       : backtrack::BacktrackTarget(CommitTime(target.time_us()));
  const auto opened = (*cluster)->Open(volume, options);
  if (!opened.ok()) return opened.status();
  v1::BacktrackAnswer answer;
  answer.mutable_forked_at()->set_lsn((*opened)->vdl().value());
  answer.set_backtrack_us(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                std::chrono::steady_clock::now() - began)
                                .count()));
  (*opened)->Close();
  return answer;
}

}  // namespace

absl::StatusOr<v1::VolumeState> OpenInCompute(Launcher& launcher, const std::string& volume) {
  AdminClient client(launcher.record());
  const auto compute = client.DescribeCompute(kDescribe);
  if (compute.ok()) {
    const auto& volumes = compute->volumes();
    const auto found = std::find_if(volumes.begin(), volumes.end(),
                                    [&](const auto& open) { return open.name() == volume; });
    if (found != volumes.end() && found->mode() == "read-write") return *found;
    if (found != volumes.end()) {
      return Failed(absl::StatusCode::kFailedPrecondition,
                    {absl::StrCat("the compute has volume ", volume, " ", found->mode(), " only"),
                     found->mode_reason(), "hexad status"});
    }
  }
  return Failed(
      absl::StatusCode::kFailedPrecondition,
      {absl::StrCat("no compute process has volume ", volume, " open"),
       compute.ok() ? "" : std::string(compute.status().message()), "hexad up, hexad status"});
}

absl::StatusOr<v1::BacktrackAnswer> Backtrack(Launcher& launcher, const std::string& volume,
                                              const v1::Target& target) {
  if (!OpenInCompute(launcher, volume).ok()) return BacktrackHere(launcher, volume, target);
  v1::BacktrackRequest request;
  request.set_volume(volume);
  *request.mutable_target() = target;
  AdminClient client(launcher.record());
  return client.Backtrack(request, kBacktrack);
}

}  // namespace hexad::launcher
