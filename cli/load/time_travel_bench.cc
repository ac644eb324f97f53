#include "cli/load/time_travel_bench.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/workload/write_workload.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/launcher/admin_client.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/picture.h"
#include "cli/launcher/volumes.h"
#include "cli/load/backtrack_command.h"
#include "cli/load/bench_volume.h"
#include "cli/load/deep_clone.h"
#include "cli/table.h"

namespace hexad::cli {
namespace {

constexpr uint32_t kRecordBytes = 2'000;
constexpr uint32_t kDepth = 256;
constexpr uint64_t kMegabyte = 1'000'000;
constexpr Duration kWriting = Duration::Seconds(240);  // for the largest log
constexpr Duration kCommit = Duration::Seconds(10);
// Parts of the log that stay. Each lies below the one before, on the history that it left.
constexpr double kStays[] = {0.99, 0.9, 0.7, 0.5, 0.3, 0.1, 0.01};
// The nodes are at rest when neither their coalescers have moved nor their disks' use has changed
// (RocksDB's compactions) for so long; waited for at most so long.
constexpr std::chrono::seconds kAtRest{3};
constexpr std::chrono::seconds kLongestWait{90};
constexpr std::chrono::milliseconds kLookEvery{250};
constexpr launcher::Millis kAnswer{10'000};

uint64_t MicrosSince(std::chrono::steady_clock::time_point begin) {
  const auto passed = std::chrono::steady_clock::now() - begin;
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(passed).count());
}

struct Times {
  std::vector<uint64_t> us;
  uint64_t Median() {
    std::ranges::sort(us);
    return us.empty() ? 0 : us[us.size() / 2];
  }
  uint64_t Max() const { return us.empty() ? 0 : *std::ranges::max_element(us); }
};

struct SizeFigures {
  uint64_t log_bytes = 0;
  uint64_t busy_backtrack_us = 0;  // right after the last byte was written
  Times backtrack;
  Times command;  // the process included
  Times clone;
  uint64_t copied_bytes = 0;  // by all clones together
};

class SizeRun {
 public:
  SizeRun(const Session& session, launcher::Launcher& launcher, uint64_t log_mb)
      : session_(session),
        launcher_(launcher),
        log_mb_(log_mb),
        name_(absl::StrCat("time-travel-", log_mb)) {}

  absl::StatusOr<SizeFigures> Run() {
    // What a run that was killed has left.
    for (size_t i = 0; i < std::size(kStays); ++i) clones_.push_back(CloneName(i));
    if (absl::Status dropped = Drop(); !dropped.ok()) return dropped;
    clones_.clear();
    const absl::Status done = Measure();
    volume_.reset();
    const absl::Status dropped = Drop();
    if (!done.ok()) return done;
    if (!dropped.ok()) return dropped;
    return figures_;
  }

 private:
  absl::Status Measure() {
    auto opened = BenchVolume::Open(launcher_, name_, false);
    if (!opened.ok()) return opened.status();
    volume_ = *std::move(opened);
    if (absl::Status written = WriteLog(); !written.ok()) return written;
    const uint64_t newest = volume_->volume().vdl().value();
    if (absl::Status busy = GoBackWhileBusy(newest); !busy.ok()) return busy;
    AwaitRest();
    for (const double stays : kStays) {
      if (Interrupted()) return absl::CancelledError("interrupted");
      const Lsn at(
          std::max<uint64_t>(1, static_cast<uint64_t>(static_cast<double>(newest) * stays)));
      if (absl::Status made = CloneAt(at); !made.ok()) return made;
    }
    figures_.copied_bytes = CopiedBytes();
    for (const double stays : kStays) {
      if (Interrupted()) return absl::CancelledError("interrupted");
      const Lsn at(
          std::max<uint64_t>(1, static_cast<uint64_t>(static_cast<double>(newest) * stays)));
      if (absl::Status back = GoBackTo(at); !back.ok()) return back;
    }
    return MeasureCommand(newest);
  }

  // The nodes still turn the log into pages. Undone, for what is measured afterwards.
  absl::Status GoBackWhileBusy(uint64_t newest) {
    if (absl::Status back = GoBackTo(Lsn(newest / 2)); !back.ok()) return back;
    figures_.busy_backtrack_us = figures_.backtrack.us.back();
    figures_.backtrack.us.clear();
    return volume_->volume().Backtrack(Lsn(newest)).status();
  }

