// The faults of one run, drawn before it starts. Each stands alone: any of them can be left out,
// and the others still mean the same, which is what lets a failing run be made smaller.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/base/instant.h"

namespace hexad::sim {

struct SimOptions;

enum class FaultKind : uint8_t {
  // Processes and machines. FAULTS of docs/testing.md in brackets.
  kKillNode,     // [1] the process; its page cache stays
  kKillAz,       // [2]
  kPowerNode,    // [21] what was not fsynced is gone
  kPowerAll,     // [5] all nodes at once
  kPauseNode,    // [12] SIGSTOP, SIGCONT
  kJumpNode,     // [28] its monotonic clock jumps ahead
  kKillWriter,   // [6]
  kPauseWriter,  // [7] and somebody else opens the volume meanwhile
  kJumpWriter,   // [28]
  kContender,    // [8, 9] a second writer opens the volume
  // The network.
  kIsolateNode,  // [13] both ways
  kIsolateAz,    // [13]
  kDeafNode,     // [14] nothing reaches it
  kMuteNode,     // [14] nothing it says arrives
  kNoGossip,     // [15] nodes do not hear each other
  kSwizzle,      // [38] nodes are cut off one by one, and come back in another order
  kBreakStream,  // a connection is reset
  kSlowLink,     // [11] everything to and from a node takes longer
  kLossyLinks,   // [16, 17] single messages are lost and repeated
  // Disks.
  kSlowDisk,  // [11]
  kFullDisk,  // [26]
  // Harm: what was durable on a node may be gone. At most SimOptions::fragile nodes ever.
  kFailWrite,   // [22] a write fails, stored or not
  kWipe,        // [25] the machine comes back with an empty disk
  kRotBoxcar,   // [23] in the hot log
  kLoseBoxcar,  // [23] unreadable
  kRotVersion,  // [23] in the page store
  kMisplace,    // [24] a boxcar lies where another one belongs
  kCount,
};
inline constexpr size_t kFaultKinds = static_cast<size_t>(FaultKind::kCount);

// "kill-node"
std::string_view NameOf(FaultKind kind);
bool IsHarm(FaultKind kind);

struct Fault {
  Instant at;
  FaultKind kind = FaultKind::kKillNode;
  uint32_t target = 0;  // a node, a zone or a compute machine, by its place
  Duration lasts;
  uint64_t draw = 0;  // what else is random about it

  // "at 1.250s kill-node n3 for 0.800s draw 17"
  std::string Describe() const;
  friend bool operator==(const Fault&, const Fault&) = default;
};

using FaultPlan = std::vector<Fault>;  // by time

FaultPlan DrawFaults(const SimOptions& options);

// The same in text, one fault a line; empty lines and lines that start with # are left out.
// INVALID_ARGUMENT names the line.
std::string ToText(const FaultPlan& plan);
absl::StatusOr<FaultPlan> FromText(std::string_view text);

}  // namespace hexad::sim
