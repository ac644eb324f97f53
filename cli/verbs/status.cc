// hexad status [--watch]: nodes, volumes, quorums, what can be lost now.
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/interrupt.h"
#include "cli/launcher/picture.h"
#include "cli/past.h"
#include "cli/status_view.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

constexpr std::chrono::milliseconds kWatchEvery{1'000};
constexpr char kClearScreen[] = "\033[H\033[2J";

void ShowOnce(const Session& session, launcher::Launcher& launcher) {
  launcher::ClusterPicture cluster = launcher::Look(launcher);
  FindOldest(launcher, cluster);
  if (session.json) return session.Print(StatusJson(cluster));
  PrintStatus(cluster, {.folder = session.dir, .colour = session.colour}, std::cout);
}

absl::Status RunStatus(const Session& session, bool watch) {
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  ShowOnce(session, *launcher);
  while (watch && !Interrupted()) {
    std::this_thread::sleep_for(kWatchEvery);
    if (session.colour && !session.json) std::cout << kClearScreen;
    ShowOnce(session, *launcher);
  }
  return absl::OkStatus();
}

}  // namespace

void AddStatus(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("status", "Nodes, volumes, quorums, what can be lost now");
  auto watch = std::make_shared<bool>(false);
  verb->add_flag("--watch", *watch, "Again every second, until Ctrl-C");
  verb->callback([&session, watch] {
    session.run = [&session, watch] { return RunStatus(session, *watch); };
  });
}

}  // namespace hexad::cli
