// What every verb shares: the options that stand before or after it, where it prints, and how it
// reports. A verb registers itself with CLI11 and leaves a function in `run`; Run() calls it.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/launcher/launcher.h"

namespace CLI {
class App;
}

namespace hexad::cli {

struct Session {
  std::string dir = ".hexad";
  bool json = false;
  bool colour = false;                // stdout is a terminal
  bool progress = false;              // stderr is a terminal: percentages may be drawn there
  std::function<absl::Status()> run;  // of the verb that was parsed

  // Prints one line about something that was done: to stdout for people, nowhere for programs.
  void Say(const std::string& line) const;
  // Prints one JSON object to stdout.
  void Print(const nlohmann::ordered_json& object) const;

  launcher::LauncherOptions LauncherOptions() const;
  // The cluster of --dir.
  absl::StatusOr<launcher::Launcher> OpenCluster() const;
};

}  // namespace hexad::cli
