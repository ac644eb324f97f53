// Where a process dies: at its k-th send, which does not leave any more, or at its k-th write,
// which the disk has and has not fsynced. A sweep (sweep.h) tries every such place.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/network.h"

namespace hexad::sim {

enum class StepKind : uint8_t { kSend, kWrite };

struct CrashPoint {
  Endpoint who = 0;  // a node by its index, behind them the compute machines
  StepKind step = StepKind::kSend;
  uint64_t count = 1;  // from the start of the run, or from the crash before it on
  bool power = false;  // of a node: with its machine
};

// "n3 at its 17th write, with its machine", "compute1 at its 5th send"
std::string Describe(const CrashPoint& point, size_t nodes);

// Counts the steps of every process and tells the one at which it dies.
class Crashes {
 public:
  // One after the other.
  void Plan(std::vector<CrashPoint> points) { points_ = std::move(points); }
  // `who` is about to do one more. Not null: it dies instead.
  const CrashPoint* Pass(Endpoint who, StepKind step);

  using Counts = std::map<std::pair<Endpoint, StepKind>, uint64_t>;
  const Counts& counts() const { return counts_; }
  size_t happened() const { return next_; }

 private:
  std::vector<CrashPoint> points_;
  size_t next_ = 0;
  Counts counts_;
  Counts before_;  // at the last crash
};

}  // namespace hexad::sim
