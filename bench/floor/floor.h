// The floor: what this machine can do at best, so that Hexad's numbers have something to be
// compared with.
//
// Six processes and one client, the same six-way bidirectional gRPC stream, the same boxcar sizes
// and the same fsynced RocksDB append as the real thing, and no logic at all: no epochs, no chains,
// no checksums, no index. A boxcar counts as durable when four of six have answered. Each node is
// one thread that drains its completion queue, writes once for all that it drained, and answers
// once per stream. The client is built on the callback API; its boxcars are shared by the six
// streams.
//
// Latency is measured at depth 1 (one boxcar in flight), throughput with many in flight.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hexad::floor {

struct FloorOptions {
  std::string node_binary;  // hexad-bench-floor; empty: the one beside the running program
  std::string folder;       // for the six databases; made, and removed at the end
  bool fsync = true;        // false: what the disk costs
};

struct FloorLoad {
  size_t boxcar_bytes = 300;
  int depth = 1;  // boxcars in flight
  std::chrono::milliseconds duration{3000};
};

struct FloorResult {
  uint64_t boxcars = 0;
  double boxcars_per_s = 0;
  double bytes_per_s = 0;  // of boxcars, once: not times six
  // Time from handing a boxcar to the streams to its fourth answer.
  double p50_us = 0;
  double p95_us = 0;
  double p99_us = 0;
  double max_us = 0;
};

// Six running processes. Not thread-safe. They end with this object, or with this process.
class Floor {
 public:
  static absl::StatusOr<std::unique_ptr<Floor>> Start(const FloorOptions& options);
  ~Floor();

  // May be called many times, so that a program can alternate it with the real thing.
  absl::StatusOr<FloorResult> Run(const FloorLoad& load);

 private:
  Floor() = default;
  absl::Status StartNode(const FloorOptions& options, int index);

  std::string folder_;
  std::vector<pid_t> pids_;
  std::vector<std::string> addresses_;
};

}  // namespace hexad::floor
