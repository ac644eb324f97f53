// Plan, then execute, for the links and disks of a test cluster: what `hexad cut` and `hexad slow`
// would do, and what a cut would cost the writers on either side of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/launcher/faults.h"
#include "cli/launcher/plan.h"

namespace hexad::launcher {

struct CutRequest {
  std::string a;  // targets by comma: n1,az:b
  std::string b;
  bool one_way = false;  // only what a sends to b is lost
};
struct SlowRequest {
  std::string target;
  std::optional<uint64_t> disk_us;  // 0 ends it
  std::optional<uint64_t> net_us;
};

struct LinkPlan {
  std::string command;             // as it could be typed: "cut n1 az:b"
  faults::LinkRules rules;         // all that are in force afterwards
  std::vector<DiskFault> disks;    // that change
  std::vector<std::string> steps;  // "cut n1 -> n3"
  std::vector<std::string> remarks;
  Costs costs;
};

// Wrong usage for a cluster without --faults, for unknown targets, and if no link is meant.
absl::StatusOr<LinkPlan> PlanCut(Launcher& launcher, const CutRequest& request);
absl::StatusOr<LinkPlan> PlanSlow(Launcher& launcher, const SlowRequest& request);

absl::Status Execute(Launcher& launcher, const LinkPlan& plan);

// The nodes that a process cannot reach, or not be answered by, under these rules.
std::vector<std::string> CutOffFrom(const ClusterRecord& record, const faults::LinkRules& rules,
                                    const std::string& process);

}  // namespace hexad::launcher
