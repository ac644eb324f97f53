#include "cli/launcher/bring_up.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/volumes.h"

namespace hexad::launcher {
namespace {

absl::StatusOr<ClusterDir> OpenOrCreate(const std::string& folder, const ClusterRequest& request,
                                        const LauncherOptions& options) {
  auto dir = ClusterDir::Open(folder);
  if (dir.ok()) {
    if (absl::Status same = CheckSameCluster(request, dir->record()); !same.ok()) return same;
    return dir;
  }
  if (!absl::IsNotFound(dir.status())) return dir.status();
  auto record = PlanCluster(request);
  if (!record.ok()) return record.status();
  auto made = ClusterDir::Create(folder, *record, !request.topology_file);
  if (absl::IsAlreadyExists(made.status())) return ClusterDir::Open(folder);  // another `up` did it
  if (made.ok()) {
    options.say(absl::StrCat("new cluster in ", folder, ": ", record->nodes.size(), " nodes in ",
                             record->Azs().size(), " AZs"));
  }
  return made;
}

ProcessNames NodesIn(const Launcher& launcher, ProcessState state) {
  ProcessNames names;
  for (const NodeRecord& node : launcher.record().nodes) {
    if (launcher.StateOf(node.id) == state) names.push_back(node.id);
  }
  return names;
}

// A compute ends if what it is to open does not exist; somebody else may have dropped a clone.
absl::Status ForgetDroppedClones(Launcher& launcher, compute::Cluster& cluster) {
  ClusterRecord record = launcher.record();
  for (const std::string& clone : launcher.record().clones) {
    const auto found = cluster.Find(clone);
    if (!found.ok() && !absl::IsNotFound(found.status())) return found.status();
    if (!found.ok()) std::erase(record.clones, clone);
  }
  if (record.clones == launcher.record().clones) return absl::OkStatus();
  return launcher.dir().Save(record);
}

absl::Status StartWhatIsDown(Launcher& launcher) {
  if (absl::Status resumed = launcher.Resume(launcher.InState(ProcessState::kPaused));
      !resumed.ok()) {
    return resumed;
  }
  if (absl::Status started = launcher.Start(NodesIn(launcher, ProcessState::kDown));
      !started.ok()) {
    return started;
  }
  const auto amnesiac = launcher.EnsureFormed();
  if (!amnesiac.ok()) return amnesiac.status();
  if (!amnesiac->empty()) {
    launcher.options().say(
        absl::StrCat(absl::StrJoin(*amnesiac, ", "),
                     " lost its data and counts for no quorum; hexad doctor says more"));
  }
  if (launcher.StateOf(kCompute) != ProcessState::kDown) return launcher.EnsureRelay();
  auto cluster = ConnectToNodes(launcher.record());
  if (!cluster.ok()) return cluster.status();
  const absl::Status made = EnsureVolume(launcher, **cluster, launcher.record().volume);
  if (!made.ok()) return made;
  if (absl::Status known = ForgetDroppedClones(launcher, **cluster); !known.ok()) return known;
  return launcher.Start({kCompute});
}

}  // namespace

absl::StatusOr<Launcher> BringUp(const std::string& folder, const ClusterRequest& request,
                                 const LauncherOptions& options) {
  auto dir = OpenOrCreate(folder, request, options);
  if (!dir.ok()) return dir.status();
  Launcher launcher(*std::move(dir), options);
  auto lock = launcher.Lock();
  if (!lock.ok()) return lock.status();

  const absl::Status up = StartWhatIsDown(launcher);
  if (up.ok()) return launcher;
  if (absl::IsCancelled(up) && !launcher.started().empty()) {
    launcher.options().say("interrupted: stopping what was started");
    const absl::Status stopped = launcher.Stop(launcher.started());
    if (!stopped.ok()) return stopped;
  }
  return up;
}

}  // namespace hexad::launcher
