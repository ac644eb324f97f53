// The storage node's disk: what one write or read of the segment store costs, next to the floor
// that the same disk gives (the same bytes appended to a file and fdatasynced).
//
//   HEXAD_BENCH_DIR=/some/disk store_bench        default: the current directory
//
// Each line reports the median and the 99th percentile of single operations in microseconds
// (p50_us, p99_us). Raw and store lines of one size are meant to be compared within one run.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "quorum/base/check.h"
#include "quorum/base/prng.h"
#include "storage-node/io/plan_runner.h"
#include "storage-node/io/rocksdb_segment_store.h"

namespace hexad::storage_node {
namespace {

namespace fs = std::filesystem;

constexpr PgId kPg{1};
constexpr TimelineId kTimeline{1};
constexpr size_t kPageBytes = 4096;

std::string BenchDirectory(const char* name) {
  const char* base = std::getenv("HEXAD_BENCH_DIR");
  const std::string path = std::string(base != nullptr ? base : ".") + "/store_bench_" + name;
  fs::remove_all(path);
  fs::create_directories(path);
  return path;
}

std::unique_ptr<RocksDbSegmentStore> OpenStore(const std::string& directory) {
  auto store = RocksDbSegmentStore::Open(directory, StoreOptions{});
  INVARIANT(store.ok());
  return *std::move(store);
}

std::string RandomBytes(Prng& prng, size_t size) {
  std::string bytes;
  while (bytes.size() < size) AppendLe(bytes, prng.Next());
  bytes.resize(size);
  return bytes;
}

// Times single operations; reports them when it ends.
class Latencies {
 public:
  explicit Latencies(benchmark::State& state) : state_(state) {}
  ~Latencies() {
    if (micros_.empty()) return;
    std::sort(micros_.begin(), micros_.end());
    state_.counters["p50_us"] = micros_[micros_.size() / 2];
    state_.counters["p99_us"] = micros_[micros_.size() * 99 / 100];
  }
  template <class Operation>
  void Time(const Operation& operation) {
    const auto start = std::chrono::steady_clock::now();
    operation();
    const auto end = std::chrono::steady_clock::now();
    micros_.push_back(std::chrono::duration<double, std::micro>(end - start).count());
  }

