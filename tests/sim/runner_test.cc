// Runs in children: what becomes of one that prints much, or dies.
#include "tests/sim/runner.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "gtest/gtest.h"

namespace hexad::sim {
namespace {

std::map<uint64_t, RunResult> RunAll(const SeedRange& range, const SeedRun& run) {
  std::map<uint64_t, RunResult> results;
  RunSeeds(range, run,
           [&](const RunResult& result) { return results.emplace(result.seed, result).second; });
  return results;
}

RunResult Passed(uint64_t seed) {
  RunResult result;
  result.seed = seed;
  return result;
}

TEST(Runner, AChildThatPrintsMoreThanAPipeHoldsGoesOn) {
  const auto results = RunAll({1, 2, 2}, [](uint64_t seed) {
    const std::string much(1 << 20, 'x');
    std::fwrite(much.data(), 1, much.size(), stderr);
    return Passed(seed);
  });
  ASSERT_EQ(results.size(), 2u);
  EXPECT_FALSE(results.at(1).failed()) << results.at(1).message;
}

TEST(Runner, AChildThatDiesFailsItsSeedAndLeavesItsLastWords) {
  const auto results = RunAll({1, 5, 2}, [](uint64_t seed) {
    if (seed == 3) {
      std::fprintf(stderr, "%s\nit cannot be\n", std::string(1 << 20, 'x').c_str());
      std::abort();
    }
    return Passed(seed);
  });
  ASSERT_EQ(results.size(), 5u) << "the others are run all the same";
  EXPECT_EQ(results.at(3).exit_code, kExitInvariant);
  EXPECT_NE(results.at(3).message.find("it cannot be"), std::string::npos);
  EXPECT_FALSE(results.at(5).failed());
}

}  // namespace
}  // namespace hexad::sim
