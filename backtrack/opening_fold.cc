// Opening: how shortly the new epoch may tell its history (docs/fork.md, Short paths).
#include <algorithm>
#include <vector>

#include "backtrack/opening_run.h"
#include "quorum/base/marks.h"
#include "quorum/path_fold.h"

namespace hexad::backtrack {

using quorum::PathStep;
using quorum::PgPath;

namespace {

// The highest place that nobody objects to, so far. Whoever is done with what lies before one place
// is done with what lies before a lower one.
void Lower(const PgPath& parent, EpochId settled, size_t& place) {
  const PathStep* step = parent.path.Find(parent.path.timeline(), settled);
  const size_t at = step == nullptr ? 0 : static_cast<size_t>(step - parent.path.steps().data());
  place = std::min(place, at);
}

bool Shares(const quorum::Branch& branch, const quorum::Path& head, const PathStep& step) {
  return branch.path.Find(step.timeline, step.epoch) != nullptr &&
         quorum::SharedUpTo(branch.path, head) >= step.last_lsn;
}

}  // namespace

// Nothing unless every member of every PG has promised: one that has not may know a history that
// the shorter one could not be compared with.
OpeningRun::Foldable OpeningRun::WhatMayFold() const {
  const Foldable nothing{EpochId::Root(), Lsn::None()};
  const PgPath& parent = *pgs_.front().parent;
  const std::vector<PathStep>& steps = parent.path.steps();
  size_t place = steps.size() - 1;
  for (const Pg& pg : pgs_) {
    for (const Member& member : pg.members) {
      if (!member.promised.has_value()) return nothing;
      Lower(parent, member.promised->settled, place);
    }
  }
  Lsn retained = Lsn::Max();
  for (const Member& member : pgs_.front().members) {
    if (!member.promised->manifest.has_value()) return nothing;
    retained = std::min(retained, member.promised->manifest->retained_from);
  }
  while (place > 0 && steps[place - 1].last_lsn > retained) --place;
  for (const quorum::Branch& branch : parent.branches) {
    if (branch.end.at < retained) continue;
    while (place > 0 && !Shares(branch, parent.path, steps[place - 1])) --place;
  }
  return {steps[place].timeline == parent.path.timeline() ? steps[place].epoch : EpochId::Root(),
          retained};
}

PgPath OpeningRun::Folded(PgPath parent, const Foldable& foldable) {
  PgPath folded = quorum::FoldedBefore(parent, foldable.settled);
  if (folded.path.steps().size() == parent.path.steps().size()) return parent;
  SOMETIMES(opening_tells_a_history_more_shortly);
  std::erase_if(folded.branches,
                [&](const quorum::Branch& branch) { return branch.end.at < foldable.retained; });
  return folded;
}

}  // namespace hexad::backtrack
