// A timeline's log among those of its family: what clones need of it, and what it takes from its
// ancestors. A clone's history begins in its ancestors' logs; each of them holds its own part, in
// its hot log or under its own keys in the page store.
#include <algorithm>

#include "quorum/base/check.h"
#include "quorum/base/marks.h"
#include "storage-node/core/timeline_log.h"

namespace hexad::storage_node {

using quorum::Boxcar;
using quorum::Branch;
using quorum::Inherited;
using quorum::Path;
using quorum::PgPath;

// --- for clones ----------------------------------------------------------------------------------

void TimelineLog::KeepFor(std::vector<Inherited> clones) {
  for (const Inherited& clone : clones) {
    INVARIANT(clone.timeline() == timeline_);
    INVARIANT(clone.end.at >= mark_.gc_floor);
  }
  clones_ = std::move(clones);
  if (retired_) ForgetDead();
}

void TimelineLog::Retire() {
  retired_ = true;
  ForgetDead();
}

void TimelineLog::ForgetDead() {
  std::vector<Lsn> durable;
  for (const auto& [first, hot] : hot_) {
    if (hot.durable) durable.push_back(first);
  }
  for (const Lsn first : durable) ForgetIfDead(first);
  ForgetMended();
}

void TimelineLog::ForgetIfDead(Lsn first_lsn) {
  const auto hot = hot_.find(first_lsn);
  INVARIANT(hot != hot_.end());
  if (LastKept(hot->second.boxcar).has_value()) return;
  hot_bytes_ -= hot->second.boxcar.size();
  hot_.erase(hot);
}

// A record that no kept history sees may be gone with the next coalescing, or with one that is
// under way.
bool TimelineLog::Holds(const Inherited& clone) const {
  const std::vector<Kept> kept = Histories();
  const bool is_kept = std::any_of(kept.begin(), kept.end(), [&](const Kept& history) {
    return std::min(quorum::SharedUpTo(*history.path, clone.history.path), history.end) >=
           clone.end.tail;
  });
  return is_kept && SclOn(clone.history) >= clone.end.tail;
}

Lsn TimelineLog::LowestFork() const {
  Lsn lowest = Lsn::Max();
  for (const Inherited& clone : clones_) lowest = std::min(lowest, clone.end.at);
  return lowest;
}

std::vector<TimelineLog::Kept> TimelineLog::HistoriesAt(Lsn floor) const {
  std::vector<Kept> kept;
  if (!retired_) {
    kept.push_back({&begun_.path, Lsn::Max()});
    for (const Branch& branch : begun_.branches) {
      if (!IsOver(branch, floor)) kept.push_back({&branch.path, branch.end.at});
    }
  }
  for (const Inherited& clone : clones_) kept.push_back({&clone.history.path, clone.end.at});
  return kept;
}

EpochId TimelineLog::Settled() const {
  const std::vector<quorum::PathStep>& steps = begun_.path.steps();
  const std::vector<Kept> kept = Histories();
  Lsn shared = Lsn::Max();
  for (const Kept& history : kept) {
    shared = std::min({shared, history.end, quorum::SharedUpTo(*history.path, begun_.path)});
  }
  const auto settled = [&](size_t i) {
    const quorum::PathStep& before = steps[i - 1];
    return begun_.tails[i - 1] <= mark_.up_to && before.last_lsn <= shared &&
           std::all_of(kept.begin(), kept.end(), [&](const Kept& history) {
             return history.path->Find(timeline_, before.epoch) != nullptr;
           });
  };
  size_t i = steps.size() - 1;
  while (i > 0 && steps[i - 1].timeline == timeline_ && !settled(i)) --i;
  return steps[i].epoch;
}

// --- from ancestors ------------------------------------------------------------------------------

Lsn TimelineLog::InheritedUpTo() const {
  Lsn end;
  for (const quorum::PathStep& step : begun_.path.steps()) {
    if (step.timeline == timeline_) break;
    end = step.last_lsn;
  }
  return end;
}

void TimelineLog::AddHot(const Path& path, Lsn above, Lsn read_point, ReadPlan& plan) const {
  for (const PageIndex::Place& place : index_.Find(plan.page)) {
    if (place.lsn > read_point || place.lsn <= above || place.lsn <= mark_.up_to) continue;
    if (!path.Visible(timeline_, place.lsn)) continue;
    const auto hot = hot_.find(place.boxcar);
    if (hot == hot_.end()) continue;  // it went with a coalesced boxcar's dead tail
    plan.hot.push_back(
        {timeline_, place.lsn, hot->second.boxcar.bytes.Part(place.offset, place.size)});
  }
}

void TimelineLog::AddBoxcars(const Path& path, Lsn end, std::vector<Boxcar>& boxcars) const {
  for (const auto& [first, hot] : hot_) {
    if (first > end) break;
    if (hot.durable && VisibleIn(hot.boxcar, path)) boxcars.push_back(hot.boxcar);
  }
}

void TimelineLog::AddTruncates(const Path& path, Lsn end,
                               std::vector<TruncateMark>& truncates) const {
  for (const TruncateMark& mark : mark_.truncates) {
    if (mark.lsn <= end && path.Visible(timeline_, mark.lsn)) truncates.push_back(mark);
  }
}

// LSNs rise along a history, also from one timeline to the next: the newest truncate is the last
// log's that has one.
void TimelineLog::PlanRead(const Path& path, Lsn read_point, ReadPlan& plan,
                           const Ancestors& ancestors) const {
  plan.visible = RangesUpTo(path, read_point);
  Lsn above;
  const TruncateMark* cut = LastTruncate(path, read_point, plan.page);
  for (auto log = ancestors.rbegin(); cut == nullptr && log != ancestors.rend(); ++log) {
    cut = (*log)->LastTruncate(path, read_point, plan.page);
  }
  if (cut != nullptr) {
    above = cut->lsn;
    SOMETIMES(read_behind_a_truncate);
    plan.truncated = true;
    std::erase_if(plan.visible, [&](const LsnRange& range) { return range.last <= above; });
    if (!plan.visible.empty()) {
      plan.visible.back().first = std::max(plan.visible.back().first, above.Next());
    }
  }
  for (const TimelineLog* log : ancestors) log->AddHot(path, above, read_point, plan);
  AddHot(path, above, read_point, plan);
}

void TimelineLog::PlanFind(const PgPath& history, Lsn end, FindPlan& plan,
                           const Ancestors& ancestors) const {
  plan.up_to = std::min(SclOn(history), end);
  plan.visible = RangesUpTo(history.path, plan.up_to);
  plan.coalesced = mark_.up_to;
  for (const TimelineLog* log : ancestors) log->AddBoxcars(history.path, plan.up_to, plan.hot);
  AddBoxcars(history.path, plan.up_to, plan.hot);
}

}  // namespace hexad::storage_node
