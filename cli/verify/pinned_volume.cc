#include "cli/verify/pinned_volume.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/launcher/admin_client.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/volumes.h"
#include "cli/launcher/wait.h"

namespace hexad::cli {
namespace {

constexpr launcher::Millis kPinFor{10 * 60 * 1000};
constexpr launcher::Millis kAskTimeout{5'000};

absl::Status CannotOpen(const std::string& name, const absl::Status& why) {
  return launcher::Failed(why.code(),
                          {absl::StrCat("cannot read volume ", name), std::string(why.message()),
                           absl::IsNotFound(why) ? "hexad volume list" : "hexad status"});
}

}  // namespace

absl::StatusOr<PinnedVolume> PinVolume(launcher::Launcher& launcher, const std::string& name) {
  auto cluster = launcher::ConnectToNodes(launcher.record());
  if (!cluster.ok()) return cluster.status();
  PinnedVolume pinned;
  pinned.cluster = *std::move(cluster);
  compute::OpenOptions read_only;
  read_only.read_only = true;
  auto volume = pinned.cluster->Open(name, read_only);
  if (!volume.ok()) return CannotOpen(name, volume.status());
  pinned.volume = *std::move(volume);
  pinned.view = pinned.volume->PinReadPoint();
  const compute::VolumeStatus status = pinned.volume->Status();
  pinned.read_point = {.manifest = status.manifest,
                       .epoch = status.epoch,
                       .sealed = status.sealed,
                       .lsn = pinned.view->read_point()};
  const auto written_by_compute = launcher.client().PinReadPoint(name, kPinFor, kAskTimeout);
  if (written_by_compute.ok() && !status.sealed) {
    pinned.read_point.lsn = std::max(pinned.read_point.lsn, *written_by_compute);
  }
  return pinned;
}

}  // namespace hexad::cli
