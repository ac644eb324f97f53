#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/sim/checkers/checkers.h"
#include "tests/sim/world.h"

int main(int argc, char** argv) {
  using namespace hexad::sim;
  const uint64_t from = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const uint64_t to = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : from;
  const bool trace = argc > 3;
  for (uint64_t seed = from; seed <= to; ++seed) {
    const SimOptions options = DrawOptions(seed);
    World world(
        options, AllCheckers(options),
        trace ? World::Narrate([](const std::string& line) { std::printf("%s\n", line.c_str()); })
              : World::Narrate());
    const auto begin = std::chrono::steady_clock::now();
    const Verdict v = world.Run(DrawFaults(options));
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf(
        "seed %lu %s %s trace %016lx acked %lu unknown %lu openings %lu fenced %lu reads %lu "
        "restarts %lu events %lu %.0fx\n",
        seed, std::string(NameOf(v.failure)).c_str(), v.message.c_str(), v.trace, v.mtrs_acked,
        v.mtrs_unknown, v.openings, v.fenced, v.pages_read, v.restarts, v.events,
        v.at.nanos() / 1e9 / wall);
    if (v.failure != FailureClass::kNone && trace) std::printf("%s\n", options.Describe().c_str());
    std::fflush(stdout);
  }
}
