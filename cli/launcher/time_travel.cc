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
constexpr Millis kClone{50'000};
constexpr Millis kClose{15'000};

uint64_t MicrosSince(std::chrono::steady_clock::time_point began) {
  const auto passed = std::chrono::steady_clock::now() - began;
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(passed).count());
}

absl::StatusOr<v1::CloneVolumeAnswer> CloneHere(Launcher& launcher,
                                                const v1::CloneVolumeRequest& request) {
  auto cluster = ConnectToNodes(launcher.record());
  if (!cluster.ok()) return cluster.status();
  const auto began = std::chrono::steady_clock::now();
  compute::CloneSpec spec;
  spec.parent = request.volume();
  spec.name = request.name();
  if (request.has_target()) {
    std::visit([&](const auto& at) { spec.at = at; }, TargetOf(request.target()));
  }
  const auto cloned = (*cluster)->Clone(spec);
  if (!cloned.ok()) return cloned.status();
  v1::CloneVolumeAnswer answer;
  answer.mutable_forked_at()->set_lsn(cloned->forked_at.lsn.value());
  answer.mutable_forked_at()->set_time_us(cloned->forked_at.time.value());
  answer.set_clone_us(MicrosSince(began));
  return answer;
}

// The compute opens what the folder remembers.
absl::Status Remember(Launcher& launcher, const std::string& clone, bool exists) {
  auto lock = launcher.Lock();
  if (!lock.ok()) return lock.status();
  ClusterRecord record = launcher.record();
  std::erase(record.clones, clone);
  if (exists) record.clones.push_back(clone);
  return launcher.dir().Save(record);
}

absl::StatusOr<v1::BacktrackAnswer> BacktrackHere(Launcher& launcher, const std::string& volume,
                                                  const v1::Target& target) {
  auto cluster = ConnectToNodes(launcher.record());
  if (!cluster.ok()) return cluster.status();
  const auto began = std::chrono::steady_clock::now();
  compute::OpenOptions options;
  options.backtrack = TargetOf(target);
  const auto opened = (*cluster)->Open(volume, options);
  if (!opened.ok()) return opened.status();
  v1::BacktrackAnswer answer;
  answer.mutable_forked_at()->set_lsn((*opened)->vdl().value());
  answer.set_backtrack_us(MicrosSince(began));
  (*opened)->Close();
  return answer;
}

}  // namespace

backtrack::BacktrackTarget TargetOf(const v1::Target& target) {
  return target.has_lsn() ? backtrack::BacktrackTarget(Lsn(target.lsn()))
                          : backtrack::BacktrackTarget(CommitTime(target.time_us()));
}

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

absl::StatusOr<v1::CloneVolumeAnswer> CloneVolume(Launcher& launcher,
                                                  const v1::CloneVolumeRequest& request) {
  const bool by_compute = launcher.StateOf(kCompute) == ProcessState::kUp;
  const auto answer =
      by_compute ? launcher.client().CloneVolume(request, kClone) : CloneHere(launcher, request);
  if (!answer.ok()) return answer;
  if (absl::Status saved = Remember(launcher, request.name(), true); !saved.ok()) return saved;
  return answer;
}

absl::Status ForgetClone(Launcher& launcher, const std::string& clone) {
  if (launcher.StateOf(kCompute) == ProcessState::kUp) {
    const absl::Status closed = launcher.client().CloseVolume(clone, kClose);
    if (!closed.ok() && !absl::IsNotFound(closed)) return closed;
  }
  return Remember(launcher, clone, false);
}

}  // namespace hexad::launcher
