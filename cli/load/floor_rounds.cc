#include "cli/load/floor_rounds.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/floor/floor.h"
#include "cli/format.h"
#include "cli/launcher/explain.h"
#include "cli/table.h"

namespace hexad::cli {
namespace {

constexpr int kRounds = 3;

struct Round {
  double hexad_p50_us = 0;
  double floor_p50_us = 0;
  double hexad_bytes_per_s = 0;
  double floor_bytes_per_s = 0;
};

struct Measured {
  workload::WriteResult result;
  size_t boxcar_bytes = 1;  // on average
};

absl::StatusOr<Measured> RunHexad(compute::Volume& volume, workload::WriteOptions options,
                                  uint32_t depth) {
  options.depth = depth;
  auto result = workload::RunWriteWorkload(volume, options);
  if (!result.ok()) return result.status();
  if (!result->ended.ok()) return result->ended;
  Measured measured{.result = *std::move(result)};
  if (measured.result.boxcars != 0) {
    measured.boxcar_bytes = measured.result.log_bytes / measured.result.boxcars;
  }
  return measured;
}

double BytesPerSecond(const workload::WriteResult& result) {
  return static_cast<double>(result.log_bytes) * 1e9 /
         static_cast<double>(std::max<int64_t>(result.elapsed.nanos(), 1));
}

// As many bytes in flight as Hexad may have: depth MTRs' records, in boxcars of that size.
int FloorDepth(const Measured& hexad, uint32_t depth) {
  const auto& result = hexad.result;
  const uint64_t bytes_per_mtr = result.acked == 0 ? 1 : result.log_bytes / result.acked;
  return static_cast<int>(std::max<uint64_t>(1, depth * bytes_per_mtr / hexad.boxcar_bytes));
}

// Between the steps of a round: a run that was interrupted ends early without saying so.
absl::Status CheckGoingOn(const workload::WriteOptions& options) {
  return options.interrupted() ? absl::CancelledError("interrupted between the rounds")
                               : absl::OkStatus();
}

absl::StatusOr<Round> RunRound(compute::Volume& volume, floor::Floor& floor,
                               const workload::WriteOptions& options) {
  const std::chrono::milliseconds duration(options.duration.millis());
  Round round;
  const auto alone = RunHexad(volume, options, 1);
  if (!alone.ok()) return alone.status();
  if (absl::Status on = CheckGoingOn(options); !on.ok()) return on;
  round.hexad_p50_us = static_cast<double>(alone->result.commit_us.Percentile(5'000));
  const auto floor_alone =
      floor.Run({.boxcar_bytes = alone->boxcar_bytes, .depth = 1, .duration = duration});
  if (!floor_alone.ok()) return floor_alone.status();
  round.floor_p50_us = floor_alone->p50_us;

  if (absl::Status on = CheckGoingOn(options); !on.ok()) return on;
  const auto many = RunHexad(volume, options, options.depth);
  if (!many.ok()) return many.status();
  if (absl::Status on = CheckGoingOn(options); !on.ok()) return on;
  round.hexad_bytes_per_s = BytesPerSecond(many->result);
  const auto floor_many = floor.Run({.boxcar_bytes = many->boxcar_bytes,
                                     .depth = FloorDepth(*many, options.depth),
                                     .duration = duration});
  if (!floor_many.ok()) return floor_many.status();
  round.floor_bytes_per_s = floor_many->bytes_per_s;
  if (absl::Status on = CheckGoingOn(options); !on.ok()) return on;
  return round;
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::string Ratio(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

void Report(const Session& session, const std::vector<Round>& rounds) {
  const auto median = [&](auto of) {
    std::vector<double> values;
    for (const Round& round : rounds) values.push_back(of(round));
    return Median(values);
  };
  const double hexad_p50 = median([](const Round& r) { return r.hexad_p50_us; });
  const double floor_p50 = median([](const Round& r) { return r.floor_p50_us; });
  const double p50_ratio = median([](const Round& r) { return r.hexad_p50_us / r.floor_p50_us; });
  const double hexad_rate = median([](const Round& r) { return r.hexad_bytes_per_s; });
  const double floor_rate = median([](const Round& r) { return r.floor_bytes_per_s; });
  const double rate_ratio =
      median([](const Round& r) { return r.hexad_bytes_per_s / r.floor_bytes_per_s; });
  if (session.json) {
    return session.Print(
        {{"rounds", rounds.size()},
         {"depth1",
          {{"hexad_p50_us", hexad_p50}, {"floor_p50_us", floor_p50}, {"ratio", p50_ratio}}},
         {"in_flight",
          {{"hexad_bytes_per_s", hexad_rate},
           {"floor_bytes_per_s", floor_rate},
           {"ratio", rate_ratio}}}});
  }
  Table table({{""}, {"HEXAD", Align::kRight}, {"FLOOR", Align::kRight}, {"RATIO", Align::kRight}});
  table.AddRow({"commit p50, one in flight", Micros(static_cast<uint64_t>(hexad_p50)),
                Micros(static_cast<uint64_t>(floor_p50)), Ratio(p50_ratio)});
  table.AddRow({"log bytes, many in flight", Bytes(static_cast<uint64_t>(hexad_rate)) + "/s",
                Bytes(static_cast<uint64_t>(floor_rate)) + "/s", Ratio(rate_ratio)});
  table.Print(std::cout, session.colour);
}

}  // namespace

absl::Status RunWithFloor(const Session& session, const std::string& folder,
                          compute::Volume& volume, const workload::WriteOptions& options) {
  // One bench at a time runs here (BenchVolume), so what lies there is of one that was killed. Its
  // processes ended with it.
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error) {
    return launcher::Failed(absl::StatusCode::kInternal,
                            {absl::StrCat("cannot delete ", folder), error.message(), ""});
  }
  const std::string bin_dir = session.LauncherOptions().bin_dir;
  auto floor =
      floor::Floor::Start({.node_binary = bin_dir + "/hexad-bench-floor", .folder = folder});
  if (!floor.ok()) {
    return launcher::Failed(
        floor.status().code(),
        {"cannot start the floor", std::string(floor.status().message()), "cluster-scripts/build"});
  }
  std::vector<Round> rounds;
  for (int i = 0; i < kRounds; ++i) {
    auto round = RunRound(volume, **floor, options);
    if (!round.ok()) return round.status();
    session.Say(absl::StrCat("round ", i + 1, ":  commit p50 ",
                             Micros(static_cast<uint64_t>(round->hexad_p50_us)), " (floor ",
                             Micros(static_cast<uint64_t>(round->floor_p50_us)), ")   log ",
                             Bytes(static_cast<uint64_t>(round->hexad_bytes_per_s)), "/s (floor ",
                             Bytes(static_cast<uint64_t>(round->floor_bytes_per_s)), "/s)"));
    rounds.push_back(*round);
  }
  Report(session, rounds);
  return absl::OkStatus();
}

}  // namespace hexad::cli
