// I1, from every read quorum: whichever three segments of each PG were left, with nothing but what
// a power cut would leave on their disks, an opening would find the whole history up to the VDL.
//
// An opening takes the highest SCL of a PG's answers. So the worst read quorum is the one with the
// lowest SCLs, and of a PG with V answering members and write quorum Vw the question is one
// comparison: the (V' - Vw + 1)th lowest SCL, of those that can answer, reaches the PG's last
// record at or below the VDL. SCLs are recomputed from the disks' bytes. A harmed disk, or one that
// was never told of the PG, is no answer.
//
// It copies and decodes whole disks: done at every 32nd look, and at the last one of a run.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/sim/checker.h"
#include "tests/sim/checkers/disk_model.h"

namespace hexad::sim {

class ReadQuorumChecker : public Checker {
 public:
  static constexpr uint64_t kOneIn = 32;

  explicit ReadQuorumChecker(std::shared_ptr<const DiskModel> disks) : disks_(std::move(disks)) {}
  std::string name() const override { return "I1 read quorum"; }
  void See(const Event& event) override;
  void Look(const WorldView& world) override;

 private:
  const std::shared_ptr<const DiskModel> disks_;
  std::optional<quorum::Path> history_;
  EpochId epoch_;  // the newest that has opened
  Lsn vdl_;        // the highest that was told in it
  std::vector<PgId> pgs_;
  bool healed_ = false;
  uint64_t looks_ = 0;
};

}  // namespace hexad::sim
