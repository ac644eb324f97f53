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
    case Action::kWipe:
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
    const bool serves = process.state == ProcessState::kUp || plan.action == Action::kWipe;
    if (node && serves) lost.insert(process.name);
  }
  return lost;
}

// Who is down or silent comes back with its copy; a copy that is wiped does not come back.
ClusterPicture WithEveryCopy(ClusterPicture cluster) {
  for (NodePicture& node : cluster.nodes) {
    if (node.state != NodeState::kAmnesiac) node.state = NodeState::kUp;
  }
  return cluster;
}

void AddRemarks(const ClusterPicture& cluster, Plan& plan) {
  if (plan.action == Action::kWipe) {
    plan.remarks.push_back(
        absl::StrCat("the copies of ", absl::StrJoin(plan.Names(), ", "),
                     " are deleted for good; it comes back empty and amnesiac, counts for no "
                     "quorum, and is not filled again: this version replaces no disk"));
  }
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
  for (const VolumeCost& cost : plan.costs.volumes) {
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
    case Action::kWipe:
      return "wipe";
  }
  return "";
}

ProcessNames Plan::Names() const {
  ProcessNames names;
  for (const PlannedProcess& process : processes) names.push_back(process.name);
  return names;
}

bool Costs::BreakAPromise() const {
  return std::ranges::any_of(
      volumes, [](const VolumeCost& cost) { return cost.BreaksWrite() || cost.BreaksRead(); });
}

absl::StatusOr<Plan> MakePlan(Launcher& launcher, Action action, const std::string& target) {
  const auto names = ResolveTarget(launcher.record(), target);
  if (!names.ok()) return names.status();
  if (action == Action::kRestart && target == kBench) {
    return WrongUsage({"bench is not restarted: its own command starts it", "",
                       "hexad kill bench, then hexad bench write"});
  }
  if (action == Action::kWipe && launcher.record().FindNode(names->front()) == nullptr) {
    return WrongUsage({target + " has no data of its own", "", "wipe a node or an AZ: n3, az:b"});
  }
  Plan plan{.action = action, .target = target, .processes = {}, .costs = {}, .remarks = {}};
  for (const std::string& name : *names) {
    PlannedProcess process{.name = name, .pid = 0, .state = launcher.StateOf(name)};
    if (!MayActOn(action, process.state)) continue;
    if (process.state != ProcessState::kDown) process.pid = launcher.dir().Remembered(name)->pid;
    plan.processes.push_back(process);
  }
  if (plan.processes.empty()) return NothingToDo(launcher, action, target, *names);
  const ClusterPicture cluster = Look(launcher);
  const std::set<std::string> lost = NodesLost(launcher, plan);
  plan.costs.volumes =
      CostOfLosing(action == Action::kWipe ? WithEveryCopy(cluster) : cluster, lost);
  if (!lost.empty()) plan.costs.known = CheckVolumesKnown(cluster);
  AddRemarks(cluster, plan);
  return plan;
}

absl::Status CheckAllowed(const Plan& plan, bool force) {
  return CheckCosts(absl::StrCat(NameOf(plan.action), " ", plan.target), plan.costs, force);
}

absl::Status CheckCosts(const std::string& command, const Costs& costs, bool force) {
  if (force) return absl::OkStatus();
  if (!costs.known.ok()) return costs.known;
  if (!costs.BreakAPromise()) return absl::OkStatus();
  std::vector<std::string> broken;
  for (const VolumeCost& cost : costs.volumes) {
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
  return Refused(
      {absl::StrCat(command, " would break a quorum"), absl::StrJoin(broken, "; "),
       absl::StrCat("bring nodes back first (hexad up), or insist: hexad ", command, " --force")});
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
    case Action::kWipe:
      return launcher.Wipe(plan.Names());
  }
  return absl::OkStatus();
}

}  // namespace hexad::launcher
