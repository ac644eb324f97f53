#include "quorum/pg_path.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::quorum {
namespace {

// The tail of step `i`; Max() for the newest, whose end is still open.
Lsn TailOf(const PgPath& path, size_t i) {
  return i < path.tails.size() ? path.tails[i] : Lsn::Max();
}

// The newest epoch that two paths share, as its place on each of them. An epoch has one parent and
// one fork, so what lies before it is shared and cut alike, whichever steps either path tells as
// one.
struct SharedStep {
  size_t in_a;
  size_t in_b;
};
std::optional<SharedStep> NewestShared(const Path& a, const Path& b) {
  std::optional<SharedStep> shared;
  size_t i = 0;
  size_t j = 0;
  while (i < a.steps().size() && j < b.steps().size()) {
    const PathStep& x = a.steps()[i];
    const PathStep& y = b.steps()[j];
    if (x.timeline == y.timeline && x.epoch == y.epoch) {
      shared = SharedStep{i++, j++};
    } else if (x.timeline == y.timeline) {
      ++(x.epoch < y.epoch ? i : j);
    } else if (!shared.has_value()) {
      return std::nullopt;
    } else {
      // One of them goes on where both have been: the other may come to the same timeline later.
      const bool a_stays = x.timeline == a.steps()[shared->in_a].timeline;
      const bool b_stays = y.timeline == a.steps()[shared->in_a].timeline;
      if (a_stays == b_stays) return shared;
      ++(a_stays ? i : j);
    }
  }
  return shared;
}

absl::Status CheckTails(const Path& path, const std::vector<Lsn>& tails) {
  if (path.empty()) return absl::InvalidArgumentError("PG path without a step");
  const std::vector<PathStep>& steps = path.steps();
  if (tails.size() + 1 != steps.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("PG path of ", steps.size(), " steps with ", tails.size(), " tails"));
  }
  // A step either leaves the PG's chain where it was, or ends it at a record of its own.
  Lsn before = Lsn::None();
  for (size_t i = 0; i < tails.size(); ++i) {
    const bool own = steps[i].first_lsn <= tails[i] && tails[i] <= steps[i].last_lsn;
    if (tails[i] != before && !own) {
      return absl::InvalidArgumentError(absl::StrCat("PG path ", path.Describe(), ": tail ",
                                                     tails[i].value(), " of step ", i, " after ",
                                                     before.value(), " is not of that step"));
    }
    before = tails[i];
  }
  return absl::OkStatus();
}

// The tails of a path that was made by forking another one, with these tails, at `fork`. Nothing if
// the fork's tail contradicts them.
std::optional<std::vector<Lsn>> TailsAfterFork(const Path& child, const std::vector<Lsn>& tails,
                                               ForkPoint fork) {
  std::vector<Lsn> cut;
  const std::vector<PathStep>& steps = child.steps();
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    // Only the steps that end at the fork can have been cut by it; before them nothing changed.
    const bool ends_at_fork = steps[i].last_lsn == fork.at;
    if (!ends_at_fork && tails[i] > fork.tail) return std::nullopt;
    cut.push_back(ends_at_fork ? fork.tail : tails[i]);
  }
  return cut;
}

absl::Status CheckBranch(const Branch& branch, const PgPath& history) {
  if (absl::Status status = CheckTails(branch.path, branch.tails); !status.ok()) return status;
  const auto refuse = [&](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat("branch ", branch.path.Describe(), " up to ",
                                                   branch.end.at.value(), ": ", why));
  };
  if (branch.path.timeline() != history.path.timeline()) return refuse("of another timeline");
  if (!NewestShared(branch.path, history.path)) return refuse("of another root");
  if (branch.left_by <= branch.path.epoch()) return refuse("left by an epoch before it");
  if (branch.left_by > history.path.epoch()) return refuse("left by an epoch to come");
  // The end is a fork like any other.
  return PgPath::Of(branch)
      .TryFork(branch.left_by, branch.end.at,
               std::max(branch.end.at, branch.path.newest().first_lsn).Next(), branch.end.tail)
      .status();
}

}  // namespace

