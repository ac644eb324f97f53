// hexad-bench-floor: prints the floor of this machine. `hexad-bench-floor node` is what it starts
// six times.
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>

#include "absl/synchronization/mutex.h"
#include "bench/floor/floor.h"
#include "bench/floor/floor_node.h"

namespace {

using hexad::floor::FloorLoad;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "hexad-bench-floor: %s\n", std::string(status.message()).c_str());
  return 1;
}

int PrintFloor(const hexad::floor::FloorOptions& options, double seconds) {
  auto floor = hexad::floor::Floor::Start(options);
  if (!floor.ok()) return Fail(floor.status());
  const auto duration = std::chrono::milliseconds(static_cast<int>(seconds * 1000));
  std::printf("| boxcar | depth | p50 us | p95 us | p99 us | max us | boxcars/s | MB/s |\n");
  std::printf("|---|---|---|---|---|---|---|---|\n");
  for (const auto& [bytes, depth] : {std::pair(size_t{300}, 1), std::pair(size_t{200}, 64),
                                     std::pair(size_t{200}, 1024), std::pair(size_t{16384}, 64)}) {
    const auto result = (*floor)->Run(FloorLoad{bytes, depth, duration});
    if (!result.ok()) return Fail(result.status());
    std::printf("| %zu B | %d | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f |\n", bytes, depth,
                result->p50_us, result->p95_us, result->p99_us, result->max_us,
                result->boxcars_per_s, result->bytes_per_s / 1e6);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // Debian builds Abseil with its detector of lock cycles, which costs every lock of gRPC.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app("What a six-way gRPC stream with an fsynced RocksDB append can do on this machine");
  hexad::floor::FloorOptions options;
  double seconds = 3;
  app.add_option("--folder", options.folder, "for the six databases; must not exist yet");
  app.add_option("--seconds", seconds, "per line")->check(CLI::Range(0.1, 3600.0));
  app.add_flag("--fsync,!--no-fsync", options.fsync, "fsync each append (the default)");
  CLI::App* node = app.add_subcommand("node", "one of the six processes");
  hexad::floor::FloorNodeOptions node_options;
  node->add_option("--folder", node_options.folder)->required();
  node->add_flag("--fsync,!--no-fsync", node_options.fsync);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (!node->parsed()) return PrintFloor(options, seconds);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // never outlives the one that started it
  return Fail(hexad::floor::ServeFloorNode(node_options));
}
