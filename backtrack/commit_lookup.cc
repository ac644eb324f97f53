#include "backtrack/commit_lookup.h"

#include <utility>

namespace hexad::backtrack {

CommitLookup::CommitLookup(Question question, std::vector<Pg> pgs)
    : question_(std::move(question)) {
  for (Pg& pg : pgs) pgs_.push_back({std::move(pg), std::nullopt});
}

void CommitLookup::Ask(const NodeId& node, std::vector<quorum::Send>& out) const {
  for (const State& state : pgs_) {
    const quorum::Membership& membership = state.pg.membership;
    if (state.exact.has_value() || !membership.IndexOf(node).has_value()) continue;
    const quorum::Envelope to{question_.timeline, membership.pg, question_.epoch, membership.epoch};
    out.push_back(
        {node, quorum::FindCommit{to, state.pg.history, question_.up_to, question_.target}});
  }
}

void CommitLookup::Take(const quorum::CommitFound& found) {
  if (found.target != question_.target || found.from.timeline != question_.timeline) return;
  for (State& state : pgs_) {
    if (found.history != state.pg.history.path.epoch()) continue;
    if (state.pg.membership.pg == found.from.pg && found.scl >= state.pg.tail) state.exact = found;
  }
}

std::optional<CommitsAround> CommitLookup::Result() const {
  CommitsAround around;
  for (const State& state : pgs_) {
    if (!state.exact.has_value()) return std::nullopt;
    const auto& [before, after] = std::pair(state.exact->before, state.exact->after);
    if (before.has_value() && (!around.before.has_value() || before->lsn > around.before->lsn)) {
      around.before = before;
    }
    if (after.has_value() && (!around.after.has_value() || after->lsn < around.after->lsn)) {
      around.after = after;
    }
  }
  return around;
}

}  // namespace hexad::backtrack
