// Opening: where a backtrack forks (docs/fork.md). The head has been recovered, and a write quorum
// of every PG holds all of it; now the commit to go back to is looked for, in two questions: which
// one it is, over all PGs, and where each PG's chain stands there.
#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "backtrack/epoch_tree.h"
#include "backtrack/opening_run.h"
#include "quorum/base/check.h"
#include "quorum/base/marks.h"

namespace hexad::backtrack {

using quorum::CommitPoint;

namespace {

template <class Better>
void Keep(std::optional<CommitPoint>& best, const std::optional<CommitPoint>& other,
          Better better) {
  if (!other.has_value()) return;
  if (!best.has_value() || better(other->lsn, best->lsn)) best = other;
}

}  // namespace

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::CommitFound& found) {
  if (found.from.epoch != epoch_ || phase_ != Phase::kLocating) return;
  pg.members[member].waiting = false;
  pg.members[member].found = found;
}

// Only of a target LSN: a time is one of the head's.
std::optional<size_t> OpeningRun::BranchWithTarget(Lsn lsn) const {
  const auto& branches = pgs_.front().parent->branches;
  for (size_t i = branches.size(); i-- > 0;) {
    if (lsn <= branches[i].end.at && branches[i].path.CanForkAt(lsn)) return i;
  }
  return std::nullopt;
}

void OpeningRun::LookForTarget() {
  sought_ = *options_.backtrack;
  if (branch_.has_value()) return Enter(Phase::kLocating);
  left_ = recovered_;
  const auto* lsn = std::get_if<Lsn>(&sought_);
  const quorum::Path& head = pgs_.front().parent->path;
  if (lsn == nullptr || (*lsn <= recovered_->vdl && head.CanForkAt(*lsn))) {
    return Enter(Phase::kLocating);
  }
  if (const auto branch = BranchWithTarget(*lsn)) return RecoverBranch(*branch);
  Fail(absl::OutOfRangeError(absl::StrCat("volume ", manifest_.name, ": LSN ", lsn->value(),
                                          " is on none of its histories; the newest is ",
                                          head.Describe(), " up to ", recovered_->vdl.value())));
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

// One answer of each PG that is whole up to the recovered VDL is exact.
void OpeningRun::AfterFound() {
  std::optional<CommitPoint> before;
  std::optional<CommitPoint> after;
  std::vector<Lsn> tails;
  for (size_t i = 0; i < pgs_.size(); ++i) {
    const auto exact =
        std::find_if(pgs_[i].members.begin(), pgs_[i].members.end(), [&](const Member& member) {
          return member.found.has_value() && member.found->scl >= recovered_->pgs[i].tail;
        });
    if (exact == pgs_[i].members.end()) return;
    Keep(before, exact->found->before, std::greater<>());
    Keep(after, exact->found->after, std::less<>());
    tails.push_back(exact->found->tail);
  }
  if (!before.has_value()) {
    return Fail(absl::OutOfRangeError(absl::StrCat(
        "volume ", manifest_.name, ": there is no commit at or before the target",
        after.has_value() ? absl::StrCat("; the first one is LSN ", after->lsn.value()) : "")));
  }
  if (before->lsn < manifest_.retained_from) {
    return Fail(absl::OutOfRangeError(absl::StrCat(
        "volume ", manifest_.name, ": LSN ", before->lsn.value(),
        " is older than what is retained, ", manifest_.retained_from.value(), " and later")));
  }
  if (!fork_.has_value()) {
    fork_ = before;
    first_left_ = after;
    sought_ = before->lsn;
    for (Pg& pg : pgs_) {
      for (Member& member : pg.members) member.found.reset();
    }
    return Enter(Phase::kLocating);
  }
  if (absl::Status planned = PlanBacktrack(tails); !planned.ok()) return Fail(std::move(planned));
  Enter(Phase::kBeginning);
}

absl::Status OpeningRun::PlanBacktrack(const std::vector<Lsn>& tails) {
  for (size_t i = 0; i < pgs_.size(); ++i) {
    Pg& pg = pgs_[i];
    const quorum::PgPath head = pg.head.value_or(*pg.parent);
    if (i == 0) first_lsn_ = NextFirstLsn(head, left_->vdl, options_.lal);
    auto path = head.TryBacktrack(*pg.parent, epoch_, {fork_->lsn, tails[i]}, first_lsn_,
                                  {left_->vdl, left_->pgs[i].tail});
    if (!path.ok()) {
      return absl::DataLossError(absl::StrCat("volume ", manifest_.name, ", PG ", i,
                                              ": it cannot go back to LSN ", fork_->lsn.value(),
                                              ": ", path.status().message()));
    }
    pg.path = *std::move(path);
  }
  return absl::OkStatus();
}

}  // namespace hexad::backtrack
