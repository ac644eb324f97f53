// hexad kill|pause|resume|restart|wipe TARGET [--dry-run] [--force]: hurts a process, a node or a
// whole AZ, and says beforehand what that costs.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/launcher/plan.h"
#include "cli/verbs/costs.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

using launcher::Action;
using launcher::Plan;

struct FaultOptions {
  std::string target;
  bool dry_run = false;
  bool force = false;
};

void PrintPlan(const Plan& plan) {
  for (const launcher::PlannedProcess& process : plan.processes) {
    std::cout << "would " << launcher::NameOf(plan.action) << " " << process.name
              << (process.pid == 0 ? " (down)" : absl::StrCat(" (pid ", process.pid, ")")) << "\n";
  }
  PrintCosts(plan.costs, plan.remarks);
}

nlohmann::ordered_json PlanJson(const Plan& plan, bool dry_run) {
  nlohmann::ordered_json processes = nlohmann::ordered_json::array();
  for (const launcher::PlannedProcess& process : plan.processes) {
    processes.push_back({{"name", process.name},
                         {"pid", process.pid == 0 ? nlohmann::ordered_json(nullptr)
                                                  : nlohmann::ordered_json(process.pid)}});
  }
  nlohmann::ordered_json json = {{"action", launcher::NameOf(plan.action)},
                                 {"processes", processes}};
  json.update(CostsJson(plan.costs));
  json["remarks"] = plan.remarks;
  json["dry_run"] = dry_run;
  return json;
}

absl::Status RunFault(const Session& session, Action action, const FaultOptions& options) {
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  auto lock = launcher->Lock();
  if (!lock.ok()) return lock.status();
  const auto plan = launcher::MakePlan(*launcher, action, options.target);
  if (!plan.ok()) return plan.status();
  if (options.dry_run) {
    if (session.json) {
      session.Print(PlanJson(*plan, true));
    } else {
      PrintPlan(*plan);
    }
    return absl::OkStatus();
  }
  if (absl::Status allowed = launcher::CheckAllowed(*plan, options.force); !allowed.ok()) {
    return allowed;
  }
  if (absl::Status done = launcher::Execute(*launcher, *plan); !done.ok()) return done;
  if (session.json) session.Print(PlanJson(*plan, false));
  return absl::OkStatus();
}

void AddFault(CLI::App& app, Session& session, Action action, const char* description) {
  CLI::App* verb = app.add_subcommand(launcher::NameOf(action), description);
  auto options = std::make_shared<FaultOptions>();
  verb->add_option("TARGET", options->target, "n3, az:b, compute or bench")->required();
  verb->add_flag("--dry-run", options->dry_run, "Only say what it would do and cost");
  verb->add_flag("--force", options->force, "Even if a volume loses a quorum");
  verb->callback([&session, action, options] {
    session.run = [&session, action, options] { return RunFault(session, action, *options); };
  });
}

}  // namespace

void AddFaults(CLI::App& app, Session& session) {
  AddFault(app, session, Action::kKill, "kill -9 a process, a node or a whole AZ");
  AddFault(app, session, Action::kPause, "SIGSTOP: it hangs, and its connections stay open");
  AddFault(app, session, Action::kResume, "SIGCONT what was paused");
  AddFault(app, session, Action::kRestart, "Stop what runs and start it again");
  AddFault(app, session, Action::kWipe, "Kill a node, delete its data, start it empty");
}

}  // namespace hexad::cli
