// hexad demo: loses a node, a zone and the writer under load, and proves that nothing else was
// lost.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/demo/tour.h"
#include "cli/interrupt.h"
#include "cli/status_view.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

absl::Status RunDemo(const Session& session) {
  nlohmann::ordered_json steps = nlohmann::ordered_json::array();
  TourOptions options{.folder = session.dir,
                      .launcher = session.LauncherOptions(),
                      .progress = session.progress,
                      .tell = [&](const std::string& step, const std::string& numbers) {
                        steps.push_back({{"step", step}, {"numbers", numbers}});
                        if (session.json) return;
                        std::printf("%-18s %s\n", step.c_str(), numbers.c_str());
                        std::fflush(stdout);
                      }};
  // The steps' own lines say what was started and killed.
  options.launcher.say = [](const std::string&) {};
  const absl::Status toured = RunTour(options);
  if (session.json) session.Print({{"ok", toured.ok()}, {"steps", steps}});
  if (!toured.ok()) return toured;
  const std::string dir = DirOption(session.dir);
  session.Say("\nThe cluster is still up.  Try:  hexad status" + dir + "    hexad kill az:c" + dir +
              " --dry-run    hexad bench write --seconds 5" + dir + "    hexad down --wipe" + dir);
  return absl::OkStatus();
}

}  // namespace

void AddDemo(CLI::App& app, Session& session) {
  CLI::App* verb =
      app.add_subcommand("demo", "Lose a node, a zone and the writer under load; prove the rest");
  verb->callback([&session] { session.run = [&session] { return RunDemo(session); }; });
}

}  // namespace hexad::cli
