// hexad down [--wipe]: stops everything that this folder started; --wipe also deletes the data.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/launcher/targets.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

// Writers first, so that no commit is cut off by its nodes going away.
absl::Status StopEverything(launcher::Launcher& launcher) {
  launcher::ProcessNames writers;
  launcher::ProcessNames nodes;
  for (const std::string& name : launcher::AllProcesses(launcher.record())) {
    const bool node = launcher.record().FindNode(name) != nullptr;
    (node ? nodes : writers).push_back(name);
  }
  if (absl::Status stopped = launcher.Stop(writers); !stopped.ok()) return stopped;
  return launcher.Stop(nodes);
}

absl::Status RunDown(const Session& session, bool wipe) {
  auto launcher = session.OpenCluster();
  if (absl::IsNotFound(launcher.status())) {
    session.Say(absl::StrCat("no cluster in ", session.dir, ": nothing to do"));
    if (session.json) session.Print({{"stopped", 0}, {"wiped", false}});
    return absl::OkStatus();
  }
  if (!launcher.ok()) return launcher.status();
  auto lock = launcher->dir().Lock();
  if (!lock.ok()) return lock.status();

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
  auto wipe = std::make_shared<bool>(false);
  verb->add_flag("--wipe", *wipe, "Delete data, logs and ports too");
  verb->callback(
      [&session, wipe] { session.run = [&session, wipe] { return RunDown(session, *wipe); }; });
}

}  // namespace hexad::cli
