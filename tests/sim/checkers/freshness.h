// I5: what a process may read at.
//
//   - Its read point never goes back along a history that holds the one before, and is a
//   consistency point: the end of an MTR.
//   - A snapshot's read point was a VDL: told by a writer, or the fork of an epoch that some disk
//     keeps (an opening refills a write quorum before it asks anybody to begin, so what a Begin
//     says is true even if the opening never ends). So every later history holds it, too, or one
//     of its branches.
//   - A snapshot shows at least where the newest epoch started that had opened before it began to
//     ask: that epoch has begun at a write quorum, which meets every read quorum. It began to ask
//     after its last answer, so what had opened by then counts. (I9: so what a backtrack has left
//     is not shown any more.)
//
// No more is promised (docs/protocol.md, Reading): a snapshot may be older than what was
// acknowledged, a writer that was replaced goes on reading at its own VDL, and what an opening
// offers to readers before it has begun may be cut off by the next one.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "tests/sim/checker.h"
#include "tests/sim/checkers/disk_model.h"
#include "tests/sim/checkers/volume_meta.h"
#include "tests/sim/reference.h"

namespace hexad::sim {

class FreshnessChecker : public Checker {
 public:
  explicit FreshnessChecker(std::shared_ptr<const DiskModel> disks) : disks_(std::move(disks)) {}
  std::string name() const override { return "I5 freshness"; }
  void See(const Event& event) override;

 private:
  void OnOpened(const quorum::WriterStart& start);
  void OnOffered(const ReadPointOffered& offered);
  bool EndsAnMtr(Lsn lsn) const;

  struct Reader {
    Lsn read_point;
    Lsn opened_by_then;  // where the newest epoch started when it got that read point
    EpochId newest;      // and which epoch that was
  };
  const std::shared_ptr<const DiskModel> disks_;
  std::map<Lsn, Lsn> mtrs_;  // by commit LSN: the first
  std::map<ProcessId, Reader> readers_;
  EpochId newest_;
  std::optional<quorum::PgPath> history_;  // of the newest epoch
  Lsn newest_start_;
  Lsn highest_vdl_;    // that a writer told, or an opening ended with
  Lsn highest_shown_;  // by a snapshot
  HighestRetained retained_;
};

}  // namespace hexad::sim
