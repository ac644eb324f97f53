// hexad clone VOLUME NEW [--at LSN|TIME|-5m]: a new volume that begins as another one was, without
// copying anything (docs/fork.md).
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/picture.h"
#include "cli/launcher/plan_cluster.h"
#include "cli/launcher/time_travel.h"
#include "cli/launcher/volume_view.h"
#include "cli/past.h"
#include "cli/status_view.h"
#include "cli/target.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

using launcher::Failed;

struct CloneOptions {
  std::string volume;
  std::string name;
  std::string at;
};

absl::Status CannotClone(const CloneOptions& options, const absl::Status& why) {
  const std::string next = absl::IsAlreadyExists(why) || absl::IsNotFound(why)
                               ? "hexad volume list"
                               : absl::StrCat("hexad history ", options.volume);
  return Failed(why.code(), {absl::StrCat("volume ", options.volume, " is not cloned"),
                             std::string(why.message()), next});
}

// What the clone's own keys hold on all disks; nothing if its segments do not tell.
std::optional<uint64_t> CopiedBytes(launcher::Launcher& launcher, const std::string& clone) {
  const launcher::ClusterPicture cluster = launcher::Look(launcher);
  const auto volume = std::ranges::find(cluster.volumes, clone, &launcher::VolumePicture::name);
  if (volume == cluster.volumes.end()) return std::nullopt;
  return volume->own_bytes;
}

void Print(const Session& session, const launcher::Launcher& launcher, const CloneOptions& options,
           const v1::CloneVolumeAnswer& made, std::optional<uint64_t> copied) {
  std::cout << "volume " << options.name << " is " << options.volume << " at "
            << CommitText(made.forked_at()) << ", made in " << Micros(made.clone_us());
  if (copied.has_value()) std::cout << ", " << Bytes(*copied) << " copied";
  std::cout << "\n";
  if (!made.has_volume()) {
    std::cout << "no compute runs; its writer starts with the others:  hexad up"
              << DirOption(session.dir) << "\n";
    return;
  }
  std::cout << "its writer: compute at " << launcher.record().compute_address << ", epoch "
            << made.volume().epoch_number() << ", open after another " << Micros(made.opening_us())
            << "\n";
}

absl::Status RunClone(const Session& session, const CloneOptions& options) {
  for (const std::string& name : {options.volume, options.name}) {
    if (absl::Status named = launcher::CheckVolumeName(name); !named.ok()) return named;
  }
  v1::CloneVolumeRequest request;
  request.set_volume(options.volume);
  request.set_name(options.name);
  if (!options.at.empty()) {
    const auto target = ParseTarget(options.at, NowMicros());
    if (!target.ok()) return target.status();
    *request.mutable_target() = *target;
  }
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  if (request.has_target()) {
    auto view = launcher::VolumeView::Of(*launcher, options.volume);
    if (!view.ok()) return view.status();
    const absl::Status possible =
        CheckTarget(*view, request.target(), options.at, PastOf::kBranches);
    if (!possible.ok()) return CannotClone(options, possible);
  }
  const auto made = launcher::CloneVolume(*launcher, request);
  if (!made.ok()) return CannotClone(options, made.status());
  const auto copied = CopiedBytes(*launcher, options.name);
  if (!session.json) {
    Print(session, *launcher, options, *made, copied);
    return absl::OkStatus();
  }
  nlohmann::ordered_json json{{"name", options.name},
                              {"parent", options.volume},
                              {"forked_at", made->forked_at().lsn()},
                              {"clone_us", made->clone_us()}};
  if (made->forked_at().time_us() != 0) json["time"] = TimeText(made->forked_at().time_us());
  if (copied.has_value()) json["copied_bytes"] = *copied;
  if (made->has_volume()) {
    json["compute"] = launcher->record().compute_address;
    json["opening_us"] = made->opening_us();
  }
  session.Print(json);
  return absl::OkStatus();
}

}  // namespace

void AddClone(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("clone", "A new volume from another one's past or present");
  auto options = std::make_shared<CloneOptions>();
  verb->add_option("VOLUME", options->volume, "The volume")->required();
  verb->add_option("NEW", options->name, "What the clone is called")->required();
  verb->add_option("--at", options->at,
                   "LSN, time (2026-01-31T12:00:00Z) or time ago (-5m); default: now");
  verb->callback([&session, options] {
    session.run = [&session, options] { return RunClone(session, *options); };
  });
}

}  // namespace hexad::cli
