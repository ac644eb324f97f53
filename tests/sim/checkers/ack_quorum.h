// I1, the writing side: nothing is called durable before it is.
//
//   - An SCL that a segment tells names a record that its disk holds, fsynced.
//   - When a VDL is told, every record at or below it was fsynced on a write quorum of its PG.
//   - The same for the VDL that an opening starts from, and for the branches that it keeps: its
//     refill has come before.
//
// "Was", not "is": a disk that is harmed between its fsync and the VDL kept its promise, and what
// the volume may lose by it is read_quorum.h's question. A VDL is also a consistency point: the
// last record of an MTR of that epoch, or where the epoch started.
#pragma once

#include <bit>
#include <map>
#include <memory>
#include <utility>

#include "tests/sim/checker.h"
#include "tests/sim/checkers/disk_model.h"
#include "tests/sim/reference.h"

namespace hexad::sim {

class AckQuorumChecker : public Checker {
 public:
  explicit AckQuorumChecker(std::shared_ptr<const DiskModel> disks) : disks_(std::move(disks)) {}
  std::string name() const override { return "I1 write quorum"; }
  void See(const Event& event) override;

 private:
  struct Mtr {
    EpochId epoch;
    Lsn first;
    bool checked = false;
  };
  void OnAnswer(const SegmentReplied& replied);
  void OnVdl(const VdlMoved& moved);
  void OnOpened(const quorum::WriterStart& start);
  void ExpectDurable(Lsn commit, Mtr& mtr, const char* says);

  const std::shared_ptr<const DiskModel> disks_;
  std::map<Lsn, Mtr> mtrs_;  // by commit LSN
  std::map<EpochId, Lsn> starts_;
  std::map<EpochId, Lsn> told_;
};

}  // namespace hexad::sim