 private:
  benchmark::State& state_;
  std::vector<double> micros_;
};

double ResidentMebibytes() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

// ---- writes -------------------------------------------------------------------------------------

void RawAppendAndFdatasync(benchmark::State& state) {
  const std::string directory = BenchDirectory("raw");
  const int fd = open((directory + "/file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  Prng prng(1);
  const std::string bytes = RandomBytes(prng, static_cast<size_t>(state.range(0)));
  {
    Latencies latencies(state);
    off_t end = 0;
    for (auto _ : state) {
      latencies.Time([&] {
        INVARIANT(pwrite(fd, bytes.data(), bytes.size(), end) ==
                  static_cast<ssize_t>(bytes.size()));
        INVARIANT(fdatasync(fd) == 0);
      });
      end += static_cast<off_t>(bytes.size());
    }
  }
  close(fd);
  fs::remove_all(directory);
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

// As a node lives: boxcars one after the other, dropped once 16 MiB have come after them.
void WriteBoxcars(benchmark::State& state, Durability durability) {
  const std::string directory = BenchDirectory("log");
  auto store = OpenStore(directory);
  Prng prng(1);
  const auto bytes = BytesRef::Own(RandomBytes(prng, static_cast<size_t>(state.range(0))));
  const uint64_t kept = (16 << 20) / static_cast<uint64_t>(state.range(0));
  {
    Latencies latencies(state);
    uint64_t lsn = 0;
    for (auto _ : state) {
      ++lsn;
      const StoreBatch batch{{PutBoxcar{kPg, kTimeline, Lsn(lsn), bytes}}};
      latencies.Time([&] { INVARIANT(store->Write({&batch}, durability).ok()); });
      if (lsn % kept != 0) continue;
      const StoreBatch drop{{DropLog{kPg, kTimeline, Lsn(lsn - kept / 2)}}};
      INVARIANT(store->Write({&drop}, Durability::kOrdered).ok());
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
  state.counters["resident_mib"] = ResidentMebibytes();
  state.counters["disk_mib"] = static_cast<double>(store->ApproximateBytes()) / (1 << 20);
  store.reset();
  fs::remove_all(directory);
}

void SyncedBoxcar(benchmark::State& state) { WriteBoxcars(state, Durability::kSynced); }
void OrderedBoxcar(benchmark::State& state) { WriteBoxcars(state, Durability::kOrdered); }

// What a coalescer writes for 64 pages: a new image each, and the drop of what it supersedes.
void OrderedCoalescing(benchmark::State& state) {
  const std::string directory = BenchDirectory("coalesce");
  auto store = OpenStore(directory);
  Prng prng(1);
  const std::string image = RandomBytes(prng, kPageBytes);
  {
    Latencies latencies(state);
    uint64_t lsn = 0;
    std::vector<Lsn> written(20'000);
    for (auto _ : state) {
      ++lsn;
      StoreBatch batch;
      for (int i = 0; i < 64; ++i) {
        const PageNo page(static_cast<uint32_t>(prng.Below(written.size())));
        batch.ops.push_back(PutVersion{kPg, page, kTimeline, Lsn(lsn), VersionKind::kImage, image});
        if (!written[page.value()].IsNone() && written[page.value()] < Lsn(lsn)) {
          batch.ops.push_back(DropVersion{kPg, page, kTimeline, written[page.value()]});
        }
        written[page.value()] = Lsn(lsn);
      }
      latencies.Time([&] { INVARIANT(store->Write({&batch}, Durability::kOrdered).ok()); });
    }
  }
  state.SetBytesProcessed(state.iterations() * 64 * static_cast<int64_t>(kPageBytes));
  state.counters["resident_mib"] = ResidentMebibytes();
  state.counters["disk_mib"] = static_cast<double>(store->ApproximateBytes()) / (1 << 20);
  store.reset();
  fs::remove_all(directory);
}

// The hot log of one round: 100-byte deltas, page by page over all of `last`, in boxcars of 64 KiB.
std::vector<quorum::Boxcar> LogOfARound(Prng& prng, Lsn& lsn, std::vector<Lsn>& last) {
  constexpr size_t kRoundBytes = 32 << 20;
  std::vector<quorum::Boxcar> boxcars;
  quorum::BoxcarBuilder builder(kTimeline, kPg, EpochId{1, 1});
  uint32_t slot = 0;
  for (size_t bytes = 0; bytes < kRoundBytes;) {
    for (uint32_t page = 0; page < last.size(); ++page) {
      std::string payload;
      quorum::AppendDeltaRange(slot % 40 * 100, RandomBytes(prng, 100), payload);
      quorum::RecordView record;
      record.lsn = lsn.Next();
      record.volume_prev = record.pg_prev = lsn;
      record.page_prev = last[page];
      record.page = PageNo(page);
      record.epoch_number = 1;
      record.kind = quorum::RecordKind::kDelta;
      record.payload = payload;
      builder.Add(record);
      lsn = last[page] = record.lsn;
      if (builder.size() < 64 << 10) continue;
      bytes += builder.size();
      boxcars.push_back(builder.Seal(Lsn::None(), Lsn::None()));
    }
    ++slot;
  }
  if (!builder.empty()) boxcars.push_back(builder.Seal(Lsn::None(), Lsn::None()));
  return boxcars;
}

// Rounds of coalescing as a node at full speed has them: 32 MiB of log over 4,096 pages, each of
// which becomes a new image.
void CoalesceRound(benchmark::State& state) {
  const std::string directory = BenchDirectory("round");
  auto store = OpenStore(directory);
  Prng prng(1);
  Lsn lsn;
  std::vector<Lsn> last(4096);
  {
    Latencies latencies(state);
    for (auto _ : state) {
      state.PauseTiming();
      CoalescePlan plan;
      plan.boxcars = LogOfARound(prng, lsn, last);
      plan.pg = kPg;
      plan.timeline = kTimeline;
      plan.page_size = kPageBytes;
      plan.up_to = plan.floor = plan.boxcars.back().header.last_lsn;
      plan.visible = {{kTimeline, Lsn::First(), plan.up_to}};
      state.ResumeTiming();
      latencies.Time([&] { INVARIANT(RunCoalesce(*store, plan)->damaged_pages == 0); });
    }
  }
  state.counters["resident_mib"] = ResidentMebibytes();
  store.reset();
  fs::remove_all(directory);
}

// ---- reads --------------------------------------------------------------------------------------

// 40,000 pages of one image and two runs each: 160 MiB, more than the cache holds.
void ReadPages(benchmark::State& state, bool existing) {
  constexpr uint32_t kPages = 40'000;
  const std::string directory = BenchDirectory("pages");
  auto store = OpenStore(directory);
  Prng prng(1);
  for (uint32_t page = 0; page < kPages; page += 100) {
    StoreBatch batch;
    for (uint32_t i = page; i < page + 100; ++i) {
      batch.ops.push_back(PutVersion{kPg, PageNo(i), kTimeline, Lsn(10), VersionKind::kImage,
                                     RandomBytes(prng, kPageBytes)});
      for (const uint64_t lsn : {20, 30}) {
        batch.ops.push_back(PutVersion{kPg, PageNo(i), kTimeline, Lsn(lsn), VersionKind::kRun,
                                       RandomBytes(prng, 200)});
      }
    }
    INVARIANT(store->Write({&batch}, Durability::kOrdered).ok());
  }
  INVARIANT(store->Flush().ok());
  // A clone's path: its own timeline, which wrote little, then its parent's.
  const std::vector<LsnRange> path = {{TimelineId(2), Lsn(31), Lsn::Max()},
                                      {kTimeline, Lsn(1), existing ? Lsn(25) : Lsn(5)}};
  {
    Latencies latencies(state);
    for (auto _ : state) {
      const PageNo page(static_cast<uint32_t>(prng.Below(kPages)));
      latencies.Time([&] {
        const auto versions = store->ReadVersions(kPg, page, path);
        INVARIANT(versions.ok() && versions->size() == (existing ? 2 : 0));
      });
    }
  }
  state.counters["resident_mib"] = ResidentMebibytes();
  store.reset();
  fs::remove_all(directory);
}

void ReadPageOfAClone(benchmark::State& state) { ReadPages(state, true); }
void ReadPageThatIsNotThere(benchmark::State& state) { ReadPages(state, false); }

BENCHMARK(RawAppendAndFdatasync)->Arg(1 << 10)->Arg(16 << 10)->Arg(64 << 10)->UseRealTime();
BENCHMARK(SyncedBoxcar)->Arg(1 << 10)->Arg(16 << 10)->Arg(64 << 10)->UseRealTime();
BENCHMARK(OrderedBoxcar)->Arg(1 << 10)->Arg(16 << 10)->Arg(64 << 10)->UseRealTime();
BENCHMARK(OrderedCoalescing)->UseRealTime();
BENCHMARK(CoalesceRound)->Unit(benchmark::kMillisecond);
BENCHMARK(ReadPageOfAClone)->UseRealTime();
BENCHMARK(ReadPageThatIsNotThere)->UseRealTime();

}  // namespace
}  // namespace hexad::storage_node
