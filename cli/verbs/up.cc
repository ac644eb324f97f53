// hexad up: starts everything, detached, and returns when it serves.
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/launcher/bring_up.h"
#include "cli/launcher/picture.h"
#include "cli/status_view.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

absl::Status RunUp(const Session& session, const launcher::ClusterRequest& request) {
  const auto begin = std::chrono::steady_clock::now();
  auto launcher = launcher::BringUp(session.dir, request, session.LauncherOptions());
  if (!launcher.ok()) return launcher.status();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const size_t started = launcher->started().size();
  session.Say(started == 0 ? "everything already runs"
                           : absl::StrCat(started, started == 1 ? " process" : " processes",
                                          " started; serving after ", Seconds(took.count())));
  const launcher::ClusterPicture cluster = launcher::Look(*launcher);
  if (session.json) {
    session.Print(StatusJson(cluster));
  } else {
    std::cout << "\n";
    PrintStatus(cluster, {.folder = session.dir, .colour = session.colour}, std::cout);
  }
  return absl::OkStatus();
}

}  // namespace

void AddUp(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("up", "Start everything; return when it serves");
  auto request = std::make_shared<launcher::ClusterRequest>();
  verb->add_option("--nodes", request->nodes, "Storage nodes of a new cluster (6)");
  verb->add_option("--azs", request->azs, "Availability zones of a new cluster (3)");
  verb->add_option("--topology", request->topology_file, "A cluster file instead of those two");
  verb->add_option("--volume", request->volume, "The volume that the compute opens (main)");
  verb->add_flag("--faults", request->faults,
                 "A new test cluster: hexad cut, slow and heal work on its links and disks");
  verb->callback([&session, request] {
    session.run = [&session, request] { return RunUp(session, *request); };
  });
}

}  // namespace hexad::cli
