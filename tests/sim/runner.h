// Runs in processes of their own: a core that aborts ends one run, not the campaign, and two cores
// of the machine do two seeds at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/fault.h"
#include "tests/sim/marks.h"
#include "tests/sim/world.h"

namespace hexad::sim {

// Beyond what a World's verdict can say. Exit codes too (see FailureClass).
inline constexpr int kExitInvariant = 14;   // a core's INVARIANT failed
inline constexpr int kExitCrash = 15;       // a signal, or no end within kRunTimeout
inline constexpr int kExitDiffers = 16;     // the same seed twice, two traces
inline constexpr int kExitMarkMissed = 17;  // a campaign never reached a mark
inline constexpr int kExitBugMissed = 18;   // a planted bug was not caught

inline constexpr int kRunTimeoutSeconds = 120;

struct RunResult {
  uint64_t seed = 0;
  int exit_code = 0;    // 0, a FailureClass, kExitInvariant or kExitCrash
  std::string message;  // "I1 durability: ..."
  Verdict verdict;      // with exit_code 0, or of a FailureClass
  MarkCounts marks;
  int64_t cpu_micros = 0;

  bool failed() const { return exit_code != 0; }
  // The invariant's name, or the class: two failures of one kind have the same cause, probably.
  std::string Kind() const;
};

// The processor time of this thread, which other processes of the machine do not stretch.
int64_t CpuMicros();

// One run in this process. Nothing: the plan that the seed draws.
RunResult RunHere(uint64_t seed, const std::optional<FaultPlan>& plan, World::Narrate narrate);
// The same in a child that tells its lines; how it ended is for RunApart to say.
void RunTold(uint64_t seed, const FaultPlan& plan, World::Narrate narrate);
// The same in a child.
RunResult RunApart(uint64_t seed, const std::optional<FaultPlan>& plan);

// `run` for every seed of [first, last], in `jobs` children; `done` sees each result as it comes,
// in any order, and says whether to go on.
struct SeedRange {
  uint64_t first = 1;
  uint64_t last = 1;
  int jobs = 1;
};
using SeedRun = std::function<RunResult(uint64_t seed)>;
using SeedDone = std::function<bool(const RunResult&)>;
void RunSeeds(const SeedRange& range, const SeedRun& run, const SeedDone& done);

}  // namespace hexad::sim
