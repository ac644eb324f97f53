// The commits around a target on one history, over all PGs: what a preview of a backtrack, a read
// in the past or a clone needs to know (docs/fork.md). Segments are asked; one answer of each PG
// that is whole up to the history's VDL is exact.
#pragma once

#include <optional>
#include <vector>

#include "backtrack/opening.h"
#include "quorum/messages.h"
#include "quorum/volume_writer.h"

namespace hexad::backtrack {

struct CommitsAround {
  std::optional<quorum::CommitPoint> before;  // the last one at or before the target
  std::optional<quorum::CommitPoint> after;   // the first one after it
};

class CommitLookup {
 public:
  struct Pg {
    quorum::Membership membership;
    quorum::PgPath history;
    Lsn tail;  // its last record at or below `up_to`, or higher
  };
  struct Question {
    TimelineId timeline;
    EpochId epoch;  // that may read there
    Lsn up_to;      // the history's VDL
    BacktrackTarget target;
  };

  CommitLookup(Question question, std::vector<Pg> pgs);

  // What to ask a node, when it is there (again).
  void Ask(const NodeId& node, std::vector<quorum::Send>& out) const;
  void Take(const quorum::CommitFound& found);
  // Once every PG has answered.
  std::optional<CommitsAround> Result() const;

 private:
  struct State {
    Pg pg;
    std::optional<quorum::CommitFound> exact;
  };
  Question question_;
  std::vector<State> pgs_;
};

}  // namespace hexad::backtrack
