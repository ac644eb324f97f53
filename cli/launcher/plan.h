// Plan, then execute: what a verb would do to which processes, and what that would cost. --dry-run
// prints the plan; without it the same plan is carried out.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/launcher/launcher.h"
#include "cli/launcher/slack.h"

namespace hexad::launcher {

enum class Action { kKill, kPause, kResume, kRestart, kWipe };
const char* NameOf(Action action);

struct PlannedProcess {
  std::string name;
  pid_t pid = 0;  // 0: not running
  ProcessState state = ProcessState::kDown;
};

struct Costs {
  std::vector<VolumeCost> volumes;
  // Not OK: something would stop serving, and too few nodes answered to know what that costs.
  absl::Status known = absl::OkStatus();
  bool BreakAPromise() const;
};

struct Plan {
  Action action;
  std::string target;  // as the user wrote it
  std::vector<PlannedProcess> processes;
  Costs costs;                       // of the nodes that stop serving, even for a moment
  std::vector<std::string> remarks;  // consequences that are no matter of quorums

  ProcessNames Names() const;
};

// Wrong usage for an unknown target, or to wipe what is no node; NOT_FOUND if there is nothing to
// act on (kill, pause, resume). The bench is not restarted: its own command starts it.
absl::StatusOr<Plan> MakePlan(Launcher& launcher, Action action, const std::string& target);

// Refused if the plan breaks write or read quorum of some volume, and UNAVAILABLE if that cannot be
// told, unless `force`.
absl::Status CheckAllowed(const Plan& plan, bool force);

// The same for whatever `command` would cost.
absl::Status CheckCosts(const std::string& command, const Costs& costs, bool force);

absl::Status Execute(Launcher& launcher, const Plan& plan);

}  // namespace hexad::launcher
