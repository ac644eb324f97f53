// `hexad bench time-travel`: what going back and cloning cost, by how much log there is; and what
// it costs to read a page that a clone of a clone of a clone has inherited.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "cli/session.h"

namespace hexad::cli {

struct TimeTravelBenchOptions {
  std::vector<uint64_t> log_mb = {10, 100, 1000};  // a volume is written for each, and dropped
};

// Prints, for each size, once the nodes have turned the log into pages: from Volume::Backtrack to
// the first commit that is durable after it; the same from starting the process `hexad backtrack`;
// Cluster::Clone; and the bytes that the clones hold of their own. And one backtrack right after
// the last byte of log, while the nodes are busy with it. Then page reads, past the cache,
// of a root and of its clone five levels deep, in turn. CANCELLED if interrupted.
absl::Status RunTimeTravelBench(const Session& session, const TimeTravelBenchOptions& options);

}  // namespace hexad::cli
