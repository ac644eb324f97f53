// The demo: what six copies in three zones are for, shown on real processes in under a minute, each
// step a line with its numbers.
//
//   cluster up -> load -> a node killed -> back -> a zone killed -> back -> the writer killed
//   -> recovered -> every acknowledged MTR found, all six segments compared
//
// Any MTR that fails before the writer is killed, anything missing after, ends it with an error.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "cli/launcher/launcher.h"

namespace hexad::cli {

struct TourOptions {
  std::string folder;
  launcher::LauncherOptions launcher;
  bool progress = false;
  // One line per step: a short name, and what happened in numbers.
  std::function<void(const std::string& step, const std::string& numbers)> tell;
};

// Leaves the cluster up, whether it succeeds or not; ends the workload that it started.
absl::Status RunTour(const TourOptions& options);

}  // namespace hexad::cli
