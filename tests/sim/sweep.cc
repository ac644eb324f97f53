#include "tests/sim/sweep.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "quorum/base/prng.h"
#include "tests/sim/checkers/checkers.h"
#include "tests/sim/runner.h"

namespace hexad::sim {
namespace {

constexpr uint64_t kLongestRecovery = 60;  // steps of one process: the second crash falls into them

// A little of everything within a few seconds: small boxcars, a volume that grows, coalescing, and
// a writer that is replaced half-way.
SimOptions SweptOptions(uint64_t seed) {
  SimOptions options = DrawOptions(seed);
  options.safety = Duration::Millis(2500);
  options.nodes = 6;
  options.fault_weights.assign(kFaultKinds, 0);
  options.fabric = FabricOptions{.seed = options.fabric.seed};
  options.load.clients = 3;
  options.load.think = Duration::Millis(60);
  options.pages_per_pg = 4;
  options.load.pages = 12;
  options.load.truncates_per_mille = 20;
  options.coalesce_at_bytes = 3 << 10;
  return options;
}

FaultPlan SweptPlan() {
  Fault replaced;
  replaced.at = Instant() + Duration::Millis(1200);
  replaced.kind = FaultKind::kKillWriter;
  Fault other = replaced;
  other.target = 1;
  return {replaced, other};
}

class Sweep {
 public:
  explicit Sweep(const SweepOptions& options)
      : options_(options), swept_(SweptOptions(options.seed)) {}

  int Run() {
    if (!Count()) return static_cast<int>(FailureClass::kSafety);
    trials_ = options_.points == 0 ? all_ : std::min(options_.points, all_);
    std::printf("seed %lu: %lu places to die at, %lu of them tried\n", options_.seed, all_,
                trials_);
    if (options_.only.has_value()) return Tell(*options_.only);
    const SeedRun run = [this](uint64_t index) { return Die(index, nullptr); };
    RunSeeds({1, trials_, options_.jobs}, run,
             [this](const RunResult& result) { return Take(result); });
    std::printf("%lu runs, %lu crashes, %lu openings, %lu MTRs acknowledged\n", runs_, crashes_,
                openings_, acked_);
    std::printf("%lu passed, %lu failed\n", runs_ - failures_, failures_);
    return exit_code_;
  }

 private:
  // The run without a crash: how many steps each process does.
  bool Count() {
    ResetMarks(0);
    World world(swept_, AllCheckers(swept_));
    const Verdict verdict = world.RunWithCrashes(SweptPlan(), {});
    counts_ = world.crashes().counts();
    for (const auto& [place, count] : counts_) all_ += count * Ways(place.first);
    if (verdict.failure != FailureClass::kNone) {
      std::printf("FAILED without a crash: %s\n", verdict.message.c_str());
    }
    return verdict.failure == FailureClass::kNone;
  }

  bool IsNode(Endpoint who) const { return who < swept_.nodes; }
  // A node dies alone or with its machine.
  uint64_t Ways(Endpoint who) const { return IsNode(who) ? 2 : 1; }

  CrashPoint PlaceAt(uint64_t at) const {
    for (const auto& [place, count] : counts_) {
      const uint64_t ways = Ways(place.first);
      if (at < count * ways) return {place.first, place.second, at / ways + 1, at % ways == 1};
      at -= count * ways;
    }
    return {};
  }

  // Every second one dies twice: the same process, or another one, in the steps that follow.
  std::vector<CrashPoint> PointsOf(uint64_t index) const {
    std::vector<CrashPoint> points = {PlaceAt((index - 1) * all_ / trials_)};
    Prng prng(index ^ options_.seed);
    if (index % 2 == 0) return points;
    CrashPoint again = points.front();
    if (prng.OneIn(2)) again = PlaceAt(prng.Below(all_));
    again.count = 1 + prng.Below(kLongestRecovery);
    points.push_back(again);
    return points;
  }

  RunResult Die(uint64_t index, World::Narrate narrate) const {
    ResetMarks(0);
    World world(swept_, AllCheckers(swept_), std::move(narrate));
    RunResult result;
    result.seed = index;
    result.verdict = world.RunWithCrashes(SweptPlan(), PointsOf(index));
    result.verdict.restarts = world.crashes().happened();
    result.exit_code = static_cast<int>(result.verdict.failure);
    result.message = result.verdict.message;
    return result;
  }

  bool Take(const RunResult& result) {
    ++runs_;
    crashes_ += result.verdict.restarts;
    openings_ += result.verdict.openings;
    acked_ += result.verdict.mtrs_acked;
    if (!result.failed()) return true;
    ++failures_;
    if (exit_code_ == 0) exit_code_ = result.exit_code;
    std::printf("FAILED %s: %s\nreplay: hexad-sim --sweep --seed %lu --points %lu --point %lu\n",
                Names(result.seed).c_str(), result.message.c_str(), options_.seed, options_.points,
                result.seed);
    std::fflush(stdout);
    return failures_ < 10;
  }

  std::string Names(uint64_t index) const {
    std::string text;
    for (const CrashPoint& point : PointsOf(index)) {
      absl::StrAppend(&text, text.empty() ? "" : ", then ", Describe(point, swept_.nodes));
    }
    return text;
  }

  int Tell(uint64_t index) const {
    std::printf("%s\n", Names(index).c_str());
    const RunResult result = Die(index, [](const std::string& line) {
      std::printf("%s\n", line.c_str());
      std::fflush(stdout);
    });
    std::printf("%s %s\n", result.failed() ? "FAILED" : "PASSED", result.message.c_str());
    return result.exit_code;
  }

  const SweepOptions options_;
  const SimOptions swept_;
  Crashes::Counts counts_;
  uint64_t all_ = 0;     // places
  uint64_t trials_ = 0;  // of them
  uint64_t runs_ = 0;
  uint64_t crashes_ = 0;
  uint64_t openings_ = 0;
  uint64_t acked_ = 0;
  uint64_t failures_ = 0;
  int exit_code_ = 0;
};

}  // namespace

int RunSweep(const SweepOptions& options) { return Sweep(options).Run(); }

}  // namespace hexad::sim
