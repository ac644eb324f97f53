// I1: what a segment tells an opening is true, and is all. Recomputed from what it was ever told to
// keep and from what it has told before:
//
//   - An inventory is told only under a promise that is durable.
//   - It is about the history that the opening asked about: the parent's, or a branch of it, which
//     ends where it was left.
//   - Its SCL is no higher than the chain that its disk was told to keep along the parent, and no
//     lower than any SCL that it has told to a writer or an opening, as far as that lies on the
//     parent: what it has lost since, it must not keep silent about. (Refused as damaged, it claims
//     nothing.)
//   - The VDL that it has heard is the end of an MTR, and no higher than any VDL or fork that there
//     ever was. Polls say the same.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <utility>

#include "tests/sim/checker.h"
#include "tests/sim/checkers/disk_model.h"

namespace hexad::sim {

class ClaimsChecker : public Checker {
 public:
  explicit ClaimsChecker(std::shared_ptr<const DiskModel> disks) : disks_(std::move(disks)) {}
  std::string name() const override { return "I1 claims"; }
  void See(const Event& event) override;

 private:
  void OnAnswer(NodeIndex node, const quorum::SegmentAnswer& answer);
  void OnInventory(NodeIndex node, const quorum::InventoryTaken& taken);
  void ExpectVdl(NodeIndex node, const quorum::Envelope& from, Lsn heard);

  const std::shared_ptr<const DiskModel> disks_;
  std::map<std::pair<EpochId, PgId>, quorum::PgPath> parents_;  // that openings ask about
  // The highest SCL that a segment has told, by the epoch that it told it in.
  std::map<std::pair<NodeIndex, PgId>, std::map<EpochId, Lsn>> told_;
  std::set<Lsn> ends_;  // of MTRs
  Lsn highest_vdl_;
};

}  // namespace hexad::sim
