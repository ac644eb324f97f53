// I12: nothing grows without end.
//
//   - A node's hot log in memory. Above its limit appends are refused that close no gap, above
//   twice
//     the limit all of them and gossip. What was taken a moment before may come on top: one answer
//     of gossip, or a refill.
//   - Epoch numbers. Every attempt of an opening takes one, and contenders pause between attempts:
//     the rate below is several times what the worst runs use, and far below a livelock.
#pragma once

#include "quorum/messages.h"
#include "tests/sim/checker.h"

namespace hexad::sim {

class BoundsChecker : public Checker {
 public:
  static constexpr size_t kOnTopBytes = quorum::kMaxLogPartBytes;
  static constexpr uint32_t kFirstEpochs = 10;
  static constexpr uint32_t kEpochsPerSecond = 3;

  explicit BoundsChecker(size_t hot_log_limit_bytes) : hot_log_limit_bytes_(hot_log_limit_bytes) {}
  std::string name() const override { return "I12 bounds"; }
  void See(const Event&) override {}
  void Look(const WorldView& world) override;

 private:
  const size_t hot_log_limit_bytes_;
};

}  // namespace hexad::sim