absl::Status PgPath::Check() const {
  if (absl::Status status = CheckTails(path, tails); !status.ok()) return status;
  for (size_t i = 0; i < branches.size(); ++i) {
    if (absl::Status status = CheckBranch(branches[i], *this); !status.ok()) return status;
    if (i > 0 && branches[i].left_by <= branches[i - 1].left_by) {
      return absl::InvalidArgumentError("branches out of order");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PgPath> PgPath::TryFork(EpochId epoch, Lsn fork, Lsn first_lsn, Lsn tail,
                                       ForkKind kind) const {
  const auto refuse = [&](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat("epoch ", epoch.number, " at ", fork.value(),
                                                   " of ", path.Describe(), ", with tail ",
                                                   tail.value(), ": ", why));
  };
  if (path.empty() || !path.CanForkAt(fork)) return refuse("the fork is outside the history");
  if (tail > fork) return refuse("the tail lies above the fork");
  if (first_lsn <= fork || first_lsn == Lsn::Max()) return refuse("no LSN is left to start at");
  for (const PathStep& step : path.steps()) {
    if (step.timeline != path.timeline()) continue;
    if (epoch <= step.epoch) return refuse("the epoch is not a later one");
    // Nothing is ever written in the root epoch, so its LSNs are still free.
    if (first_lsn < step.first_lsn ||
        (first_lsn == step.first_lsn && step.epoch != EpochId::Root())) {
      return refuse("it starts at or below an earlier epoch");
    }
  }
  for (const Branch& branch : branches) {
    if (first_lsn <= std::max(branch.end.at, branch.path.newest().first_lsn)) {
      return refuse("it starts at or below what a branch holds");
    }
  }
  PgPath child{path.Fork(path.timeline(), epoch, fork, first_lsn, kind), {}, branches};
  auto cut = TailsAfterFork(child.path, tails, {fork, tail});
  if (!cut.has_value()) return refuse("the tail lies below an earlier one");
  child.tails = *std::move(cut);
  if (absl::Status status = child.Check(); !status.ok()) return status;
  return child;
}

PgPath PgPath::Fork(EpochId epoch, Lsn fork, Lsn first_lsn, Lsn tail) const {
  auto child = TryFork(epoch, fork, first_lsn, tail);
  INVARIANT(child.ok());
  return *std::move(child);
}

absl::StatusOr<PgPath> PgPath::TryBacktrack(const PgPath& target, EpochId epoch, ForkPoint fork,
                                            Lsn first_lsn, ForkPoint end) const {
  auto child = target.TryFork(epoch, fork.at, first_lsn, fork.tail, ForkKind::kGoBack);
  if (!child.ok()) return child.status();
  child->branches = branches;
  child->branches.push_back(Branch{path, tails, end, epoch});
  std::erase_if(child->branches, [&](const Branch& branch) {
    return SharedUpTo(branch.path, child->path) >= branch.end.at;
  });
  for (const Branch& branch : child->branches) {
    if (first_lsn <= std::max(branch.end.at, branch.path.newest().first_lsn)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "epoch ", epoch.number, " starts at ", first_lsn.value(), ", below what a branch holds"));
    }
  }
  if (absl::Status status = child->Check(); !status.ok()) return status;
  return child;
}

absl::StatusOr<PgPath> PgPath::TryClone(TimelineId clone, ForkPoint fork) const {
  const auto refuse = [&](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat("a clone at ", fork.at.value(), " of ",
                                                   path.Describe(), ", with tail ",
                                                   fork.tail.value(), ": ", why));
  };
  if (path.empty() || !path.CanForkAt(fork.at)) return refuse("the fork is outside the history");
  if (fork.tail > fork.at) return refuse("the tail lies above the fork");
  if (fork.at.Next() == Lsn::Max()) return refuse("no LSN is left to start at");
  for (const PathStep& step : path.steps()) {
    if (step.timeline == clone) return refuse("the timeline is an ancestor of its own");
  }
  PgPath child{path.Fork(clone, EpochId::Root(), fork.at, fork.at.Next()), {}, {}};
  auto cut = TailsAfterFork(child.path, tails, fork);
  if (!cut.has_value()) return refuse("the tail lies below an earlier one");
  child.tails = *std::move(cut);
  if (absl::Status status = child.Check(); !status.ok()) return status;
  return child;
}

