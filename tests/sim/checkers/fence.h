// I3 at the segment: a promise is durable before it is told, is never taken back, and whoever gave
// it says nothing more in an older epoch: no ack, no begin, no inventory, no refill. Through
// restarts and power cuts, as long as the disk is not harmed.
//
// The history that a segment keeps durably never goes back to an older epoch either.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <utility>

#include "tests/sim/checker.h"
#include "tests/sim/checkers/disk_model.h"

namespace hexad::sim {

class FenceChecker : public Checker {
 public:
  explicit FenceChecker(std::shared_ptr<const DiskModel> disks) : disks_(std::move(disks)) {}
  std::string name() const override { return "I3 fence"; }
  void See(const Event& event) override;

 private:
  using Place = std::pair<NodeIndex, PgId>;
  void OnAnswer(NodeIndex node, const quorum::SegmentAnswer& answer);
  void ExpectKept(NodeIndex node, const char* when);

  const std::shared_ptr<const DiskModel> disks_;
  std::map<Place, EpochId> told_;   // the highest promise that left the node
  std::map<Place, EpochId> begun_;  // the newest history that it kept durably
  std::set<NodeIndex> harmed_;
};

}  // namespace hexad::sim
