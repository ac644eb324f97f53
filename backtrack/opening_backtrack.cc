// Opening: where a backtrack forks (docs/fork.md). The head has been recovered, and a write quorum
// of every PG holds all of it; now the commit to go back to is looked for, in two questions: which
// one it is, over all PGs, and where each PG's chain stands there.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "backtrack/epoch_tree.h"
#include "backtrack/opening_run.h"
#include "quorum/base/check.h"
#include "quorum/base/marks.h"

namespace hexad::backtrack {

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::CommitFound& found) {
  if (found.from.epoch != epoch_ || phase_ != Phase::kLocating) return;
  if (found.target != search_.question()) return;  // of the first question, and late
  if (found.history != pg.parent->path.epoch()) return;
  pg.members[member].waiting = false;
  pg.members[member].found = found;
}

void OpeningRun::LookForTarget() {
  if (branch_.has_value()) return Enter(Phase::kLocating);
  left_ = recovered_;
  const auto branch =
      BranchOf(*pgs_.front().parent, recovered_->vdl, *options_.backtrack, manifest_.name);
  if (!branch.ok()) return Fail(branch.status());
  if (branch->has_value()) return RecoverBranch(**branch);
  Enter(Phase::kLocating);
}

// The same two steps along the branch. Its end is a VDL that was recovered once, so there is no
// walk.
void OpeningRun::RecoverBranch(size_t branch) {
  SOMETIMES(backtrack_returns_to_a_branch);
  branch_ = branch;
  for (size_t i = 0; i < pgs_.size(); ++i) {
    Pg& pg = pgs_[i];
    const quorum::Branch& to = pg.parent->branches[branch];
    recovered_->vdl = to.end.at;
    recovered_->pgs[i].tail = to.end.tail;
    pg.head = pg.parent;
    pg.parent = quorum::PgPath::Of(to);
    for (Member& member : pg.members) member.inventory.reset();
  }
  Enter(Phase::kInventory);
}

// One answer of each PG that is whole up to the recovered VDL is exact. Members may have gone since
// they were sealed: an epoch begins only while what it rests on can still be asked.
void OpeningRun::AfterFound() {
  const auto listed = [](const Member& m) { return m.inventory.has_value(); };
  if (!std::all_of(pgs_.begin(), pgs_.end(), [&](const Pg& pg) {
        return pg.membership.Quorums().CanRead(Those(pg, listed));
      })) {
    return;
  }
  std::vector<quorum::CommitFound> answers;
  for (size_t i = 0; i < pgs_.size(); ++i) {
    const auto exact =
        std::find_if(pgs_[i].members.begin(), pgs_[i].members.end(), [&](const Member& member) {
          return member.found.has_value() && member.found->scl >= recovered_->pgs[i].tail;
        });
    if (exact == pgs_[i].members.end()) return;
    answers.push_back(*exact->found);
  }
  const auto done = search_.Take(answers, manifest_);
  if (!done.ok()) return Fail(done.status());
  if (!*done) {
    for (Pg& pg : pgs_) {
      for (Member& member : pg.members) member.found.reset();
    }
    return Enter(Phase::kLocating);
  }
  if (absl::Status planned = PlanBacktrack(); !planned.ok()) return Fail(std::move(planned));
  Enter(Phase::kBeginning);
}

absl::Status OpeningRun::PlanBacktrack() {
  const Lsn fork = search_.fork()->lsn;
  for (size_t i = 0; i < pgs_.size(); ++i) {
    Pg& pg = pgs_[i];
    const quorum::PgPath head = pg.head.value_or(*pg.parent);
    if (i == 0) first_lsn_ = NextFirstLsn(head, left_->vdl, options_.lal);
    auto path = head.TryBacktrack(*pg.parent, epoch_, {fork, search_.tails()[i]}, first_lsn_,
                                  {left_->vdl, left_->pgs[i].tail});
    if (!path.ok()) {
      return absl::DataLossError(absl::StrCat("volume ", manifest_.name, ", PG ", i,
                                              ": it cannot go back to LSN ", fork.value(), ": ",
                                              path.status().message()));
    }
    pg.path = *std::move(path);
  }
  return absl::OkStatus();
}

}  // namespace hexad::backtrack
