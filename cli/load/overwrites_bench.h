// `hexad bench overwrites`: the same pages written over and over, so that nearly all that is stored
// soon is garbage: what collecting it costs commits, whether the space returns, and how many bytes
// a node writes for each byte of log.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "cli/session.h"

namespace hexad::cli {

struct OverwritesOptions {
  uint64_t seconds = 10;  // of each run
  uint64_t rounds = 5;
  uint32_t record_bytes = 1'000;
  uint32_t pages = 4'096;
  uint32_t depth = 256;  // MTRs in flight
};

// Each round writes twice for `seconds`: with a retention so long that nothing may be forgotten,
// and with one of a second, in turn. Then as many seconds as all rounds had with the short one,
// and after each tenth of them the bytes that the volume and the nodes' disks hold. Prints commit
// latencies with their ratio, those bytes, and the bytes written per byte of log. The volume is
// dropped. CANCELLED if interrupted.
absl::Status RunOverwritesBench(const Session& session, const OverwritesOptions& options);

}  // namespace hexad::cli
