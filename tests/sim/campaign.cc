#include "tests/sim/campaign.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/sim/checkers/checkers.h"
#include "tests/sim/minimize.h"
#include "tests/sim/options.h"

namespace hexad::sim {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMinimizeTrials = 300;

double SecondsSince(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

class Campaign {
 public:
  explicit Campaign(const CampaignOptions& options) : options_(options) {}

  int Run() {
    const SeedRange range{options_.first, options_.last, options_.jobs};
    const auto run = [](uint64_t seed) { return RunHere(seed, std::nullopt, nullptr); };
    RunSeeds(range, run, [&](const RunResult& result) { return Take(result); });
    if (options_.twice && !failed_.has_value()) {
      RunSeeds(range, run, [&](const RunResult& result) { return Compare(result); });
    }
    if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r%60s\r", "");
    Report();
    return ExitCode();
  }

 private:
  bool Take(const RunResult& result) {
    ++runs_;
    virtual_seconds_ += static_cast<double>(result.verdict.at.nanos()) / 1e9;
    work_seconds_ += static_cast<double>(result.cpu_micros) / 1e6;
    acked_ += result.verdict.mtrs_acked;
    unknown_ += result.verdict.mtrs_unknown;
    openings_ += result.verdict.openings;
    fenced_ += result.verdict.fenced;
    restarts_ += result.verdict.restarts;
    pages_ += result.verdict.pages_read;
    for (const auto& [mark, count] : result.marks) marks_[mark] += count;
    traces_[result.seed] = result.verdict.trace;
    if (result.failed()) {
      ++failures_;
      if (!failed_.has_value() || result.seed < failed_->seed) failed_ = result;
      std::printf("seed %lu: %s\n", result.seed, result.message.c_str());
      std::fflush(stdout);
    }
    Progress();
    return failures_ < 10 && InTime();
  }

  bool Compare(const RunResult& result) {
    ++compared_;
    Progress();
    if (traces_.at(result.seed) == result.verdict.trace) return InTime();
    differs_ = result.seed;
    return false;
  }

  bool InTime() const {
    return !options_.minutes.has_value() || Clock::now() - began_ < *options_.minutes;
  }

  void Progress() const {
    if (isatty(STDERR_FILENO) == 0 || (runs_ + compared_) % 16 != 0) return;
    const uint64_t all = options_.last - options_.first + 1;
    const double took = SecondsSince(began_);
    const uint64_t done = runs_ + compared_;
    const uint64_t total = options_.twice ? 2 * all : all;
    std::fprintf(stderr, "\r%lu of %lu runs, %.0f s, %.0f s to go ", done, total, took,
                 took / static_cast<double>(done) * static_cast<double>(total - done));
  }

  void Report() const {
    std::printf(
        "%lu runs of %.1f virtual seconds on average, %.0f s on %d cores, %.0fx real time "
        "per core\n",
        runs_, virtual_seconds_ / static_cast<double>(std::max<uint64_t>(runs_, 1)),
        SecondsSince(began_), options_.jobs, virtual_seconds_ / std::max(work_seconds_, 1e-9));
    std::printf(
        "%lu MTRs acknowledged, %lu unknown, %lu openings, %lu fenced, %lu node restarts, "
        "%lu pages read and compared\n",
        acked_, unknown_, openings_, fenced_, restarts_, pages_);
    for (const auto& [mark, count] : marks_) std::printf("  %12lu  %s\n", count, mark.c_str());
    if (options_.twice) std::printf("%lu seeds run twice\n", compared_);
    if (differs_ != 0) std::printf("seed %lu: two runs, two traces\n", differs_);
    if (!options_.traces_file.empty()) {
      std::ofstream out(options_.traces_file);
      for (const auto& [seed, trace] : traces_) out << seed << " " << trace << "\n";
    }
    if (failed_.has_value()) {
      std::printf("FAILED seed %lu: %s\n", failed_->seed, failed_->message.c_str());
      PrintShortest(*failed_, DrawFaults(DrawOptions(failed_->seed)));
    }
    for (const std::string& mark : Missed()) std::printf("never reached: %s\n", mark.c_str());
    std::printf("%lu passed, %lu failed\n", runs_ - failures_,
                failures_ + (differs_ != 0 ? 1 : 0) + Missed().size());
  }

  std::vector<std::string> Missed() const {
    std::vector<std::string> missed;
    if (!options_.marks || failed_.has_value()) return missed;
    for (const auto& [mark, count] : marks_) {
      if (count == 0) missed.push_back(mark);
    }
    return missed;
  }

  int ExitCode() const {
    if (failed_.has_value()) return failed_->exit_code;
    if (differs_ != 0) return kExitDiffers;
    return Missed().empty() ? 0 : kExitMarkMissed;
  }

  const CampaignOptions options_;
  const Clock::time_point began_ = Clock::now();
  uint64_t runs_ = 0;
  uint64_t compared_ = 0;
  uint64_t failures_ = 0;
  double virtual_seconds_ = 0;
  double work_seconds_ = 0;
  uint64_t acked_ = 0;
  uint64_t unknown_ = 0;
  uint64_t openings_ = 0;
  uint64_t fenced_ = 0;
  uint64_t restarts_ = 0;
  uint64_t pages_ = 0;
  MarkCounts marks_;
  std::map<uint64_t, uint64_t> traces_;
  std::optional<RunResult> failed_;
  uint64_t differs_ = 0;  // the seed; 0: none
};

}  // namespace

int DefaultJobs() { return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U)); }

