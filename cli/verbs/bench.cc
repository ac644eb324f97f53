// hexad bench write: redo at full speed into a volume of its own, and what it cost. hexad bench
// time-travel: what backtracks and clones cost. hexad bench overwrites: what garbage costs.
#include <algorithm>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/plan_cluster.h"
#include "cli/load/bench_volume.h"
#include "cli/load/floor_rounds.h"
#include "cli/load/load_report.h"
#include "cli/load/load_trace.h"
#include "cli/load/overwrites_bench.h"
#include "cli/load/time_travel_bench.h"
#include "cli/progress.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

struct BenchOptions {
  std::string volume = "bench";
  uint64_t seconds = 10;
  workload::WriteOptions write;
  bool with_floor = false;
  bool force = false;
};

constexpr Duration kTraceEvery = Duration::Millis(250);

// A run that ended early says so in the user's words: READ_ONLY, COMMIT_UNKNOWN, FENCED, RETRY.
absl::Status EndedEarly(const absl::Status& ended) {
  if (ended.ok()) return ended;
  return launcher::Failed(
      ended.code(), {absl::StrCat("the run ended early: ", ended.message()), "", "hexad status"});
}

absl::Status RunOnce(const Session& session, launcher::Launcher& launcher, BenchVolume& bench,
                     workload::WriteOptions options) {
  LoadTraceWriter trace(launcher.dir().folder() + "/logs/bench.trace");
  Progress progress("writing", "MTRs", session.progress);
  options.progress_every = kTraceEvery;
  options.progress = [&](const workload::WriteProgress& now) {
    trace.Add(now);
    const auto full = static_cast<uint64_t>(options.duration.millis());
    const auto passed = std::min(static_cast<uint64_t>(now.elapsed.millis()), full);
    progress.SetShare(passed, full, now.acked);
  };
  const auto result = workload::RunWriteWorkload(bench.volume(), options);
  if (absl::IsInvalidArgument(result.status())) {
    return launcher::WrongUsage(
        {std::string(result.status().message()), "", "hexad bench write --help"});
  }
  if (!result.ok()) return result.status();
  if (session.json) {
    std::cout << workload::FormatJson(*result) << "\n";
  } else {
    PrintLoadReport(*result, session.colour, std::cout);
  }
  return EndedEarly(result->ended);
}

absl::Status RunBenchWrite(const Session& session, const BenchOptions& options) {
  if (absl::Status named = launcher::CheckVolumeName(options.volume); !named.ok()) return named;
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  auto bench = BenchVolume::Open(*launcher, options.volume, options.force);
  if (!bench.ok()) return bench.status();
  session.Say(absl::StrCat("volume ", options.volume, " open for writing after ",
                           Micros(static_cast<uint64_t>((*bench)->opening().micros())), ", epoch ",
                           (*bench)->volume().Status().epoch.number, ", VDL ",
                           Thousands((*bench)->volume().vdl().value())));
  workload::WriteOptions write = options.write;
  write.duration = Duration::Seconds(static_cast<int64_t>(options.seconds));
  write.interrupted = Interrupted;
  if (options.with_floor) {
    return RunWithFloor(session, launcher->dir().floor_folder(), (*bench)->volume(), write);
  }
  return RunOnce(session, *launcher, **bench, write);
}

void AddTimeTravel(CLI::App& bench, Session& session) {
  CLI::App* verb = bench.add_subcommand(
      "time-travel", "Backtracks and clones by the size of the log; reads of deep clones");
  verb->fallthrough();
  auto options = std::make_shared<TimeTravelBenchOptions>();
  verb->add_option("--log-mb", options->log_mb, "Sizes of log to go back in, in MB")
      ->check(CLI::Range(uint64_t{1}, uint64_t{100'000}))
      ->delimiter(',')
      ->capture_default_str();
  verb->callback([&session, options] {
    session.run = [&session, options] { return RunTimeTravelBench(session, *options); };
  });
}

void AddOverwrites(CLI::App& bench, Session& session) {
  CLI::App* verb = bench.add_subcommand(
      "overwrites", "The same pages over and over: the price of garbage, and whether it goes");
  verb->fallthrough();
  auto options = std::make_shared<OverwritesOptions>();
  const auto number = CLI::Range(uint64_t{1}, uint64_t{1'000'000});
  verb->add_option("--seconds", options->seconds, "How long each run writes")
      ->check(number)
      ->capture_default_str();
  verb->add_option("--rounds", options->rounds, "Of two runs each")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000}))
      ->capture_default_str();
  verb->add_option("--record-bytes", options->record_bytes, "Bytes that a record writes")
      ->check(number)
      ->capture_default_str();
  verb->add_option("--pages", options->pages, "The working set")
      ->check(number)
      ->capture_default_str();
  verb->add_option("--depth", options->depth, "MTRs in flight")
      ->check(number)
      ->capture_default_str();
  verb->callback([&session, options] {
    session.run = [&session, options] { return RunOverwritesBench(session, *options); };
  });
}

}  // namespace

void AddBench(CLI::App& app, Session& session) {
  CLI::App* bench = app.add_subcommand("bench", "Measure");
  bench->require_subcommand(1);
  AddTimeTravel(*bench, session);
  AddOverwrites(*bench, session);
  CLI::App* verb = bench->add_subcommand("write", "Many MTRs in flight on a volume of their own");
  verb->fallthrough();
  auto options = std::make_shared<BenchOptions>();
  const auto number = CLI::Range(uint64_t{1}, uint64_t{1'000'000'000});
  verb->add_option("--volume", options->volume, "Created on first use")->capture_default_str();
  verb->add_option("--seconds", options->seconds, "How long")->check(number)->capture_default_str();
  verb->add_option("--record-bytes", options->write.record_bytes, "Bytes that a record writes")
      ->check(number)
      ->capture_default_str();
  verb->add_option("--depth", options->write.depth, "MTRs in flight")
      ->check(number)
      ->capture_default_str();
  verb->add_option("--records-per-mtr", options->write.records_per_mtr, "Each on its own page")
      ->check(number)
      ->capture_default_str();
  verb->add_option("--pages", options->write.pages, "The working set")
      ->check(number)
      ->capture_default_str();
  verb->add_option("--ack-log", options->write.ack_log,
                   "Append a line per acknowledged MTR to this file, for hexad verify");
  verb->add_flag("--with-floor", options->with_floor,
                 "Alternate with the bare six-way stream and fsync, and print the ratios");
  verb->add_flag("--force", options->force, "Even if it fences the compute");
  verb->callback([&session, options] {
    session.run = [&session, options] { return RunBenchWrite(session, *options); };
  });
}

}  // namespace hexad::cli
