// What of a timeline's log may be folded into the page store, up to where it may be merged, and
// what is remembered of that.
#include <algorithm>

#include "quorum/base/check.h"
#include "quorum/base/marks.h"
#include "storage-node/core/timeline_log.h"

namespace hexad::storage_node {

using quorum::Branch;

// What is merged at or below the floor is one history: where a kept branch leaves it, it may not go
// on.
Lsn TimelineLog::LowestBranching(Lsn floor) const {
  Lsn lowest = Lsn::Max();
  for (const Branch& branch : begun_.branches) {
    if (IsOver(branch, floor)) continue;
    lowest = std::min(lowest, quorum::SharedUpTo(branch.path, begun_.path));
  }
  return lowest;
}

Lsn TimelineLog::FloorAt(Lsn up_to) const {
  Lsn floor = std::min({pgmrpl_, up_to, LowestFork()});
  // A branch that one floor lets go of, a lower one does not.
  for (Lsn lowest = LowestBranching(floor); lowest < floor; lowest = LowestBranching(floor)) {
    floor = lowest;
  }
  return std::max(mark_.gc_floor, floor);
}

std::optional<CoalescedMark> TimelineLog::RaiseFloor(Lsn floor) {
  if (floor > FloorAt(mark_.up_to)) return std::nullopt;
  mark_.gc_floor = std::max(mark_.gc_floor, floor);
  return MarkAt(mark_.up_to, mark_.gc_floor);
}

void TimelineLog::TakeUpTo(Lsn limit, CoalescePlan& plan) const {
  plan.boxcars.clear();
  for (const auto& [first, hot] : hot_) {
    if (!hot.durable || hot.boxcar.header.last_lsn > limit) break;
    const auto last = LastKept(hot.boxcar);
    if (!last.has_value()) {
      SOMETIMES(coalescer_drops_a_dead_branch);
      continue;  // dropped with the rest, never folded
    }
    // The mark lies inside it, and all that is kept of it is in the page store: a fork was there.
    if (*last <= mark_.up_to) continue;
    plan.boxcars.push_back(hot.boxcar);
    plan.up_to = *last;
  }
}

// What lies below the newest epoch's first LSN is in hot logs of the past alone: once the head is
// whole up to its fork, branches need not wait for the head to write something in this PG, too.
Lsn TimelineLog::CoalesceLimit() const {
  if (retired_) return whole_below();  // what clones see was whole here when they were made
  const Lsn durable = std::min(scl(), begun_vdl_);
  if (begun_.branches.empty() || scl() < begun_.fork_tail()) return durable;
  return std::max(durable, begun_.path.newest().first_lsn.Prev());
}

std::optional<CoalescePlan> TimelineLog::PlanCoalesce(const Ancestors& ancestors) const {
  CoalescePlan plan;
  TakeUpTo(CoalesceLimit(), plan);
  // A branch that is over at the floor that comes with this need not be whole: peers that raised
  // theirs before have nothing of it to give.
  const auto branches_whole_to = [&] {
    return retired_ ? Lsn::Max() : BranchesWholeTo(FloorAt(plan.up_to));
  };
  for (Lsn whole = branches_whole_to(); whole < plan.up_to && !plan.boxcars.empty();
       whole = branches_whole_to()) {
    TakeUpTo(whole, plan);
  }
  if (plan.boxcars.empty()) return std::nullopt;
  plan.timeline = timeline_;
  plan.floor = FloorAt(plan.up_to);
  std::vector<LsnRange> kept;
  // What a branch alone sees goes with it: the floor merges one history, not two.
  const std::vector<Kept> histories = HistoriesAt(plan.floor);
  for (const Kept& history : histories) {
    AddRanges(RangesUpTo(*history.path, std::min(plan.up_to, history.end)), kept);
  }
  plan.visible = std::move(kept);
  if (!retired_) plan.head = RangesUpTo(begun_.path, plan.up_to);
  plan.only_head = !retired_ && histories.size() == 1;
  for (const TimelineLog* ancestor : ancestors) {
    ancestor->AddBoxcars(begun_.path, InheritedUpTo(), plan.inherited);
    ancestor->AddTruncates(begun_.path, InheritedUpTo(), plan.truncates);
  }
  for (const TruncateMark& truncate : mark_.truncates) {
    const auto sees = [&](const Kept& history) {
      return truncate.lsn <= history.end && history.path->Visible(timeline_, truncate.lsn);
    };
    if (truncate.lsn > plan.up_to) continue;
    if (std::any_of(histories.begin(), histories.end(), sees)) plan.truncates.push_back(truncate);
  }
  return plan;
}

// A VDL at or above what is coalesced: the head's, or, while the head has written nothing, the end
// of a branch. A retired log is coalesced up to its clones' forks: each of them was a VDL or a
// commit below.
Lsn TimelineLog::VdlAbove(Lsn up_to) const {
  if (begun_vdl_ >= up_to) return begun_vdl_;
  if (retired_) return up_to;
  Lsn lowest = Lsn::Max();
  for (const Branch& branch : begun_.branches) {
    const bool holds = branch.end.at >= up_to && branch.path.Visible(timeline_, up_to);
    if (holds) lowest = std::min(lowest, branch.end.at);
  }
  return lowest == Lsn::Max() ? begun_vdl_ : lowest;
}

// A truncate at or below the floor is not needed once a later one, also at or below it, takes at
// least the same pages: every read point that is served lies behind both.
CoalescedMark TimelineLog::MarkAt(Lsn up_to, Lsn floor) const {
  CoalescedMark mark{up_to, floor, {}, mark_.pages_seen, VdlAbove(up_to)};
  std::optional<PageNo> covered_from;  // by a truncate between this one and the floor
  for (auto at = mark_.truncates.rbegin(); at != mark_.truncates.rend(); ++at) {
    if (at->lsn > up_to) continue;
    if (at->lsn <= floor) {
      if (covered_from.has_value() && *covered_from <= at->from_page) continue;
      if (begun_.path.Visible(timeline_, at->lsn)) covered_from = at->from_page;
    }
    mark.truncates.push_back(*at);
  }
  std::reverse(mark.truncates.begin(), mark.truncates.end());
  return mark;
}

CoalescedMark TimelineLog::MarkBefore(const CoalescePlan& plan) const {
  return MarkAt(mark_.up_to, plan.floor);
}

CoalescedMark TimelineLog::MarkAfter(const CoalescePlan& plan) const {
  return MarkAt(plan.up_to, plan.floor);
}

void TimelineLog::CoalesceStarted(const CoalescePlan& plan) {
  mark_.gc_floor = plan.floor;
  coalescing_to_ = plan.up_to;
}

void TimelineLog::CoalesceDone(Lsn up_to) {
  INVARIANT(up_to >= mark_.up_to);
  mark_.up_to = up_to;
  std::vector<TruncateMark> kept = MarkAt(up_to, mark_.gc_floor).truncates;
  for (const TruncateMark& truncate : mark_.truncates) {
    if (truncate.lsn > up_to) kept.push_back(truncate);
  }
  mark_.truncates = std::move(kept);
  // Entries of boxcars that stay are kept; those that go are at or below up_to, or on a dead
  // branch.
  while (!hot_.empty() && hot_.begin()->second.boxcar.header.first_lsn <= up_to) {
    hot_bytes_ -= hot_.begin()->second.boxcar.size();
    hot_.erase(hot_.begin());
  }
  index_.DropUpTo(up_to);
}

}  // namespace hexad::storage_node
