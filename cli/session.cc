#include "cli/session.h"

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/interrupt.h"

namespace hexad::cli {

void Session::Say(const std::string& line) const {
  if (!json) std::cout << line << std::endl;
}

void Session::Print(const nlohmann::ordered_json& object) const {
  std::cout << object.dump(2) << "\n";
}

launcher::LauncherOptions Session::LauncherOptions() const {
  launcher::LauncherOptions options;
  // The programs of one build stand side by side.
  options.bin_dir = std::filesystem::path(launcher::OwnExecutable()).parent_path();
  options.say = [this](const std::string& line) { Say(line); };
  options.interrupted = Interrupted;
  return options;
}

absl::StatusOr<launcher::Launcher> Session::OpenCluster() const {
  auto dir = launcher::ClusterDir::Open(this->dir);
  if (!dir.ok()) return dir.status();
  return launcher::Launcher(*std::move(dir), LauncherOptions());
}

}  // namespace hexad::cli
