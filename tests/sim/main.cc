// hexad-sim: the simulator's command.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/sim/campaign.h"
#include "tests/sim/options.h"
#include "tests/sim/runner.h"
#include "tests/sim/sweep.h"

namespace hexad::sim {
namespace {

constexpr char kExplanation[] =
    R"(Runs Hexad's cores in one thread on virtual time, with faults drawn from a seed.

  hexad-sim --seed 7                  one run, told line by line
  hexad-sim --seeds 1..2000           many runs, in as many processes as there are cores
  hexad-sim --minutes 60              fresh seeds for an hour
  hexad-sim --scenario FILE           a fault plan from a file: "seed N", then one fault a line
  hexad-sim --sweep --seed 7          a crash at each send and write of each process, in turn
  hexad-sim --campaign standard       what the continuous integration runs, with its figures

Exit codes: 0 all held; 2 wrong usage; 10 safety, 11 liveness, 12 convergence, 13 time stood still,
14 a core's invariant, 15 a crash or no end, 16 one seed gave two traces, 17 a mark was never reached.
docs/testing.md says what is checked and how to go on from a failure.)";

constexpr int kExitUsage = 2;
constexpr uint64_t kStandardSeeds = 2000;

struct Arguments {
  uint64_t seed = 0;
  std::string seeds;
  int jobs = DefaultJobs();
  int minutes = 0;
  std::string scenario;
  std::string campaign;
  std::string traces;
  bool sweep = false;
  uint64_t points = 0;
  uint64_t point = 0;
  bool twice = false;
  bool quiet = false;
  bool no_minimize = false;
};

int Wrong(const std::string& what) {
  std::cerr << "hexad-sim: " << what << "; see hexad-sim --help\n";
  return kExitUsage;
}

int RunOne(uint64_t seed, const std::optional<FaultPlan>& given, const Arguments& arguments) {
  const SimOptions options = DrawOptions(seed);
  const FaultPlan plan = given.has_value() ? *given : DrawFaults(options);
  std::printf("seed %lu\n%s\n", seed, options.Describe().c_str());
  // Told from a run of its own first: if a core aborts, the lines before it are what one needs.
  std::fflush(stdout);
  if (!arguments.quiet) {
    RunTold(seed, plan, [](const std::string& line) {
      std::printf("%s\n", line.c_str());
      std::fflush(stdout);
    });
  }
  const RunResult result = RunApart(seed, plan);
  const Verdict& v = result.verdict;
  if (!result.failed()) {
    std::printf(
        "PASSED after %.3f virtual seconds: %lu MTRs acknowledged, %lu unknown, %lu openings, "
        "%lu pages read, trace %016lx\n",
        static_cast<double>(v.at.nanos()) / 1e9, v.mtrs_acked, v.mtrs_unknown, v.openings,
        v.pages_read, v.trace);
    std::printf("replay: hexad-sim --seed %lu\n", seed);
    return 0;
  }
  std::printf("FAILED (%s) %s\n", result.Kind().c_str(), result.message.c_str());
  if (!arguments.no_minimize) PrintShortest(result, plan);
  return result.exit_code;
}

int RunScenario(const Arguments& arguments) {
  std::ifstream in(arguments.scenario);
  if (!in) return Wrong(absl::StrCat("cannot read ", arguments.scenario));
  std::stringstream text;
  uint64_t seed = 0;
  for (std::string line; std::getline(in, line);) {
    uint64_t number = 0;
    if (line.starts_with("seed ") && absl::SimpleAtoi(line.substr(5), &number)) {
      seed = number;
    } else {
      text << line << "\n";
    }
  }
  if (seed == 0) return Wrong(absl::StrCat(arguments.scenario, " has no line \"seed N\""));
  const auto plan = FromText(text.str());
  if (!plan.ok()) return Wrong(std::string(plan.status().message()));
  return RunOne(seed, *plan, arguments);
}

bool ParseRange(const std::string& text, uint64_t& first, uint64_t& last) {
  const size_t dots = text.find("..");
  if (dots == std::string::npos) return false;
  return absl::SimpleAtoi(text.substr(0, dots), &first) &&
         absl::SimpleAtoi(text.substr(dots + 2), &last) && first > 0 && first <= last;
}

int RunMany(const Arguments& arguments) {
  CampaignOptions options;
  options.jobs = arguments.jobs;
  options.twice = arguments.twice;
  options.traces_file = arguments.traces;
  if (!arguments.campaign.empty()) {
    const bool speed = arguments.campaign == "speed";
    if (!speed && arguments.campaign != "standard") {
      return Wrong("the campaigns are \"standard\" and \"speed\"");
    }
    options.last = kStandardSeeds;
    options.marks = true;
    if (const int code = MeasureSpeed(); code != 0 || speed) return code;
  } else if (!arguments.seeds.empty()) {
    if (!ParseRange(arguments.seeds, options.first, options.last)) {
      return Wrong("--seeds takes FIRST..LAST, from 1 on");
    }
  } else {
    options.first = (uint64_t{std::random_device()()} << 16) + 1;
    options.last = options.first + 1'000'000'000;
    std::printf("seeds from %lu on\n", options.first);
  }
  if (arguments.minutes > 0) options.minutes = std::chrono::minutes(arguments.minutes);
  return RunCampaign(options);
}

int Main(int argc, char** argv) {
  CLI::App app(kExplanation, "hexad-sim");
  Arguments arguments;
  app.set_version_flag("--version", "hexad-sim " HEXAD_VERSION);
  app.add_option("--seed", arguments.seed, "one run")->check(CLI::PositiveNumber);
  app.add_option("--seeds", arguments.seeds, "FIRST..LAST");
  app.add_option("--jobs", arguments.jobs, "processes at once (default: one per core)")
      ->check(CLI::Range(1, 256));
  app.add_option("--minutes", arguments.minutes, "stop after so long")->check(CLI::PositiveNumber);
  app.add_option("--scenario", arguments.scenario, "a fault plan from a file");
  app.add_option("--campaign", arguments.campaign, "standard, or its measurement alone: speed");
  app.add_flag("--sweep", arguments.sweep,
               "a short run of --seed, with a crash at each step of each process in turn");
  app.add_option("--points", arguments.points, "of a sweep: so many of the steps (default: all)");
  app.add_option("--point", arguments.point, "of a sweep: this crash alone, told line by line");
  app.add_option("--traces", arguments.traces, "write \"SEED TRACE\" a line into this file");
  app.add_flag("--twice", arguments.twice, "run each seed twice and compare the traces");
  app.add_flag("--quiet", arguments.quiet, "the verdict alone, no line for each change of state");
  app.add_flag("--no-minimize", arguments.no_minimize, "do not look for the shortest fault plan");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : kExitUsage;
  }
  const int ways = (arguments.seed != 0) + !arguments.seeds.empty() + !arguments.scenario.empty() +
                   !arguments.campaign.empty();
  if (ways > 1) return Wrong("--seed, --seeds, --scenario and --campaign exclude each other");
  if (arguments.sweep) {
    SweepOptions options{
        std::max<uint64_t>(arguments.seed, 1), arguments.points, arguments.jobs, {}};
    if (arguments.point != 0) options.only = arguments.point;
    return RunSweep(options);
  }
  if (arguments.seed != 0) return RunOne(arguments.seed, std::nullopt, arguments);
  if (!arguments.scenario.empty()) return RunScenario(arguments);
  if (ways == 0 && arguments.minutes == 0) return Wrong("say what to run");
  return RunMany(arguments);
}

}  // namespace
}  // namespace hexad::sim

int main(int argc, char** argv) { return hexad::sim::Main(argc, argv); }
