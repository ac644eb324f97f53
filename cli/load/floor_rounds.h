// `hexad bench write --with-floor`: rounds of Hexad and of the bare floor (bench/floor) in turn, in
// one run, so that the ratios hold on a machine whose speed changes from minute to minute.
#pragma once

#include "absl/status/status.h"
#include "bench/workload/write_workload.h"
#include "cli/session.h"
#include "compute/engine.h"

namespace hexad::cli {

// Each round: one MTR in flight (latency), then `options.depth` in flight (throughput); the floor
// with boxcars of the size that Hexad's had. Prints the medians over the rounds and their ratios.
// The floor's databases are in `folder` meanwhile; what a killed run left there is deleted first.
// CANCELLED if interrupted.
absl::Status RunWithFloor(const Session& session, const std::string& folder,
                          compute::Volume& volume, const workload::WriteOptions& options);

}  // namespace hexad::cli
