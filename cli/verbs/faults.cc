// hexad kill|pause|resume|restart TARGET [--dry-run] [--force]: hurts a process, a node or a whole
// AZ, and says beforehand what that costs.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/launcher/plan.h"
#include "cli/status_view.h"
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

std::string QuorumAfter(const char* name, bool ok_before, bool ok_after, int need,
                        const launcher::VolumeSlack& after) {
  return absl::StrCat(name, " quorum ", need, "/", after.of, " ",
                      ok_after    ? "ok"
                      : ok_before ? "LOST"
                                  : "still lost",
                      " (", after.up, " up)");
}

void PrintPlan(const Plan& plan) {
  for (const launcher::PlannedProcess& process : plan.processes) {
    std::cout << "would " << launcher::NameOf(plan.action) << " " << process.name
              << (process.pid == 0 ? " (down)" : absl::StrCat(" (pid ", process.pid, ")")) << "\n";
  }
  for (const launcher::VolumeCost& cost : plan.costs) {
    const launcher::VolumeSlack& after = cost.after;
    std::cout << "volume " << after.volume << ":  "
              << QuorumAfter("write", cost.before.can_write, after.can_write, after.write_need,
                             after)
              << ", "
              << QuorumAfter("read", cost.before.can_read, after.can_read, after.read_need, after)
              << "\n  could lose then: " << CanLoseInWords(after.write, after.read) << "\n";
  }
  for (const std::string& remark : plan.remarks) std::cout << remark << "\n";
  if (!plan.costs_known.ok()) std::cout << plan.costs_known.message() << "\n";
  if (plan.BreaksAPromise() || !plan.costs_known.ok())
    std::cout << "so it would be refused without --force\n";
}

nlohmann::ordered_json PlanJson(const Plan& plan, bool dry_run) {
  nlohmann::ordered_json processes = nlohmann::ordered_json::array();
  for (const launcher::PlannedProcess& process : plan.processes) {
    processes.push_back({{"name", process.name},
                         {"pid", process.pid == 0 ? nlohmann::ordered_json(nullptr)
                                                  : nlohmann::ordered_json(process.pid)}});
  }
  nlohmann::ordered_json volumes = nlohmann::ordered_json::array();
  for (const launcher::VolumeCost& cost : plan.costs) {
    volumes.push_back(
        {{"name", cost.after.volume},
         {"up", cost.after.up},
         {"can_write", cost.after.can_write},
         {"can_read", cost.after.can_read},
         {"can_lose",
          {{"write", {{"nodes", cost.after.write.nodes}, {"azs", cost.after.write.azs}}},
           {"read", {{"nodes", cost.after.read.nodes}, {"azs", cost.after.read.azs}}}}}});
  }
  return {{"action", launcher::NameOf(plan.action)},
          {"processes", processes},
          {"volumes_after", volumes},
          {"remarks", plan.remarks},
          {"breaks_a_promise", plan.BreaksAPromise()},
          {"costs_known", plan.costs_known.ok()},
          {"dry_run", dry_run}};
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
}

}  // namespace hexad::cli
