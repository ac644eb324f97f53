// The simulated network: directed links between processes, each with its own delay, loss, echo
// and blockage. Two kinds of traffic, as the real one has:
//   - single messages (a unary call's way there and back): delayed, reordered, lost, doubled;
//   - lanes (one direction of a gRPC stream over TCP): in order and whole while the lane lives.
//     A blocked link stalls a lane; it ends when its owner closes it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "quorum/base/prng.h"
#include "tests/sim/scheduler.h"

namespace hexad::sim {

// A process on the network, by number.
using Endpoint = size_t;

struct Link {
  Duration delay = Duration::Micros(100);
  Duration jitter = Duration::Micros(100);
  uint32_t lost_per_mille = 0;     // of single messages
  uint32_t doubled_per_mille = 0;  // of single messages: the second one comes late
  int blocked = 0;                 // partitions that cover it now
};

// One direction of a stream.
struct Lane {
  Endpoint from = 0;
  Endpoint to = 0;
  Instant last_arrival;
  std::deque<Task> stalled;
  bool closed = false;  // nothing is delivered any more
};

class Network {
 public:
  Network(Scheduler& scheduler, size_t endpoints, uint64_t seed);

  size_t endpoints() const { return endpoints_; }
  Link& link(Endpoint from, Endpoint to) { return links_[from * endpoints_ + to]; }

  // Runs `deliver` later, once, twice or never.
  void Send(Endpoint from, Endpoint to, Task deliver);
  std::shared_ptr<Lane> OpenLane(Endpoint from, Endpoint to);
  void Send(const std::shared_ptr<Lane>& lane, Task deliver);

  // Partitions may overlap: a link carries again when as many have ended as began.
  void Block(Endpoint from, Endpoint to);
  void Unblock(Endpoint from, Endpoint to);
  bool IsBlocked(Endpoint from, Endpoint to) { return link(from, to).blocked > 0; }

 private:
  Duration Delay(const Link& link);
  void Arrive(const std::shared_ptr<Lane>& lane, Task deliver);

  Scheduler& scheduler_;
  const size_t endpoints_;
  Prng prng_;
  std::vector<Link> links_;
  std::vector<std::shared_ptr<Lane>> stalled_;  // lanes with something in `stalled`
};

}  // namespace hexad::sim
