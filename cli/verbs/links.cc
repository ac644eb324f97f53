// hexad cut A[,B..] C[,D..] [--one-way] | heal | slow TARGET [--disk 50ms] [--net 20ms]: the links
// and disks of a test cluster (hexad up --faults).
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/link_plan.h"
#include "cli/status_view.h"
#include "cli/verbs/costs.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

using launcher::LinkPlan;
using Planner = std::function<absl::StatusOr<LinkPlan>(launcher::Launcher&)>;

constexpr uint64_t kLongestDelayMs = 60'000;

struct Consent {
  bool dry_run = false;
  bool force = false;
};

// "50ms" or "2s".
absl::StatusOr<uint64_t> Micros(const std::string& option, const std::string& text) {
  absl::string_view digits = text;
  uint64_t unit_ms = 1;
  if (!absl::ConsumeSuffix(&digits, "ms") && absl::ConsumeSuffix(&digits, "s")) unit_ms = 1'000;
  uint64_t number = 0;
  if (digits.size() == text.size() || !absl::SimpleAtoi(digits, &number) ||
      number > kLongestDelayMs / unit_ms) {
    return launcher::WrongUsage(
        {absl::StrCat(option, " ", text, " is no delay up to ", kLongestDelayMs / 1'000, "s"), "",
         absl::StrCat(option, " 50ms")});
  }
  return number * unit_ms * 1'000;
}

void ShowPlan(const LinkPlan& plan) {
  for (const std::string& step : plan.steps) std::cout << "would " << step << "\n";
  PrintCosts(plan.costs, plan.remarks);
}

nlohmann::ordered_json PlanJson(const LinkPlan& plan, bool dry_run) {
  nlohmann::ordered_json json = {{"action", plan.command}, {"steps", plan.steps}};
  json.update(CostsJson(plan.costs));
  json["remarks"] = plan.remarks;
  json["dry_run"] = dry_run;
  return json;
}

absl::Status RunPlan(const Session& session, const Planner& planner, const Consent& consent) {
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  auto lock = launcher->Lock();
  if (!lock.ok()) return lock.status();
  const auto plan = planner(*launcher);
  if (!plan.ok()) return plan.status();
  if (consent.dry_run) {
    if (session.json) {
      session.Print(PlanJson(*plan, true));
    } else {
      ShowPlan(*plan);
    }
    return absl::OkStatus();
  }
  if (absl::Status allowed = launcher::CheckCosts(plan->command, plan->costs, consent.force);
      !allowed.ok()) {
    return allowed;
  }
  if (absl::Status done = launcher::Execute(*launcher, *plan); !done.ok()) return done;
  session.Say(absl::StrCat("end it with:  hexad heal", DirOption(session.dir)));
  if (session.json) session.Print(PlanJson(*plan, false));
  return absl::OkStatus();
}

absl::Status RunHeal(const Session& session, bool dry_run) {
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  auto lock = launcher->Lock();
  if (!lock.ok()) return lock.status();
  if (absl::Status takes = launcher::CheckTakesFaults(launcher->dir()); !takes.ok()) return takes;
  const std::vector<std::string> ending = InWords(launcher::FaultsOf(launcher->dir()));
  if (!dry_run) {
    if (absl::Status healed = launcher::HealFaults(*launcher); !healed.ok()) return healed;
  }
  for (const std::string& fault : ending) {
    session.Say(absl::StrCat(dry_run ? "would heal " : "healed ", fault));
  }
  if (ending.empty()) session.Say("nothing to heal: no link is cut or slow, and no disk suffers");
  if (session.json) session.Print({{"healed", ending}, {"dry_run", dry_run}});
  return absl::OkStatus();
}

void AddConsent(CLI::App* verb, const std::shared_ptr<Consent>& consent) {
  verb->add_flag("--dry-run", consent->dry_run, "Only say what it would do and cost");
  verb->add_flag("--force", consent->force, "Even if a volume loses a quorum");
}

void AddCut(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("cut", "Cut links of a test cluster, both ways or one way");
  auto request = std::make_shared<launcher::CutRequest>();
  auto consent = std::make_shared<Consent>();
  verb->add_option("A", request->a, "One side, by comma: n1,az:b,compute,bench")->required();
  verb->add_option("B", request->b, "The other side")->required();
  verb->add_flag("--one-way", request->one_way, "Only what A sends to B is held back");
  AddConsent(verb, consent);
  verb->callback([&session, request, consent] {
    session.run = [&session, request, consent] {
      return RunPlan(
          session, [&](launcher::Launcher& launcher) { return PlanCut(launcher, *request); },
          *consent);
    };
  });
}

struct SlowFlags {
  std::string target;
  std::string disk;
  std::string net;
};

absl::StatusOr<launcher::SlowRequest> RequestOf(const SlowFlags& flags) {
  launcher::SlowRequest request{.target = flags.target, .disk_us = {}, .net_us = {}};
  if (!flags.disk.empty()) {
    const auto delay = Micros("--disk", flags.disk);
    if (!delay.ok()) return delay.status();
    request.disk_us = *delay;
  }
  if (!flags.net.empty()) {
    const auto delay = Micros("--net", flags.net);
    if (!delay.ok()) return delay.status();
    request.net_us = *delay;
  }
  return request;
}

void AddSlow(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("slow", "Slow links or disks of a test cluster");
  auto flags = std::make_shared<SlowFlags>();
  auto consent = std::make_shared<Consent>();
  verb->add_option("TARGET", flags->target, "By comma: n3, az:b, compute, bench")->required();
  verb->add_option("--disk", flags->disk, "How much longer each fsync takes: 50ms; 0ms ends it");
  verb->add_option("--net", flags->net, "How much later everything to and from it arrives");
  AddConsent(verb, consent);
  verb->callback([&session, flags, consent] {
    session.run = [&session, flags, consent]() -> absl::Status {
      const auto request = RequestOf(*flags);
      if (!request.ok()) return request.status();
      return RunPlan(
          session, [&](launcher::Launcher& launcher) { return PlanSlow(launcher, *request); },
          *consent);
    };
  });
}

}  // namespace

void AddLinks(CLI::App& app, Session& session) {
  AddCut(app, session);
  AddSlow(app, session);
  CLI::App* heal = app.add_subcommand("heal", "End every cut and slowness of a test cluster");
  auto dry_run = std::make_shared<bool>(false);
  heal->add_flag("--dry-run", *dry_run, "Only say what it would end");
  heal->callback([&session, dry_run] {
    session.run = [&session, dry_run] { return RunHeal(session, *dry_run); };
  });
}

}  // namespace hexad::cli
