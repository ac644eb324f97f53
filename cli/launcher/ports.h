// TCP ports of a local cluster: chosen once, free on 127.0.0.1, and kept for the cluster's life.
//
// A cluster owns a block of 100 ports (7000, 7100, ...). Blocks are claimed in a small folder under
// /tmp, per user, so that two clusters never choose the same ports even while one of them is down.
// All blocks lie below the kernel's ephemeral range: no outgoing connection can sit on a port of
// ours.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hexad::launcher {

inline constexpr int kFirstBlock = 7000;
inline constexpr int kLastBlock = 32600;
inline constexpr int kPortsPerBlock = 100;
inline constexpr int kMaxLocalNodes = 40;

// Where each process of a cluster listens, within its block.
constexpr int NodePort(int block, int index) { return block + 1 + index; }  // index from 0
constexpr int NodeMetricsPort(int block, int index) { return block + 41 + index; }
constexpr int ComputePort(int block) { return block + 90; }
constexpr int ComputeMetricsPort(int block) { return block + 91; }
constexpr int ComputeSqlPort(int block) { return block + 93; }
constexpr int BenchMetricsPort(int block) { return block + 92; }
static_assert(NodeMetricsPort(0, kMaxLocalNodes - 1) < ComputePort(0));

// Claims the lowest free block for the cluster in `folder` (absolute). RESOURCE_EXHAUSTED if none
// is.
absl::StatusOr<int> ClaimPortBlock(const std::string& folder);
// Gives the block back, if it is this folder's.
void ReleasePortBlock(int block, const std::string& folder);

// Nobody listens on 127.0.0.1:port.
bool PortIsFree(int port);
// "pid 4711 (/usr/sbin/nginx)" for whoever listens on the port, as far as this user may see.
std::string WhoListensOn(int port);

struct HostPort {
  std::string host;
  int port = 0;
};
// "127.0.0.1:7001". Nothing unless it is HOST:PORT with a port in 1..65535.
std::optional<HostPort> ParseAddress(const std::string& address);

}  // namespace hexad::launcher
