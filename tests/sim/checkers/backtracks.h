// I9: a backtrack goes exactly where it was told, or nowhere.
//
//   - It ends at the last commit at or before its target, on a history that holds the target: the
//     one that it left, one of its branches, or the new one. The first commit that it left is the
//     next one there, if the head did not end there already. Its epoch starts at that fork.
//   - A target that is a commit of the newest history or of a branch, not older than what any
//     manifest retains, is not refused as out of range.
//   - A fork is the end of an MTR.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "tests/sim/checker.h"
#include "tests/sim/checkers/volume_meta.h"
#include "tests/sim/reference.h"

namespace hexad::sim {

class BacktracksChecker : public Checker {
 public:
  std::string name() const override { return "I9 backtrack"; }
  void See(const Event& event) override;

 private:
  struct Started {
    Lsn fork;
    quorum::PgPath path;
  };
  // A history and where it ends.
  struct Along {
    const quorum::Path* path;
    Lsn end;
  };
  void OnOpened(const quorum::WriterStart& start);
  void OnEnded(const BacktrackEnded& ended);
  void OnRefused(const BacktrackEnded& ended, Lsn target);
  void ExpectExact(const BacktrackEnded& ended, const Started& started, Lsn target);
  std::optional<Along> Holding(const Started& started, Lsn target) const;

  std::map<Lsn, Lsn> mtrs_;  // by commit LSN: the first
  std::map<EpochId, Started> opened_;
  std::map<ProcessId, backtrack::BacktrackTarget> targets_;
  HighestRetained retained_;
};

}  // namespace hexad::sim
