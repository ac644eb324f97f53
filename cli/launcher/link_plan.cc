#include "cli/launcher/link_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/targets.h"

namespace hexad::launcher {
namespace {

absl::Status CheckRelayed(const Launcher& launcher) {
  if (absl::Status takes = CheckTakesFaults(launcher.dir()); !takes.ok()) return takes;
  if (launcher.StateOf(kRelay) != ProcessState::kDown) return absl::OkStatus();
  return Failed(absl::StatusCode::kNotFound,
                {"the cluster is down: there is no link to hurt", "", "hexad up"});
}

absl::StatusOr<ProcessNames> ResolveAll(const ClusterRecord& record, const std::string& by_comma) {
  ProcessNames all;
  for (const std::string& one : std::vector<std::string>(absl::StrSplit(by_comma, ','))) {
    const auto names = ResolveTarget(record, one);
    if (!names.ok()) return names.status();
    for (const std::string& name : *names) {
      if (std::ranges::find(all, name) == all.end()) all.push_back(name);
    }
  }
  return all;
}

// Only nodes are connected to: compute and bench have no link between them.
bool Linked(const ClusterRecord& record, const std::string& a, const std::string& b) {
  return a != b && (record.FindNode(a) != nullptr || record.FindNode(b) != nullptr);
}

// Nodes that this writer could use until now count as lost; those it could not use before as
// silent.
VolumeCost CostForWriter(const ClusterPicture& cluster, const VolumePicture& volume,
                         const ProcessNames& before, const ProcessNames& after) {
  ClusterPicture seen = cluster;
  seen.volumes = {volume};
  for (NodePicture& node : seen.nodes) {
    const bool cut = std::ranges::find(before, node.id) != before.end();
    if (cut && node.state == NodeState::kUp) node.state = NodeState::kSilent;
  }
  return CostOfLosing(seen, {after.begin(), after.end()}).front();
}

void AddCosts(Launcher& launcher, const faults::LinkRules& before, LinkPlan& plan) {
  const ClusterPicture cluster = Look(launcher);
  bool writer_meant = false;
  for (const VolumePicture& volume : cluster.volumes) {
    if (volume.writer.empty()) continue;
    const ProcessNames was = CutOffFrom(launcher.record(), before, volume.writer);
    const ProcessNames is = CutOffFrom(launcher.record(), plan.rules, volume.writer);
    if (was == is) continue;
    writer_meant = true;
    plan.costs.volumes.push_back(CostForWriter(cluster, volume, was, is));
    plan.remarks.push_back(absl::StrCat(volume.writer, " writes to volume ", volume.name,
                                        " and will not reach ", absl::StrJoin(is, ", ")));
  }
  if (writer_meant) {
    plan.costs.known = CheckVolumesKnown(cluster);
  } else {
    plan.remarks.emplace_back("no writer loses a node by it; gossip takes other ways round");
  }
}

absl::Status PlanNetDelay(const Launcher& launcher, const SlowRequest& request, LinkPlan& plan) {
  const ClusterRecord& record = launcher.record();
  const auto targets = ResolveAll(record, request.target);
  if (!targets.ok()) return targets.status();
  for (const std::string& target : *targets) {
    for (const std::string& other : AllProcesses(record)) {
      if (!Linked(record, target, other)) continue;
      for (const faults::Direction& way : {faults::Direction(target, other), {other, target}}) {
        faults::LinkRule rule = plan.rules.Of(way.first, way.second);
        rule.delay_us = *request.net_us;
        plan.rules.Set(way, rule);
      }
    }
    plan.steps.push_back(absl::StrCat("slow ", target, ": everything to and from it takes ",
                                      *request.net_us / 1000, " ms longer"));
  }
  return absl::OkStatus();
}

absl::Status PlanDiskDelay(const Launcher& launcher, const SlowRequest& request, LinkPlan& plan) {
  const auto targets = ResolveAll(launcher.record(), request.target);
  if (!targets.ok()) return targets.status();
  for (const std::string& target : *targets) {
    if (launcher.record().FindNode(target) == nullptr) {
      return WrongUsage({target + " has no disk", "only storage nodes keep anything", ""});
    }
    plan.disks.push_back({.node = target, .sync_delay_us = *request.disk_us});
    plan.steps.push_back(absl::StrCat("slow ", target, ": every fsync takes ",
                                      *request.disk_us / 1000, " ms longer"));
  }
  return absl::OkStatus();
}

}  // namespace

ProcessNames CutOffFrom(const ClusterRecord& record, const faults::LinkRules& rules,
                        const std::string& process) {
  ProcessNames cut;
  for (const NodeRecord& node : record.nodes) {
    if (rules.Of(process, node.id).cut || rules.Of(node.id, process).cut) cut.push_back(node.id);
  }
  return cut;
}

absl::StatusOr<LinkPlan> PlanCut(Launcher& launcher, const CutRequest& request) {
  if (absl::Status relayed = CheckRelayed(launcher); !relayed.ok()) return relayed;
  const ClusterRecord& record = launcher.record();
  const auto side_a = ResolveAll(record, request.a);
  if (!side_a.ok()) return side_a.status();
  const auto side_b = ResolveAll(record, request.b);
  if (!side_b.ok()) return side_b.status();
  const faults::LinkRules before = FaultsOf(launcher.dir()).links;
  LinkPlan plan{.command = absl::StrCat("cut ", request.a, " ", request.b,
                                        request.one_way ? " --one-way" : ""),
                .rules = before,
                .disks = {},
                .steps = {},
                .remarks = {},
                .costs = {}};
  for (const std::string& from : *side_a) {
    for (const std::string& to : *side_b) {
      if (!Linked(record, from, to)) continue;
      faults::LinkRule rule = before.Of(from, to);
      rule.cut = true;
      plan.rules.Set({from, to}, rule);
      rule = before.Of(to, from);
      rule.cut = true;
      if (!request.one_way) plan.rules.Set({to, from}, rule);
      plan.steps.push_back(absl::StrCat("cut ", from, request.one_way ? " -> " : " <-> ", to));
    }
  }
  if (plan.steps.empty()) {
    return WrongUsage({absl::StrCat("there is no link between ", request.a, " and ", request.b),
                       "links lead from every process to the nodes, and none to itself", ""});
  }
  AddCosts(launcher, before, plan);
  return plan;
}

absl::StatusOr<LinkPlan> PlanSlow(Launcher& launcher, const SlowRequest& request) {
  if (absl::Status relayed = CheckRelayed(launcher); !relayed.ok()) return relayed;
  if (!request.disk_us && !request.net_us) {
    return WrongUsage({"slow what?", "", "hexad slow n3 --disk 50ms, or --net 20ms, or both"});
  }
  LinkPlan plan{.command = "slow " + request.target,
                .rules = FaultsOf(launcher.dir()).links,
                .disks = {},
                .steps = {},
                .remarks = {},
                .costs = {}};
  if (request.net_us) {
    if (absl::Status planned = PlanNetDelay(launcher, request, plan); !planned.ok()) {
      return planned;
    }
  }
  if (request.disk_us) {
    if (absl::Status planned = PlanDiskDelay(launcher, request, plan); !planned.ok()) {
      return planned;
    }
  }
  return plan;
}

absl::Status Execute(Launcher& launcher, const LinkPlan& plan) {
  for (const DiskFault& disk : plan.disks) {
    auto block = FaultsOfProcess(launcher.dir(), disk.node);
    if (!block.ok()) return block.status();
    (*block)->sync_delay_us = disk.sync_delay_us;
  }
  if (plan.rules.rules != FaultsOf(launcher.dir()).links.rules) {
    if (absl::Status set = SetLinkRules(launcher, plan.rules); !set.ok()) return set;
  }
  for (const std::string& step : plan.steps) launcher.options().say(step);
  return absl::OkStatus();
}

}  // namespace hexad::launcher