// Two paths that share a step share everything before it; they can differ only from the end of the
// last shared step on. What the segment holds of that step counts up to the lower of the two cuts:
//
//   from   e1 [1,900] > e2 [1901,...]    scl 2000     e1 was cut at 900 there,
//   this   e1 [1,700] > e3 [3401,...]                 at 700 here: the PG's tail at 700
//
//   from   e1 [1,...]                    scl 880      open there, 900 here: 880 stays 880, and a
//   this   e1 [1,900] > e2 [1901,...]                 scl of 950 becomes the PG's tail at 900
//
// Beyond the lower cut the longer of the two histories has records that the segment was never asked
// to have, or has records that this history does not.
Lsn PgPath::SclFrom(const PgPath& from, Lsn scl) const {
  const auto shared = NewestShared(path, from.path);
  if (!shared.has_value()) return Lsn::None();  // two histories of nothing in common
  // The lower cut has the lower tail.
  return std::min({scl, TailOf(*this, shared->in_a), TailOf(from, shared->in_b)});
}

Lsn SharedUpTo(const Path& a, const Path& b) {
  const auto shared = NewestShared(a, b);
  if (!shared.has_value()) return Lsn::None();
  return std::min(a.steps()[shared->in_a].last_lsn, b.steps()[shared->in_b].last_lsn);
}

std::vector<Inherited> InheritedBy(const PgPath& path) {
  std::vector<Inherited> inherited;
  const std::vector<PathStep>& steps = path.path.steps();
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    if (steps[i].timeline == steps[i + 1].timeline) continue;  // not where a clone left it
    const auto count = static_cast<ptrdiff_t>(i);
    std::vector<PathStep> prefix(steps.begin(), steps.begin() + count + 1);
    prefix.back().last_lsn = Lsn::Max();
    auto history = Path::FromSteps(std::move(prefix));
    INVARIANT(history.ok());
    inherited.push_back(
        {PgPath{*std::move(history), {path.tails.begin(), path.tails.begin() + count}, {}},
         {steps[i].last_lsn, path.tails[i]}});
    if (steps[i + 1].timeline == path.path.timeline()) break;
  }
  return inherited;
}

PgPath WithoutRecords(PgPath path) {
  std::fill(path.tails.begin(), path.tails.end(), Lsn::None());
  for (Branch& branch : path.branches) {
    std::fill(branch.tails.begin(), branch.tails.end(), Lsn::None());
    branch.end.tail = Lsn::None();
  }
  return path;
}

const Branch* BranchLeftBy(const PgPath& known, EpochId epoch) {
  const auto found = std::find_if(known.branches.begin(), known.branches.end(),
                                  [&](const Branch& branch) { return branch.left_by == epoch; });
  return found == known.branches.end() ? nullptr : &*found;
}

std::optional<PgPath> HistoryOf(const PgPath& known, EpochId epoch) {
  const Path* path = &known.path;
  const std::vector<Lsn>* tails = &known.tails;
  const PathStep* end = path->Find(known.path.timeline(), epoch);
  for (auto branch = known.branches.begin(); end == nullptr && branch != known.branches.end();
       ++branch) {
    path = &branch->path;
    tails = &branch->tails;
    end = path->Find(known.path.timeline(), epoch);
  }
  if (end == nullptr) return std::nullopt;
  const ptrdiff_t last = end - path->steps().data();
  std::vector<PathStep> steps(path->steps().begin(), path->steps().begin() + last + 1);
  steps.back().last_lsn = Lsn::Max();
  auto prefix = Path::FromSteps(std::move(steps));
  INVARIANT(prefix.ok());
  PgPath history{*std::move(prefix), std::vector<Lsn>(tails->begin(), tails->begin() + last), {}};
  for (const Branch& branch : known.branches) {
    if (branch.left_by <= epoch) history.branches.push_back(branch);
  }
  return history;
}

}  // namespace hexad::quorum
