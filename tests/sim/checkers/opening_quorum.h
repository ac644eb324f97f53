// I1, I3: what an opening may go on with.
//
//   - An epoch is one process's: no two openings ask under the same one.
//   - When it asks the first segment to begin its epoch, a read quorum of every PG counts as having
//     promised that epoch, and a read quorum as having listed what it holds; and what counts was
//     said: each of them has sent it a promise and an inventory of that epoch. A refusal is
//     neither.
//
// Who begins, and what was refilled before, is begin_quorum.h's and ack_quorum.h's business.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "tests/sim/checker.h"
#include "tests/sim/checkers/disk_model.h"

namespace hexad::sim {

class OpeningQuorumChecker : public Checker {
 public:
  explicit OpeningQuorumChecker(std::shared_ptr<const DiskModel> disks)
      : disks_(std::move(disks)) {}
  std::string name() const override { return "I1 opening quorum"; }
  void See(const Event& event) override;

 private:
  struct Heard {  // by one opening, of the members of one PG
    NodeBits promised = 0;
    NodeBits listed = 0;
  };
  struct Attempt {
    ProcessId opener = 0;
    std::map<PgId, Heard> pgs;
  };
  void OnAsked(const OpeningAsked& asked);
  void OnHeard(const OpeningHeard& heard);
  void OnBegins(const OpeningBegins& begins);
  void ExpectSaid(EpochId epoch, const backtrack::OpeningCount& count, const Heard& heard);

  const std::shared_ptr<const DiskModel> disks_;
  std::map<EpochId, Attempt> attempts_;
};

}  // namespace hexad::sim
