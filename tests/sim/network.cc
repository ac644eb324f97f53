#include "tests/sim/network.h"

#include <algorithm>
#include <utility>

namespace hexad::sim {
namespace {

constexpr uint64_t kLateFactor = 200;  // how much later a doubled message may come

}  // namespace

Network::Network(Scheduler& scheduler, size_t endpoints, uint64_t seed)
    : scheduler_(scheduler), endpoints_(endpoints), prng_(seed), links_(endpoints * endpoints) {}

Duration Network::Delay(const Link& link) {
  const auto jitter = static_cast<uint64_t>(link.jitter.nanos());
  const uint64_t extra = jitter == 0 ? 0 : prng_.Below(jitter);
  return Duration::Nanos(link.delay.nanos() + static_cast<int64_t>(extra));
}

void Network::Send(Endpoint from, Endpoint to, Task deliver) {
  const Link& link = this->link(from, to);
  if (link.blocked > 0 || prng_.Below(1000) < link.lost_per_mille) return;
  if (prng_.Below(1000) < link.doubled_per_mille) {
    const Duration delay = Delay(link);
    const auto factor = static_cast<int64_t>(1 + prng_.Below(kLateFactor));
    scheduler_.After(Duration::Nanos(delay.nanos() * factor), deliver);
  }
  scheduler_.After(Delay(link), std::move(deliver));
}

std::shared_ptr<Lane> Network::OpenLane(Endpoint from, Endpoint to) {
  auto lane = std::make_shared<Lane>();
  lane->from = from;
  lane->to = to;
  return lane;
}

void Network::Send(const std::shared_ptr<Lane>& lane, Task deliver) {
  lane->last_arrival =
      std::max(lane->last_arrival, scheduler_.now() + Delay(link(lane->from, lane->to)));
  scheduler_.At(lane->last_arrival, [this, lane, deliver = std::move(deliver)]() mutable {
    Arrive(lane, std::move(deliver));
  });
}

// What stalls keeps its order: later messages stall behind it.
void Network::Arrive(const std::shared_ptr<Lane>& lane, Task deliver) {
  if (lane->closed) return;
  if (!IsBlocked(lane->from, lane->to) && lane->stalled.empty()) return deliver();
  if (lane->stalled.empty()) stalled_.push_back(lane);
  lane->stalled.push_back(std::move(deliver));
}

void Network::Block(Endpoint from, Endpoint to) { ++link(from, to).blocked; }

void Network::Unblock(Endpoint from, Endpoint to) {
  if (--link(from, to).blocked > 0) return;
  std::vector<std::shared_ptr<Lane>> open;
  for (const auto& lane : stalled_) {
    if (lane->from == from && lane->to == to) open.push_back(lane);
  }
  std::erase_if(stalled_, [&](const auto& lane) { return lane->from == from && lane->to == to; });
  for (const auto& lane : open) {
    for (Task& deliver : std::exchange(lane->stalled, {})) Send(lane, std::move(deliver));
  }
}

}  // namespace hexad::sim
