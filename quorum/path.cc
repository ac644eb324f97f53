#include "quorum/path.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::quorum {
namespace {

// May an epoch after `earlier`, on its timeline, start at `first_lsn`? Nothing is ever written in
// the root epoch, so its LSNs are still free.
bool StartsAfter(const PathStep& earlier, Lsn first_lsn) {
  return earlier.epoch == EpochId::Root() ? first_lsn >= earlier.first_lsn
                                          : first_lsn > earlier.first_lsn;
}

// What is wrong with `step` as the child of `parent` (nullptr: as a root); nullptr if nothing is.
const char* FindFault(const PathStep* parent, const PathStep& step, bool newest) {
  const Lsn fork = parent == nullptr ? Lsn::None() : parent->last_lsn;
  if (newest != (step.last_lsn == Lsn::Max())) return "only the newest step is open-ended";
  if (step.first_lsn == Lsn::Max()) return "starts at the reserved highest LSN";
  if (step.first_lsn <= fork) return "starts at or below its fork";
  if (step.is_empty() && step.last_lsn != fork) return "is empty but does not end at its fork";
  if (parent == nullptr || parent->timeline != step.timeline) return nullptr;
  if (step.epoch <= parent->epoch) return "does not raise the epoch";
  if (!StartsAfter(*parent, step.first_lsn)) return "starts at or below its parent's start";
  return nullptr;
}

}  // namespace

Path Path::Root(TimelineId timeline) {
  return Path({PathStep{timeline, EpochId::Root(), Lsn::First(), Lsn::Max()}});
}

absl::StatusOr<Path> Path::FromSteps(std::vector<PathStep> steps) {
  if (steps.empty()) return absl::InvalidArgumentError("path without a step");
  std::set<TimelineId> crossed;
  for (size_t i = 0; i < steps.size(); ++i) {
    const PathStep& step = steps[i];
    const PathStep* parent = i == 0 ? nullptr : &steps[i - 1];
    const char* fault = FindFault(parent, step, i + 1 == steps.size());
    const bool enters = parent == nullptr || parent->timeline != step.timeline;
    if (enters && !crossed.insert(step.timeline).second) fault = "returns to a timeline";
    if (fault != nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("path step ", i, " (timeline ", step.timeline.value(), ", epoch ",
                       step.epoch.number, ".", absl::Hex(step.epoch.claimant), ", [",
                       step.first_lsn.value(), ",", step.last_lsn.value(), "]): ", fault));
    }
  }
  return Path(std::move(steps));
}

bool Path::CanForkAt(Lsn lsn) const {
  if (lsn == Lsn::Max()) return false;
  return lsn.IsNone() || Holding(lsn) != nullptr;
}

Lsn Path::NewestAtOrBelow(Lsn lsn) const {
  Lsn newest;
  for (const PathStep& step : steps_) {
    if (step.first_lsn <= lsn) newest = std::max(newest, std::min(step.last_lsn, lsn));
  }
  return newest;
}

Path Path::Fork(TimelineId timeline, EpochId epoch, Lsn fork, Lsn first_lsn, ForkKind kind) const {
  INVARIANT(!empty());
  INVARIANT(CanForkAt(fork));
  INVARIANT(first_lsn > fork && first_lsn < Lsn::Max());
  for (const PathStep& step : steps_) {
    if (step.timeline != timeline) continue;
    INVARIANT(timeline == newest().timeline);
    INVARIANT(epoch > step.epoch);
    INVARIANT(StartsAfter(step, first_lsn));
  }

  std::vector<PathStep> steps;
  steps.reserve(steps_.size() + 1);
  Lsn own_fork = Lsn::None();
  for (const PathStep& step : steps_) {
    if (own_fork > fork) break;  // the history forks before it comes to this step
    steps.push_back(step);
    steps.back().last_lsn = std::min(step.last_lsn, fork);
    own_fork = step.last_lsn;
  }
  INVARIANT(steps.back().last_lsn == fork);
  steps.push_back(PathStep{timeline, epoch, first_lsn, Lsn::Max(), kind == ForkKind::kGoBack});
  return Path(std::move(steps));
}

Lsn Path::fork_lsn() const {
  INVARIANT(!empty());
  return steps_.size() == 1 ? Lsn::None() : steps_[steps_.size() - 2].last_lsn;
}

const PathStep* Path::Holding(Lsn lsn) const {
  // The first step that ends at or above `lsn` is the only one that can hold it: the steps before
  // end below it, and each step after starts above that step's end.
  const auto step =
      std::partition_point(steps_.begin(), steps_.end(),
                           [lsn](const PathStep& candidate) { return candidate.last_lsn < lsn; });
  if (step == steps_.end() || lsn < step->first_lsn) return nullptr;
  return &*step;
}

bool Path::Visible(TimelineId timeline, Lsn lsn) const {
  const PathStep* step = Holding(lsn);
  return step != nullptr && step->timeline == timeline;
}

const PathStep* Path::Find(TimelineId timeline, EpochId epoch) const {
  // From the newest: nearly every question is about it.
  const auto step = std::find_if(steps_.rbegin(), steps_.rend(), [&](const PathStep& candidate) {
    return candidate.timeline == timeline && candidate.epoch == epoch;
  });
  return step == steps_.rend() ? nullptr : &*step;
}

Lsn Path::Clamp(TimelineId timeline, EpochId epoch, Lsn lsn) const {
  const PathStep* step = Find(timeline, epoch);
  return step == nullptr ? Lsn::None() : std::min(lsn, step->last_lsn);
}

std::string Path::Describe() const {
  if (empty()) return "(no path)";
  const bool crosses = steps_.front().timeline != newest().timeline;
  std::string text;
  const PathStep* parent = nullptr;
  for (const PathStep& step : steps_) {
    if (parent != nullptr) absl::StrAppend(&text, " > ");
    if (crosses && (parent == nullptr || parent->timeline != step.timeline)) {
      absl::StrAppend(&text, "timeline ", absl::Hex(step.timeline.value()), ": ");
    }
    absl::StrAppend(&text, "e", step.epoch.number, ".", absl::Hex(step.epoch.claimant));
    if (step.is_empty()) {
      absl::StrAppend(&text, " [empty at ", step.last_lsn.value(), "]");
    } else if (step.last_lsn == Lsn::Max()) {
      absl::StrAppend(&text, " [", step.first_lsn.value(), ",...]");
    } else {
      absl::StrAppend(&text, " [", step.first_lsn.value(), ",", step.last_lsn.value(), "]");
    }
    parent = &step;
  }
  return text;
}

}  // namespace hexad::quorum