int RunCampaign(const CampaignOptions& options) { return Campaign(options).Run(); }

void PrintShortest(const RunResult& failed, const FaultPlan& plan) {
  std::printf("replay: hexad-sim --seed %lu\n", failed.seed);
  const std::string kind = failed.Kind();
  const auto fails = [&](const FaultPlan& shorter) {
    const RunResult again = RunApart(failed.seed, shorter);
    return again.failed() && again.Kind() == kind;
  };
  if (!fails(plan)) {
    std::printf(
        "the same plan in a run of its own does not fail: is something not drawn from the "
        "seed?\n");
    return;
  }
  const FaultPlan shortest = Minimize(plan, kMinimizeTrials, fails);
  std::printf(
      "%zu of %zu faults are enough (save them, then hexad-sim --scenario FILE):\n\n"
      "seed %lu\n%s\n",
      shortest.size(), plan.size(), failed.seed, ToText(shortest).c_str());
}

// Settings between those that a seed draws, which are for trouble, and the product's, whose hot log
// would never be coalesced in so little time.
int MeasureSpeed() {
  SimOptions options;
  options.coalesce_at_bytes = 64 << 10;
  options.hot_log_limit_bytes = 4 << 20;
  options.gossip_every = storage_node::NodeOptions().gossip_every;
  options.scrub_every = storage_node::NodeOptions().scrub_every;
  options.pages_per_pg = 64;
  options.cache_pages = 64;
  options.lal = quorum::kMaxLal;
  options.load.clients = 2;
  options.load.think = Duration::Millis(18);  // and the commit's own time: 100 a second
  options.safety = Duration::Seconds(300);
  options.fault_weights.assign(kFaultKinds, 0);
  ResetMarks(0);
  const int64_t began = CpuMicros();
  World world(options, AllCheckers(options));
  const Verdict verdict = world.Run({});
  const double took = static_cast<double>(CpuMicros() - began) / 1e6;
  const double virtual_seconds = static_cast<double>(verdict.at.nanos()) / 1e9;
  std::printf(
      "six nodes, one writer, %.0f commits/s, no faults, all checkers: %.0fx real time on one "
      "core\n",
      static_cast<double>(verdict.mtrs_acked) / virtual_seconds, virtual_seconds / took);
  return static_cast<int>(verdict.failure);
}

}  // namespace hexad::sim
