// Many seeds, one report: what was run, how fast, what was reached, and what failed.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/runner.h"

namespace hexad::sim {

struct CampaignOptions {
  uint64_t first = 1;
  uint64_t last = 1;
  int jobs = 1;
  bool twice = false;                           // each seed a second time: equal traces?
  std::optional<std::chrono::minutes> minutes;  // stop after so long
  bool marks = false;                           // fail if a mark was never reached
  std::string traces_file;  // "SEED TRACE" a line, to be compared between builds
};

// Prints progress on a terminal, then the report. Returns hexad-sim's exit code.
int RunCampaign(const CampaignOptions& options);

// Six nodes and a writer at 100 commits a second, no faults: how much faster than real time.
int MeasureSpeed();

// Makes the plan of a failing run as short as possible and prints it with the command that runs it.
void PrintShortest(const RunResult& failed, const FaultPlan& plan);

// The machine's cores.
int DefaultJobs();

}  // namespace hexad::sim
