#include "quorum/pg_path.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::quorum {
namespace {

bool SameEpoch(const PathStep& a, const PathStep& b) {
  return a.timeline == b.timeline && a.epoch == b.epoch && a.first_lsn == b.first_lsn;
}

// The tail of step `i`; Max() for the newest, whose end is still open.
Lsn TailOf(const PgPath& path, size_t i) {
  return i < path.tails.size() ? path.tails[i] : Lsn::Max();
}

}  // namespace

absl::Status PgPath::Check() const {
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

absl::StatusOr<PgPath> PgPath::TryFork(EpochId epoch, Lsn fork, Lsn first_lsn, Lsn tail) const {
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
  PgPath child{path.Fork(path.timeline(), epoch, fork, first_lsn), {}};
  const std::vector<PathStep>& steps = child.path.steps();
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    // Only the steps that end at the fork can have been cut by it; before them nothing changed.
    const bool ends_at_fork = steps[i].last_lsn == fork;
    if (!ends_at_fork && tails[i] > tail) return refuse("the tail lies below an earlier one");
    child.tails.push_back(ends_at_fork ? tail : tails[i]);
  }
  if (absl::Status status = child.Check(); !status.ok()) return status;
  return child;
}

PgPath PgPath::Fork(EpochId epoch, Lsn fork, Lsn first_lsn, Lsn tail) const {
  auto child = TryFork(epoch, fork, first_lsn, tail);
  INVARIANT(child.ok());
  return *std::move(child);
}

// An epoch has one parent and one fork, so two paths that share a step share everything before it,
// cut alike; they can differ only from the end of the last shared step on. What the segment holds
// of that step counts up to the lower of the two cuts:
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
  const std::vector<PathStep>& ours = path.steps();
  const std::vector<PathStep>& theirs = from.path.steps();
  const size_t common = std::min(ours.size(), theirs.size());
  size_t shared = 0;
  while (shared < common && SameEpoch(ours[shared], theirs[shared])) ++shared;
  if (shared == 0) return Lsn::None();  // two histories of nothing in common
  const size_t last = shared - 1;

  // The lower cut has the lower tail.
  return std::min(scl, std::min(TailOf(*this, last), TailOf(from, last)));
}

PgPath PrefixTo(const PgPath& path, EpochId epoch) {
  const PathStep* end = path.path.Find(path.path.timeline(), epoch);
  INVARIANT(end != nullptr);
  const ptrdiff_t last = end - path.path.steps().data();
  std::vector<PathStep> steps(path.path.steps().begin(), path.path.steps().begin() + last + 1);
  steps.back().last_lsn = Lsn::Max();
  auto prefix = Path::FromSteps(std::move(steps));
  INVARIANT(prefix.ok());
  return PgPath{*std::move(prefix),
                std::vector<Lsn>(path.tails.begin(), path.tails.begin() + last)};
}

}  // namespace hexad::quorum
