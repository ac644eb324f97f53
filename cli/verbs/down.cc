// hexad down [--wipe] [--dry-run]: stops everything that this folder started; --wipe also deletes
// the data.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/launcher/faults.h"
#include "cli/launcher/targets.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

// Writers first, so that no commit is cut off by its nodes going away; before them the faults, so
// that nobody says goodbye over a link that is cut.
absl::Status StopEverything(launcher::Launcher& launcher) {
  if (absl::Status healed = launcher::HealFaults(launcher); !healed.ok()) return healed;
  launcher::ProcessNames writers;
  launcher::ProcessNames nodes;
  for (const std::string& name : launcher::AllProcesses(launcher.record())) {
    const bool node = launcher.record().FindNode(name) != nullptr;
    (node ? nodes : writers).push_back(name);
  }
  if (absl::Status stopped = launcher.Stop(writers); !stopped.ok()) return stopped;
  if (absl::Status stopped = launcher.Stop(nodes); !stopped.ok()) return stopped;
  return launcher.Stop({launcher::kRelay});
}

struct DownOptions {
  bool wipe = false;
  bool dry_run = false;
};

void ShowPlan(const Session& session, const launcher::Launcher& launcher, bool wipe) {
  launcher::ProcessNames names = launcher::AllProcesses(launcher.record());
  names.push_back(launcher::kRelay);
  nlohmann::ordered_json would_stop = nlohmann::ordered_json::array();
  for (const std::string& name : names) {
    if (launcher.StateOf(name) == launcher::ProcessState::kDown) continue;
    would_stop.push_back(name);
    session.Say(
        absl::StrCat("would stop ", name, " (pid ", launcher.dir().Remembered(name)->pid, ")"));
  }
  if (would_stop.empty()) session.Say("nothing runs");
  if (wipe) session.Say(absl::StrCat("would delete ", session.dir, ": data, logs and ports"));
  if (session.json) {
    session.Print({{"would_stop", would_stop}, {"would_wipe", wipe}, {"dry_run", true}});
  }
}

absl::Status RunDown(const Session& session, const DownOptions& options) {
  const bool wipe = options.wipe;
  auto launcher = session.OpenCluster();
  if (absl::IsNotFound(launcher.status())) {
    session.Say(absl::StrCat("no cluster in ", session.dir, ": nothing to do"));
    if (session.json) session.Print({{"stopped", 0}, {"wiped", false}});
    return absl::OkStatus();
  }
  if (!launcher.ok()) return launcher.status();
  auto lock = launcher->Lock();
  if (!lock.ok()) return lock.status();
  if (options.dry_run) {
    ShowPlan(session, *launcher, wipe);
    return absl::OkStatus();
  }

  const size_t running = launcher->InState(launcher::ProcessState::kUp).size() +
                         launcher->InState(launcher::ProcessState::kPaused).size();
  if (absl::Status stopped = StopEverything(*launcher); !stopped.ok()) return stopped;
  if (wipe) {
    if (absl::Status wiped = launcher->dir().Wipe(); !wiped.ok()) return wiped;
    session.Say(absl::StrCat(session.dir, " wiped: data, logs and ports are gone"));
  } else if (running == 0) {
    session.Say("nothing was running");
  } else {
    session.Say("data and ports are kept.  Next: hexad up, or hexad down --wipe");
  }
  if (session.json) session.Print({{"stopped", running}, {"wiped", wipe}});
  return absl::OkStatus();
}

}  // namespace

void AddDown(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("down", "Stop everything; --wipe also deletes the data");
  auto options = std::make_shared<DownOptions>();
  verb->add_flag("--wipe", options->wipe, "Delete data, logs and ports too");
  verb->add_flag("--dry-run", options->dry_run, "Only say what it would stop and delete");
  verb->callback([&session, options] {
    session.run = [&session, options] { return RunDown(session, *options); };
  });
}

}  // namespace hexad::cli
