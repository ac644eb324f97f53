// The crash-point sweep: one short run without faults, again and again, each time with a process
// that dies at another of its sends or writes, and every second time with one that dies again while
// the first crash is recovered from. Where random faults hit a step by luck, this hits each.
#pragma once

#include <cstdint>
#include <optional>

namespace hexad::sim {

struct SweepOptions {
  uint64_t seed = 1;
  // So many places, evenly spread over all there are; 0: every one.
  uint64_t points = 0;
  int jobs = 1;
  // This one alone, told line by line.
  std::optional<uint64_t> only;
};

// Prints what was swept and what failed. Returns hexad-sim's exit code.
int RunSweep(const SweepOptions& options);

}  // namespace hexad::sim