  void AwaitRest() {
    session_.Say("waiting until the nodes have turned it into pages and compacted them");
    const auto begin = std::chrono::steady_clock::now();
    auto moved = begin;
    std::pair<uint64_t, uint64_t> before;
    for (auto now = begin; now - moved < kAtRest && now - begin < kLongestWait && !Interrupted();
         now = std::chrono::steady_clock::now()) {
      auto [coalesced, disk] = std::pair<uint64_t, uint64_t>();
      const std::vector<bool> all(launcher_.record().nodes.size(), true);
      for (const auto& node : launcher_.client().DescribeNodes(all, true, kAnswer)) {
        if (!node.ok()) continue;
        disk += node->disk_bytes();
        for (const auto& segment : node->segments()) coalesced += segment.coalesced_lsn();
      }
      const std::pair now_there(coalesced, disk);
      if (now_there != before) moved = std::chrono::steady_clock::now();
      before = now_there;
      std::this_thread::sleep_for(kLookEvery);
    }
  }

  // By the compute, to which this process leaves the volume: first back to where it all was.
  absl::Status MeasureCommand(uint64_t newest) {
    const auto returned = volume_->volume().Backtrack(Lsn(newest));
    if (!returned.ok()) return returned.status();
    volume_.reset();
    if (absl::Status opened = launcher_.client().OpenVolume(name_, kAnswer); !opened.ok()) {
      return opened;
    }
    absl::Status status;
    for (const double stays : kStays) {
      const auto at =
          std::max<uint64_t>(1, static_cast<uint64_t>(static_cast<double>(newest) * stays));
      const auto us = BacktrackByCommand(launcher_, name_, at);
      if (!us.ok()) status = us.status();
      if (!status.ok() || Interrupted()) break;
      figures_.command.us.push_back(*us);
    }
    const absl::Status closed = launcher_.client().CloseVolume(name_, kAnswer);
    return status.ok() ? closed : status;
  }

  absl::Status WriteLog() {
    session_.Say(absl::StrCat("writing ", Bytes(log_mb_ * kMegabyte), " of log"));
    workload::WriteOptions write;
    write.record_bytes = kRecordBytes;
    write.depth = kDepth;
    write.count = log_mb_ * kMegabyte / kRecordBytes;
    write.duration = kWriting;
    write.interrupted = Interrupted;
    const auto result = workload::RunWriteWorkload(volume_->volume(), write);
    if (!result.ok()) return result.status();
    if (!result->ended.ok()) return result->ended;
    figures_.log_bytes = result->log_bytes;
    return absl::OkStatus();
  }

  absl::Status GoBackTo(Lsn at) {
    compute::Volume& volume = volume_->volume();
    const auto begin = std::chrono::steady_clock::now();
    const auto back = volume.Backtrack(at);
    if (!back.ok()) return back.status();
    compute::Mtr mtr = volume.BeginMtr();
    if (absl::Status put = mtr.Write(PageNo(0), 0, "after"); !put.ok()) return put;
    const auto lsn = volume.Commit(std::move(mtr));
    if (!lsn.ok()) return lsn.status();
    if (absl::Status durable = volume.WaitDurable(*lsn, kCommit); !durable.ok()) return durable;
    figures_.backtrack.us.push_back(MicrosSince(begin));
    return absl::OkStatus();
  }

  absl::Status CloneAt(Lsn at) {
    compute::CloneSpec spec;
    spec.parent = name_;
    spec.name = CloneName(clones_.size());
    spec.at = at;
    const auto begin = std::chrono::steady_clock::now();
    const auto made = volume_->cluster().Clone(spec);
    if (!made.ok()) return made.status();
    figures_.clone.us.push_back(MicrosSince(begin));
    clones_.push_back(spec.name);
    return absl::OkStatus();
  }

  uint64_t CopiedBytes() {
    uint64_t copied = 0;
    for (const launcher::VolumePicture& volume : launcher::Look(launcher_).volumes) {
      if (std::ranges::count(clones_, volume.name) > 0) copied += volume.own_bytes;
    }
    return copied;
  }

