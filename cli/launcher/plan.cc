#include "cli/launcher/plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/targets.h"

namespace hexad::launcher {
namespace {

bool MayActOn(Action action, ProcessState state) {
  switch (action) {
    case Action::kKill:
      return state != ProcessState::kDown;
    case Action::kPause:
      return state == ProcessState::kUp;
    case Action::kResume:
      return state == ProcessState::kPaused;
    case Action::kRestart:
      return true;
  }
  return false;
}

absl::Status NothingToDo(const Launcher& launcher, Action action, const std::string& target,
                         const ProcessNames& names) {
  const auto state = launcher.StateOf(names[0]);
  const std::string what = absl::StrCat("nothing to ", NameOf(action), ": ", target,
                                        state == ProcessState::kDown     ? " is down"
                                        : state == ProcessState::kPaused ? " is paused already"
                                                                         : " runs");
  return Failed(absl::StatusCode::kNotFound, {what, "", "hexad status"});
}

// Which nodes serve now and would not after (or during) the action.
std::set<std::string> NodesLost(const Launcher& launcher, const Plan& plan) {
  std::set<std::string> lost;
  if (plan.action == Action::kResume) return lost;
  for (const PlannedProcess& process : plan.processes) {
    const bool node = launcher.record().FindNode(process.name) != nullptr;
    if (node && process.state == ProcessState::kUp) lost.insert(process.name);
  }
  return lost;
}

void AddRemarks(const ClusterPicture& cluster, Plan& plan) {
  for (const PlannedProcess& process : plan.processes) {
    if (process.state == ProcessState::kDown) continue;
    for (const VolumePicture& volume : cluster.volumes) {
      if (volume.writer != process.name || plan.action == Action::kResume) continue;
      plan.remarks.push_back(absl::StrCat(
          "volume ", volume.name,
          " loses its writer: commits that were not acknowledged become unknown, nothing "
          "acknowledged is lost"));
    }
  }
  for (const VolumeCost& cost : plan.costs) {
    const auto volume = std::ranges::find(cluster.volumes, cost.after.volume, &VolumePicture::name);
    if (volume == cluster.volumes.end() || volume->writer.empty()) continue;
    plan.remarks.push_back(absl::StrCat(volume->writer, " writes to volume ", volume->name,
                                        cost.after.can_write
                                            ? " and keeps running"
                                            : " and will be cut off: its commits will not become "
                                              "durable until nodes are back"));
  }
}

}  // namespace

const char* NameOf(Action action) {
  switch (action) {
    case Action::kKill:
      return "kill";
    case Action::kPause:
      return "pause";
    case Action::kResume:
      return "resume";
    case Action::kRestart:
      return "restart";
  }
  return "";
}

ProcessNames Plan::Names() const {
  ProcessNames names;
  for (const PlannedProcess& process : processes) names.push_back(process.name);
  return names;
}

bool Plan::BreaksAPromise() const {
  return std::ranges::any_of(
      costs, [](const VolumeCost& cost) { return cost.BreaksWrite() || cost.BreaksRead(); });
}

absl::StatusOr<Plan> MakePlan(Launcher& launcher, Action action, const std::string& target) {
  const auto names = ResolveTarget(launcher.record(), target);
  if (!names.ok()) return names.status();
  if (action == Action::kRestart && target == kBench) {
    return WrongUsage({"bench is not restarted: its own command starts it", "",
                       "hexad kill bench, then hexad bench write"});
  }
  Plan plan{.action = action,
            .target = target,
            .processes = {},
            .costs = {},
            .remarks = {},
            .costs_known = {}};
  for (const std::string& name : *names) {
    PlannedProcess process{.name = name, .pid = 0, .state = launcher.StateOf(name)};
    if (!MayActOn(action, process.state)) continue;
    if (process.state != ProcessState::kDown) process.pid = launcher.dir().Remembered(name)->pid;
    plan.processes.push_back(process);
  }
  if (plan.processes.empty()) return NothingToDo(launcher, action, target, *names);
  const ClusterPicture cluster = Look(launcher);
  const std::set<std::string> lost = NodesLost(launcher, plan);
  plan.costs = CostOfLosing(cluster, lost);
  if (!lost.empty()) plan.costs_known = CheckVolumesKnown(cluster);
  AddRemarks(cluster, plan);
  return plan;
}

absl::Status CheckAllowed(const Plan& plan, bool force) {
  if (force) return absl::OkStatus();
  if (!plan.costs_known.ok()) return plan.costs_known;
  if (!plan.BreaksAPromise()) return absl::OkStatus();
  std::vector<std::string> broken;
  for (const VolumeCost& cost : plan.costs) {
    const VolumeSlack& after = cost.after;
    if (cost.BreaksWrite()) {
      broken.push_back(absl::StrCat("volume ", after.volume, " would keep ", after.up, " of ",
                                    after.of, " copies and needs ", after.write_need, " to write"));
    }
    if (cost.BreaksRead()) {
      broken.push_back(absl::StrCat("volume ", after.volume, " needs ", after.read_need,
                                    " copies to recover and read"));
    }
  }
  return Refused({absl::StrCat(NameOf(plan.action), " ", plan.target, " would break a quorum"),
                  absl::StrJoin(broken, "; "),
                  absl::StrCat("bring nodes back first (hexad up), or insist: hexad ",
                               NameOf(plan.action), " ", plan.target, " --force")});
}

absl::Status Execute(Launcher& launcher, const Plan& plan) {
  switch (plan.action) {
    case Action::kKill:
      return launcher.Kill(plan.Names());
    case Action::kPause:
      return launcher.Pause(plan.Names());
    case Action::kResume:
      return launcher.Resume(plan.Names());
    case Action::kRestart:
      return launcher.Restart(plan.Names());
  }
  return absl::OkStatus();
}

}  // namespace hexad::launcher
