#include "tests/sim/options.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/prng.h"

namespace hexad::sim {
namespace {

class Draws {
 public:
  explicit Draws(uint64_t seed) : prng_(seed ^ 0x68657861'64ULL) {}
  uint64_t Between(uint64_t low, uint64_t high) { return low + prng_.Below(high - low + 1); }
  bool OneIn(uint64_t n) { return prng_.OneIn(n); }
  template <class T, size_t N>
  T Of(const T (&choices)[N]) {
    return choices[prng_.Below(N)];
  }
  Duration Micros(int64_t low, int64_t high) {
    return Duration::Micros(
        static_cast<int64_t>(Between(static_cast<uint64_t>(low), static_cast<uint64_t>(high))));
  }
  uint64_t Next() { return prng_.Next(); }

 private:
  Prng prng_;
};

void DrawCluster(Draws& draws, SimOptions& options) {
  const size_t node_counts[] = {6, 6, 6, 9};
  options.nodes = draws.Of(node_counts);
  const uint32_t pg_sizes[] = {4, 8, 16, 64};
  options.pages_per_pg = draws.Of(pg_sizes);
  options.coalesce_at_bytes = draws.Between(3 << 10, 24 << 10);
  options.hot_log_limit_bytes = draws.OneIn(4) ? 48 << 10 : 512 << 10;
  options.gossip_every = draws.Micros(20'000, 200'000);
  options.scrub_every = draws.Micros(200'000, 2'000'000);
  options.scrub_pages = static_cast<uint32_t>(draws.Between(1, 16));
  options.disk.sync = draws.Micros(100, 1500);
  options.disk.jitter = draws.Micros(100, 3000);
  options.disk.read = draws.Micros(20, 200);
  options.link.delay = draws.Micros(50, 400);
  options.link.jitter = draws.Micros(10, 1500);
  options.fabric.seed = draws.Next();
  if (draws.OneIn(3))
    options.fabric.repeated_per_mille = static_cast<uint32_t>(draws.Between(1, 60));
  if (draws.OneIn(3))
    options.fabric.reordered_per_mille = static_cast<uint32_t>(draws.Between(1, 60));
  if (draws.OneIn(4))
    options.fabric.corrupted_per_mille = static_cast<uint32_t>(draws.Between(1, 20));
}

void DrawCompute(Draws& draws, SimOptions& options) {
  const uint64_t lals[] = {30, 200, 2000, 100'000};
  options.lal = draws.Of(lals);
  quorum::WriterOptions& writer = options.writer;
  writer.lal = options.lal;
  const size_t targets[] = {600, 4 << 10, 64 << 10};
  writer.boxcar_target_bytes = draws.Of(targets);
  writer.longest_wait = draws.Micros(200, 4000);
  writer.in_flight_limit_bytes = draws.Between(6 << 10, 256 << 10);
  writer.retain_bytes = draws.Between(4 << 10, 128 << 10);
  writer.member_queue_limit_bytes = draws.Between(3 << 10, 64 << 10);
  writer.resend_after = draws.Micros(30'000, 500'000);
  writer.announce_after = draws.Micros(1000, 10'000);
  options.load.clients = static_cast<int>(draws.Between(1, 8));
  // Most runs leave the cores time to idle between commits: other things happen then.
  options.load.think = draws.OneIn(4) ? draws.Micros(5'000, 60'000) : draws.Micros(60'000, 400'000);
  options.load.pages = static_cast<uint32_t>(
      draws.Between(options.pages_per_pg / 2, uint64_t{options.pages_per_pg} * 3));
  options.load.largest_mtr = static_cast<uint32_t>(draws.Between(2, 12));
  options.load.images_per_mille = draws.OneIn(2) ? static_cast<uint32_t>(draws.Between(0, 200)) : 0;
  options.load.truncates_per_mille =
      draws.OneIn(3) ? static_cast<uint32_t>(draws.Between(1, 20)) : 0;
  options.load.read_every = draws.Micros(20'000, 120'000);
  options.load.read_point_age = draws.Micros(10'000, 3'000'000);
  options.cache_pages = draws.Between(14, 40);
}

// From next to nothing, where every version goes as soon as it may, to all of the run.
void DrawRetention(Draws& draws, SimOptions& options) {
  const int64_t windows_ms[] = {0, 200, 2'000, 10'000, 60'000};
  options.retention.window_ms = draws.Of(windows_ms);
  if (draws.OneIn(3)) options.retention.log_bytes = draws.Between(2 << 10, 200 << 10);
  options.mark_every = draws.Micros(20'000, 300'000);
}

// After everything else: seeds that go back nowhere draw the same as before.
void DrawBacktracks(Draws& draws, SimOptions& options) {
  if (draws.OneIn(3)) return;
  options.load.backtrack_every = draws.Micros(400'000, 8'000'000);
}

// After everything else, as well.
void DrawClones(Draws& draws, SimOptions& options) {
  if (!draws.OneIn(3)) return;
  options.clones.every = draws.Micros(300'000, 6'000'000);
  options.clones.read_for = draws.Micros(200'000, 3'000'000);
  options.clones.at_most = draws.Between(1, 6);
}

void DrawFaultWeights(Draws& draws, SimOptions& options) {
  options.fault_weights.assign(kFaultKinds, 0);
  for (uint32_t& weight : options.fault_weights) {
    if (draws.OneIn(2)) weight = static_cast<uint32_t>(draws.Between(1, 10));
  }
  // Power goes out everywhere less often than elsewhere.
  auto& everywhere = options.fault_weights[static_cast<size_t>(FaultKind::kPowerAll)];
  everywhere = std::min(everywhere, 2U);
  options.fault_every = draws.Micros(150'000, 2'500'000);
  options.fragile = draws.Between(0, 2);
}

}  // namespace

SimOptions DrawOptions(uint64_t seed) {
  Draws draws(seed);
  SimOptions options;
  options.seed = seed;
  DrawCluster(draws, options);
  DrawCompute(draws, options);
  DrawFaultWeights(draws, options);
  DrawRetention(draws, options);
  DrawBacktracks(draws, options);
  DrawClones(draws, options);
  return options;
}

std::string SimOptions::Describe() const {
  std::string text = absl::StrCat(
      "nodes=", nodes, " pages_per_pg=", pages_per_pg, " coalesce_at=", coalesce_at_bytes,
      " hot_log_limit=", hot_log_limit_bytes, " gossip=", gossip_every.millis(),
      "ms scrub=", scrub_pages, "/", scrub_every.millis(), "ms sync=", disk.sync.micros(), "+",
      disk.jitter.micros(), "us net=", link.delay.micros(), "+", link.jitter.micros(),
      "us repeated=", fabric.repeated_per_mille, "/1000 reordered=", fabric.reordered_per_mille,
      "/1000 corrupted=", fabric.corrupted_per_mille, "/1000\n");
  absl::StrAppend(&text, "lal=", lal, " boxcar=", writer.boxcar_target_bytes,
                  " in_flight=", writer.in_flight_limit_bytes, " retain=", writer.retain_bytes,
                  " clients=", load.clients, " think=", load.think.millis(),
                  "ms pages=", load.pages, " largest_mtr=", load.largest_mtr,
                  " images=", load.images_per_mille, "/1000 truncates=", load.truncates_per_mille,
                  "/1000 cache=", cache_pages, " pages retention=", retention.window_ms, "ms/",
                  retention.log_bytes, " backtrack=", load.backtrack_every.millis(),
                  "ms clones=", clones.every > Duration() ? clones.at_most : 0, "/",
                  clones.every.millis(), "ms\n");
  absl::StrAppend(&text, "faults every ", fault_every.millis(), " ms, fragile nodes: ", fragile,
                  ", of:");
  for (size_t kind = 0; kind < fault_weights.size(); ++kind) {
    if (fault_weights[kind] == 0) continue;
    absl::StrAppend(&text, " ", std::string(NameOf(static_cast<FaultKind>(kind))), "*",
                    fault_weights[kind]);
  }
  return text;
}

}  // namespace hexad::sim