  absl::Status Drop() {
    auto cluster = launcher::ConnectToNodes(launcher_.record(), launcher::kBench);
    if (!cluster.ok()) return cluster.status();
    std::vector<std::string> volumes = clones_;
    volumes.push_back(name_);
    for (const std::string& volume : volumes) {
      const absl::Status dropped = (*cluster)->Drop(volume, true);
      // A node that coalesces a gigabyte drops it afterwards, and confirms too late.
      if (absl::IsUnavailable(dropped) || absl::IsNotFound(dropped)) continue;
      if (!dropped.ok()) return dropped;
    }
    return absl::OkStatus();
  }

  std::string CloneName(size_t i) const { return absl::StrCat(name_, "-clone-", i); }

  const Session& session_;
  launcher::Launcher& launcher_;
  const uint64_t log_mb_;
  const std::string name_;
  std::unique_ptr<BenchVolume> volume_;
  std::vector<std::string> clones_;
  SizeFigures figures_;
};

std::string Times2(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

double RatioOf(uint64_t a, uint64_t b) {
  return static_cast<double>(a) / static_cast<double>(std::max<uint64_t>(b, 1));
}

void Report(const Session& session, std::vector<SizeFigures>& sizes, const DeepReads& reads) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  Table table({{"LOG", Align::kRight},
               {"BACK TO FIRST COMMIT", Align::kRight},
               {"MAX", Align::kRight},
               {"BY COMMAND", Align::kRight},
               {"BUSY", Align::kRight},
               {"CLONE", Align::kRight},
               {"MAX", Align::kRight},
               {"COPIED", Align::kRight}});
  for (SizeFigures& size : sizes) {
    table.AddRow({Bytes(size.log_bytes), Micros(size.backtrack.Median()),
                  Micros(size.backtrack.Max()), Micros(size.command.Median()),
                  Micros(size.busy_backtrack_us), Micros(size.clone.Median()),
                  Micros(size.clone.Max()), Bytes(size.copied_bytes)});
    rows.push_back(
        {{"log_bytes", size.log_bytes},
         {"backtrack_us", {{"p50", size.backtrack.Median()}, {"max", size.backtrack.Max()}}},
         {"backtrack_command_us", {{"p50", size.command.Median()}, {"max", size.command.Max()}}},
         {"backtrack_busy_us", size.busy_backtrack_us},
         {"clone_us", {{"p50", size.clone.Median()}, {"max", size.clone.Max()}}},
         {"copied_bytes", size.copied_bytes}});
  }
  const double flat = RatioOf(sizes.back().backtrack.Median(), sizes.front().backtrack.Median());
  const double inherited = RatioOf(reads.inherited_us, reads.root_us);
  const double changed = RatioOf(reads.changed_inherited_us, reads.changed_us);
  if (session.json) {
    return session.Print({{"sizes", rows},
                          {"backtrack_largest_to_smallest", flat},
                          {"read_p50_us",
                           {{"root", reads.root_us},
                            {"inherited", reads.inherited_us},
                            {"changed_on_the_way", reads.changed_us},
                            {"changed_inherited", reads.changed_inherited_us}}}});
  }
  table.Print(std::cout, session.colour);
  std::cout << "  backtrack, largest log to smallest: " << Times2(flat)
            << "\n  page read, p50: in the root " << reads.root_us << " us, five clones deep "
            << reads.inherited_us << " us: " << Times2(inherited)
            << "\n                  in the clone that wrote it " << reads.changed_us
            << " us, in the deepest " << reads.changed_inherited_us << " us: " << Times2(changed)
            << "\n";
}

}  // namespace

absl::Status RunTimeTravelBench(const Session& session, const TimeTravelBenchOptions& options) {
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  session.Say("reading a root and its clone five levels deep");
  const auto reads = ReadDeepClone(*launcher);
  if (!reads.ok()) return reads.status();
  std::vector<SizeFigures> sizes;
  for (const uint64_t log_mb : options.log_mb) {
    auto figures = SizeRun(session, *launcher, log_mb).Run();
    if (!figures.ok()) return figures.status();
    sizes.push_back(*std::move(figures));
    SizeFigures& size = sizes.back();
    session.Say(absl::StrCat("  back to the first commit ", Micros(size.backtrack.Median()),
                             ", clone ", Micros(size.clone.Median()), " (p50)"));
  }
  Report(session, sizes, *reads);
  return absl::OkStatus();
}

}  // namespace hexad::cli
