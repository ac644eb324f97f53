// SCL and VDL against recomputation from scratch.
//
// SCL: every running segment's, against a walk of the chain over everything that its disk was told
// to keep, along its durable history. Exactly equal: too high is a lie, too low is a liveness bug.
//
// VDL: what a writer tells, against the SCLs that left the segments towards it. Each record of an
// epoch at or below the VDL needs a write quorum of its PG's members to have told an SCL at or
// above it in that epoch. (The acks that arrived are fewer than those that left, so this is an
// upper bound; VCL and PGCL show themselves only through it. VCL is not min(PGCL): a PG that nobody
// writes to lacks nothing, which is why records are asked, not PGs.)
#pragma once

#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "tests/sim/checker.h"
#include "tests/sim/checkers/disk_model.h"

namespace hexad::sim {

class TrackersChecker : public Checker {
 public:
  explicit TrackersChecker(std::shared_ptr<const DiskModel> disks) : disks_(std::move(disks)) {}
  std::string name() const override { return "I4 SCL, VDL"; }
  void See(const Event& event) override;
  void Look(const WorldView& world) override;

 private:
  void OnAnswer(NodeIndex node, const quorum::SegmentAnswer& answer);
  void OnVdl(const VdlMoved& moved);
  void LookAt(const WorldView& world, NodeIndex node);

  const std::shared_ptr<const DiskModel> disks_;
  std::map<Lsn, std::pair<EpochId, Lsn>> mtrs_;               // by commit LSN: epoch, first LSN
  std::map<std::tuple<EpochId, PgId, NodeIndex>, Lsn> told_;  // the highest SCL
  std::map<EpochId, Lsn> vdl_;
  // Where the last walk ended, and on which epoch's history: what was written stays, so the next
  // one goes on from there.
  std::map<std::pair<NodeIndex, PgId>, std::pair<EpochId, Lsn>> walked_;
};

}  // namespace hexad::sim
