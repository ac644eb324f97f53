#include "tests/sim/marks.h"

#include <string_view>
#include <vector>

#include "quorum/base/checksum.h"
#include "quorum/base/prng.h"

namespace hexad::sim {
namespace {

struct State {
  std::vector<std::string> names;
  std::vector<uint64_t> counts;
  uint64_t seed = 0;
  Prng prng{0};
};

// Marks register themselves before main, so this must be made when it is first needed.
State& Marks() {
  static State state;
  return state;
}

}  // namespace

void ResetMarks(uint64_t seed) {
  State& state = Marks();
  state.counts.assign(state.names.size(), 0);
  state.seed = seed;
  state.prng = Prng(seed ^ 0x62756767696679ULL);
}

MarkCounts ReachedMarks() {
  const State& state = Marks();
  MarkCounts counts;
  for (size_t i = 0; i < state.names.size(); ++i) counts[state.names[i]] += state.counts[i];
  return counts;
}

}  // namespace hexad::sim

namespace hexad::marks {

size_t Register(const char* name) {
  sim::State& state = sim::Marks();
  state.names.emplace_back(name);
  state.counts.push_back(0);
  return state.names.size() - 1;
}

void Reach(size_t mark) { ++sim::Marks().counts[mark]; }

bool Buggify(const char* name) {
  sim::State& state = sim::Marks();
  if (state.seed == 0) return false;
  const uint64_t draw = Mix64(Checksum(std::string_view(name)) ^ state.seed);
  if (draw % 4 != 0) return false;
  return state.prng.Below(1000) < 10 + draw / 4 % 200;
}

}  // namespace hexad::marks
