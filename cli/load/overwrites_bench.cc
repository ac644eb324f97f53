#include "cli/load/overwrites_bench.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/workload/write_workload.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/picture.h"
#include "cli/launcher/volumes.h"
#include "cli/load/bench_volume.h"
#include "cli/table.h"

namespace hexad::cli {
namespace {

constexpr char kVolume[] = "bench-overwrites";
constexpr uint64_t kSamples = 10;
constexpr int64_t kDayMs = int64_t{24} * 60 * 60 * 1000;
constexpr quorum::Retention kHeld{.window_ms = kDayMs, .log_bytes = uint64_t{1} << 40};
constexpr quorum::Retention kCollected{.window_ms = 1'000, .log_bytes = uint64_t{1} << 40};

// What the processes of all nodes have written to their disks since they started.
absl::StatusOr<uint64_t> WrittenByNodes(const launcher::ClusterPicture& cluster) {
  uint64_t written = 0;
  for (const launcher::NodePicture& node : cluster.nodes) {
    std::ifstream io(absl::StrCat("/proc/", node.pid, "/io"));
    std::string key;
    uint64_t value = 0;
    bool found = false;
    while (io >> key >> value) {
      if (key != "write_bytes:") continue;
      written += value;
      found = true;
    }
    if (!found) {
      return absl::UnavailableError(
          absl::StrCat("what node ", node.id, " writes to its disk is not in /proc/", node.pid,
                       "/io: a node is down, or belongs to another user"));
    }
  }
  return written;
}

struct HalfRound {
  uint64_t p50_us = 0;
  uint64_t p99_us = 0;
};

struct Round {
  HalfRound held;
  HalfRound collected;
};

struct Sample {
  uint64_t log_bytes = 0;     // written so far in this stretch
  uint64_t volume_bytes = 0;  // of all segments together
  uint64_t disk_bytes = 0;    // of all nodes together
};

struct Figures {
  std::vector<Round> rounds;
  std::vector<Sample> samples;
  uint64_t log_bytes = 0;      // of the whole stretch,
  uint64_t written_bytes = 0;  // and what the nodes wrote meanwhile
};

double Ratio(uint64_t a, uint64_t b) {
  return static_cast<double>(a) / static_cast<double>(std::max<uint64_t>(b, 1));
}

template <class Value>
Value Median(std::vector<Value> values) {
  if (values.empty()) return Value{};
  std::ranges::sort(values);
  return values[values.size() / 2];
}

class OverwritesRun {
 public:
  OverwritesRun(const Session& session, launcher::Launcher& launcher,
                const OverwritesOptions& options)
      : session_(session), launcher_(launcher), options_(options) {}

  absl::StatusOr<Figures> Run() {
    if (absl::Status dropped = Drop(); !dropped.ok()) return dropped;  // of a run that was killed
    const absl::Status done = Measure();
    volume_.reset();
    const absl::Status dropped = Drop();
    if (!done.ok()) return done;
    if (!dropped.ok()) return dropped;
    return figures_;
  }

 private:
  absl::Status Measure() {
    auto opened = BenchVolume::Open(launcher_, kVolume, false);
    if (!opened.ok()) return opened.status();
    volume_ = *std::move(opened);
    // The first run fills caches and memtables: it counts for neither side.
    if (auto warm = Write(options_.seconds); !warm.ok()) return warm.status();
    for (uint64_t i = 0; i < options_.rounds; ++i) {
      session_.Say(absl::StrCat("round ", i + 1, " of ", options_.rounds));
      Round round;
      // Who is first alternates: a trend over the run falls on both sides.
      const bool held_first = i % 2 == 0;
      if (absl::Status half = RunHalf(held_first, round); !half.ok()) return half;
      if (absl::Status half = RunHalf(!held_first, round); !half.ok()) return half;
      figures_.rounds.push_back(round);
    }
    return WriteLong();
  }

  absl::Status RunHalf(bool held, Round& round) {
    if (absl::Status set = volume_->volume().SetRetention(held ? kHeld : kCollected); !set.ok()) {
      return set;
    }
    const auto result = Write(options_.seconds);
    if (!result.ok()) return result.status();
    HalfRound& half = held ? round.held : round.collected;
    half = {result->commit_us.Percentile(5'000), result->commit_us.Percentile(9'900)};
    return absl::OkStatus();
  }

  absl::Status WriteLong() {
    session_.Say("overwriting with a second's retention");
    if (absl::Status set = volume_->volume().SetRetention(kCollected); !set.ok()) return set;
    const uint64_t each = std::max<uint64_t>(1, options_.seconds * options_.rounds * 2 / kSamples);
    const auto before = WrittenByNodes(launcher::Look(launcher_));
    if (!before.ok()) return before.status();
    for (uint64_t i = 0; i < kSamples; ++i) {
      const auto result = Write(each);
      if (!result.ok()) return result.status();
      figures_.log_bytes += result->log_bytes;
      figures_.samples.push_back(LookAtSpace());
    }
    const auto after = WrittenByNodes(launcher::Look(launcher_));
    if (!after.ok()) return after.status();
    if (*after < *before) return absl::UnavailableError("a node was started anew meanwhile");
    figures_.written_bytes = *after - *before;
    return absl::OkStatus();
  }

  Sample LookAtSpace() {
    Sample sample{.log_bytes = figures_.log_bytes};
    const launcher::ClusterPicture cluster = launcher::Look(launcher_);
    for (const launcher::NodePicture& node : cluster.nodes) sample.disk_bytes += node.disk_bytes;
    for (const launcher::VolumePicture& volume : cluster.volumes) {
      if (volume.name == kVolume) sample.volume_bytes = volume.own_bytes;
    }
    return sample;
  }

  absl::StatusOr<workload::WriteResult> Write(uint64_t seconds) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    workload::WriteOptions write;
    write.record_bytes = options_.record_bytes;
    write.pages = options_.pages;
    write.depth = options_.depth;
    write.duration = Duration::Seconds(static_cast<int64_t>(seconds));
    write.interrupted = Interrupted;
    auto result = workload::RunWriteWorkload(volume_->volume(), write);
    if (absl::IsInvalidArgument(result.status())) {
      return launcher::WrongUsage(
          {std::string(result.status().message()), "", "hexad bench overwrites --help"});
    }
    if (!result.ok()) return result.status();
    if (!result->ended.ok()) return result->ended;
    if (Interrupted()) return absl::CancelledError("interrupted");
    return result;
  }

  absl::Status Drop() {
    auto cluster = launcher::ConnectToNodes(launcher_.record(), launcher::kBench);
    if (!cluster.ok()) return cluster.status();
    const absl::Status dropped = (*cluster)->Drop(kVolume, true);
    // A node that coalesces much drops it afterwards, and confirms too late.
    if (absl::IsUnavailable(dropped) || absl::IsNotFound(dropped)) return absl::OkStatus();
    return dropped;
  }

  const Session& session_;
  launcher::Launcher& launcher_;
  const OverwritesOptions options_;
  std::unique_ptr<BenchVolume> volume_;
  Figures figures_;
};

std::string Fixed(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

// Medians over the rounds, and of each round's own ratio: what disturbs a whole round falls out.
struct Summary {
  HalfRound held;
  HalfRound collected;
  double p99_ratio = 0;
  double growth = 0;  // of the volume, from the first half of the samples to the second
  double amplification = 0;
};

Summary Summarize(const Figures& figures, uint64_t nodes) {
  std::vector<uint64_t> held50, held99, collected50, collected99;
  std::vector<double> ratios;
  for (const Round& round : figures.rounds) {
    held50.push_back(round.held.p50_us);
    held99.push_back(round.held.p99_us);
    collected50.push_back(round.collected.p50_us);
    collected99.push_back(round.collected.p99_us);
    ratios.push_back(Ratio(round.collected.p99_us, round.held.p99_us));
  }
  std::vector<uint64_t> early, late;
  for (size_t i = 0; i < figures.samples.size(); ++i) {
    (i < figures.samples.size() / 2 ? early : late).push_back(figures.samples[i].volume_bytes);
  }
  return {.held = {Median(held50), Median(held99)},
          .collected = {Median(collected50), Median(collected99)},
          .p99_ratio = Median(ratios),
          .growth = Ratio(Median(late), Median(early)),
          .amplification = Ratio(figures.written_bytes, figures.log_bytes * nodes)};
}

nlohmann::ordered_json Json(const Figures& figures, const Summary& summary) {
  nlohmann::ordered_json rounds = nlohmann::ordered_json::array();
  for (const Round& round : figures.rounds) {
    rounds.push_back(
        {{"held_us", {{"p50", round.held.p50_us}, {"p99", round.held.p99_us}}},
         {"collected_us", {{"p50", round.collected.p50_us}, {"p99", round.collected.p99_us}}}});
  }
  nlohmann::ordered_json samples = nlohmann::ordered_json::array();
  for (const Sample& sample : figures.samples) {
    samples.push_back({{"log_bytes", sample.log_bytes},
                       {"volume_bytes", sample.volume_bytes},
                       {"disk_bytes", sample.disk_bytes}});
  }
  return {{"rounds", rounds},
          {"p99_collected_to_held", summary.p99_ratio},
          {"samples", samples},
          {"volume_growth", summary.growth},
          {"written_bytes", figures.written_bytes},
          {"log_bytes", figures.log_bytes},
          {"write_amplification", summary.amplification}};
}

void Report(const Session& session, const Figures& figures, uint64_t nodes) {
  const Summary summary = Summarize(figures, nodes);
  if (session.json) return session.Print(Json(figures, summary));
  Table rounds({{"COMMIT", Align::kLeft}, {"P50", Align::kRight}, {"P99", Align::kRight}});
  rounds.AddRow(
      {"nothing may be forgotten", Micros(summary.held.p50_us), Micros(summary.held.p99_us)});
  rounds.AddRow(
      {"a second is retained", Micros(summary.collected.p50_us), Micros(summary.collected.p99_us)});
  rounds.Print(std::cout, session.colour);
  std::cout << "  p99, collecting to not: " << Fixed(summary.p99_ratio) << " (median of "
            << figures.rounds.size() << " rounds)\n\n";
  Table space({{"LOG WRITTEN", Align::kRight},
               {"THE VOLUME, 6 SEGMENTS", Align::kRight},
               {"ALL DISKS", Align::kRight}});
  for (const Sample& sample : figures.samples) {
    space.AddRow({Bytes(sample.log_bytes), Bytes(sample.volume_bytes), Bytes(sample.disk_bytes)});
  }
  space.Print(std::cout, session.colour);
  std::cout << "  the volume, second half to first: " << Fixed(summary.growth)
            << "\n  written to disk per byte of log that a node gets: "
            << Fixed(summary.amplification) << "\n";
}

}  // namespace

absl::Status RunOverwritesBench(const Session& session, const OverwritesOptions& options) {
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  const auto figures = OverwritesRun(session, *launcher, options).Run();
  if (!figures.ok()) return figures.status();
  Report(session, *figures, launcher->record().nodes.size());
  return absl::OkStatus();
}

}  // namespace hexad::cli
