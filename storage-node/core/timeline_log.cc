#include "storage-node/core/timeline_log.h"

#include <algorithm>
#include <functional>

#include "quorum/base/check.h"
#include "quorum/base/marks.h"

namespace hexad::storage_node {

using quorum::Boxcar;
using quorum::Branch;
using quorum::Path;
using quorum::PathStep;
using quorum::PgPath;
using quorum::RecordCursor;
using quorum::RecordKind;
using quorum::RecordView;
using quorum::SclTracker;

TimelineLog::TimelineLog(TimelineId timeline, PgPath begun, CoalescedMark mark)
    : timeline_(timeline),
      begun_(std::move(begun)),
      chain_(StoredTail(begun_.path, begun_.tails, mark.up_to)),
      mark_(std::move(mark)) {
  INVARIANT(!begun_.path.empty());
  INVARIANT(begun_.path.timeline() == timeline_);
  HearForks();
  for (const PathStep& step : begun_.path.steps()) {
    const bool here = step.timeline == timeline_ && step.first_lsn <= mark_.vdl;
    if (here && mark_.vdl <= step.last_lsn) HearVdl(step.epoch, mark_.vdl);
  }
  begun_vdl_ = VdlOn(begun_.path);
}

// --- the history ---------------------------------------------------------------------------------

bool TimelineLog::CanAdopt(const PgPath& path) const {
  if (quorum::SharedUpTo(path.path, begun_.path) < mark_.gc_floor) return false;
  // Only LSNs are compared: those of two epochs that wrote are never the same.
  const Lsn stored = std::max(mark_.up_to, coalescing_to_);
  const auto keeps = [&](const Path& history, Lsn end) {
    return end >= stored && history.Visible(timeline_, stored);
  };
  const auto on_branch = [&](const Branch& branch) { return keeps(branch.path, branch.end.at); };
  const auto on_clone = [&](const quorum::Inherited& clone) {
    return keeps(clone.history.path, clone.end.at);
  };
  if (stored <= InheritedUpTo() || keeps(path.path, Lsn::Max()) ||
      std::any_of(path.branches.begin(), path.branches.end(), on_branch) ||
      std::any_of(clones_.begin(), clones_.end(), on_clone)) {
    return true;
  }
  // On the head here, or on a branch that the new history has not passed, it would be lost. A
  // branch that is passed is over once an opening says no more of it, and then nothing here tells
  // of it any more.
  return !keeps(begun_.path, Lsn::Max()) &&
         std::none_of(begun_.branches.begin(), begun_.branches.end(), [&](const Branch& branch) {
           return on_branch(branch) && branch.end.at >= path.path.fork_lsn();
         });
}

void TimelineLog::Adopt(PgPath path) {
  INVARIANT(CanAdopt(path));
  INVARIANT(path.path.timeline() == timeline_);
  INVARIANT(begun_.path.epoch() <= path.path.epoch());
  chain_ = SclTracker(BaseOn(path));
  begun_ = std::move(path);
  for (const auto& [first, hot] : hot_) {
    if (hot.durable) AddVisible(hot.boxcar, begun_.path, chain_);
  }
  HearForks();
  ForgetHeard();
  begun_vdl_ = VdlOn(begun_.path);
  ForgetMended();
}

// What was told under an epoch that no history here names any more (it lies inside a step that
// stands for several) is at or below that step's end, which is known.
void TimelineLog::ForgetHeard() {
  const auto names = [this](const Path& path, EpochId epoch) {
    return path.Find(timeline_, epoch) != nullptr;
  };
  std::erase_if(heard_, [&](const auto& entry) {
    const EpochId epoch = entry.first;
    return epoch < begun_.path.epoch() && !names(begun_.path, epoch) &&
           std::none_of(begun_.branches.begin(), begun_.branches.end(),
                        [&](const Branch& branch) { return names(branch.path, epoch); }) &&
           std::none_of(clones_.begin(), clones_.end(), [&](const quorum::Inherited& clone) {
             return names(clone.history.path, epoch);
           });
  });
}

Lsn TimelineLog::BaseOn(const PgPath& path) const {
  Lsn base = path.SclFrom(begun_, scl());
  for (const Branch& branch : begun_.branches) {
    const Lsn stored = StoredTail(branch.path, branch.tails, std::min(mark_.up_to, branch.end.at));
    base = std::max(base, path.SclFrom(PgPath::Of(branch), std::min(stored, branch.end.tail)));
  }
  return base;
}

const Branch* TimelineLog::BranchToFill() const {
  const Branch* lowest = nullptr;
  Lsn whole_to;
  const Lsn floor = FloorAt(Lsn::Max());
  for (const Branch& branch : begun_.branches) {
    if (IsOver(branch, floor) || branch.end.tail <= mark_.up_to) continue;
    const Lsn scl = SclOn(PgPath::Of(branch));
    if (scl >= branch.end.tail || (lowest != nullptr && scl >= whole_to)) continue;
    lowest = &branch;
    whole_to = scl;
  }
  const bool head_lacks = has_gap() || begun_vdl_ > scl();
  return head_lacks && scl() <= whole_to ? nullptr : lowest;
}

// LSNs rise over all epochs of a timeline: what other histories hold below that is no news.
Lsn TimelineLog::BranchesWholeTo() const { return BranchesWholeTo(FloorAt(Lsn::Max())); }

Lsn TimelineLog::BranchesWholeTo(Lsn floor) const {
  Lsn whole = Lsn::Max();
  for (const Branch& branch : begun_.branches) {
    if (IsOver(branch, floor) || branch.end.tail <= mark_.up_to) continue;
    const Lsn scl = SclOn(PgPath::Of(branch));
    if (scl < branch.end.tail) whole = std::min(whole, scl);
  }
  return whole;
}

// A fork is planned at a recovered VDL, and begun only after everything below it reached a write
// quorum: so at each fork on the path the VDL of the epoch that was forked is known. And so is that
// of a branch at its end: what a backtrack leaves behind was brought to a write quorum, too.
void TimelineLog::HearForks() {
  const auto hear = [&](const Path& path) {
    for (const PathStep& step : path.steps()) {
      if (step.timeline == timeline_ && step.last_lsn != Lsn::Max()) {
        HearVdl(step.epoch, step.last_lsn);
      }
    }
  };
  hear(begun_.path);
  for (const Branch& branch : begun_.branches) {
    hear(branch.path);
    HearVdl(branch.path.epoch(), branch.end.at);
  }
}

void TimelineLog::HearVdl(EpochId epoch, Lsn vdl) {
  Lsn& heard = heard_[epoch];
  if (vdl <= heard) return;
  heard = vdl;
  begun_vdl_ = std::max(begun_vdl_, begun_.path.Clamp(timeline_, epoch, vdl));
}

void TimelineLog::HearPgmrpl(Lsn pgmrpl) { pgmrpl_ = std::max(pgmrpl_, pgmrpl); }

Lsn TimelineLog::SclOn(const PgPath& path) const {
  if (path.path == begun_.path) return scl();
  SclTracker chain(BaseOn(path));
  for (const auto& [first, hot] : hot_) {
    if (hot.durable) AddVisible(hot.boxcar, path.path, chain);
  }
  return chain.scl();
}

Lsn TimelineLog::VdlOn(const Path& path) const {
  Lsn vdl = path.fork_lsn();
  for (const auto& [epoch, heard] : heard_) {
    vdl = std::max(vdl, path.Clamp(timeline_, epoch, heard));
  }
  return vdl;
}

absl::StatusOr<quorum::SegmentInventory> TimelineLog::Inventory(const PgPath& history,
                                                                quorum::ForkPoint end) const {
  quorum::SegmentInventory inventory;
  inventory.scl = std::min(SclOn(history), end.tail);
  inventory.vdl_heard = VdlOn(history.path);
  for (const auto& [first, hot] : hot_) {
    if (!hot.durable || hot.boxcar.header.last_lsn <= inventory.vdl_heard) continue;
    const auto run = VisibleIn(hot.boxcar, history.path);
    if (!run.has_value()) continue;
    const Lsn last = std::min(run->last, end.at);
    RecordCursor cursor(hot.boxcar);
    for (RecordView record; cursor.Next(record) && record.lsn <= last;) {
      if (record.lsn <= inventory.vdl_heard) continue;
      inventory.records.push_back(
          {record.lsn, record.volume_prev, record.pg_prev, record.is_cpl()});
    }
  }
  // The chain's record at or below the VDL: SCL itself, or what the first record above links to.
  inventory.tail_at_vdl = inventory.scl;
  if (inventory.scl > inventory.vdl_heard && !inventory.records.empty()) {
    inventory.tail_at_vdl = inventory.records.front().pg_prev;
  }
  if (inventory.tail_at_vdl > inventory.vdl_heard) {
    return absl::FailedPreconditionError("that history is not the one this segment has coalesced");
  }
  return inventory;
}

// --- the hot log ---------------------------------------------------------------------------------

bool TimelineLog::Overlaps(const Boxcar& boxcar) const {
  const auto next = hot_.lower_bound(boxcar.header.first_lsn);
  if (next != hot_.end() && next->first <= boxcar.header.last_lsn) return true;
  if (next == hot_.begin()) return false;
  return std::prev(next)->second.boxcar.header.last_lsn >= boxcar.header.first_lsn;
}

TimelineLog::Fit TimelineLog::Take(const Boxcar& boxcar) {
  const auto& header = boxcar.header;
  INVARIANT(header.timeline == timeline_);
  const auto here = hot_.find(header.first_lsn);
  if (here != hot_.end()) {
    return here->second.boxcar.bytes == boxcar.bytes ? Fit::kDuplicate : Fit::kConflict;
  }
  if (header.last_lsn <= mark_.up_to) return Fit::kDuplicate;
  if (Overlaps(boxcar)) return Fit::kConflict;
  // Seen whole by the history that SCL is about, it must attach at or above SCL, or hold it: what
  // else follows there is known, and is something else.
  const auto run = VisibleIn(boxcar, begun_.path);
  if (run.has_value() && run->last == header.last_lsn &&
      !PartAbove(boxcar, *run, scl()).has_value()) {
    return Fit::kConflict;
  }
  hot_.emplace(header.first_lsn, Hot{boxcar, false});
  hot_bytes_ += boxcar.size();
  return Fit::kNew;
}

void TimelineLog::MarkDurable(Lsn first_lsn) {
  const auto here = hot_.find(first_lsn);
  INVARIANT(here != hot_.end());
  INVARIANT(!here->second.durable);
  here->second.durable = true;
  const Boxcar& boxcar = here->second.boxcar;
  IndexRecords(boxcar);
  AddVisible(boxcar, begun_.path, chain_);
  HearVdl(boxcar.header.epoch, boxcar.header.vdl);
  HearPgmrpl(boxcar.header.pgmrpl);
  lost_.erase(first_lsn);
  ForgetMended();
  if (retired_) ForgetIfDead(first_lsn);
}

void TimelineLog::Cancel(Lsn first_lsn) {
  const auto here = hot_.find(first_lsn);
  INVARIANT(here != hot_.end());
  INVARIANT(!here->second.durable);
  hot_bytes_ -= here->second.boxcar.size();
  hot_.erase(here);
}

TimelineLog::Fit TimelineLog::Load(const Boxcar& boxcar) {
  const Fit fit = Take(boxcar);
  if (fit == Fit::kNew) MarkDurable(boxcar.header.first_lsn);
  return fit;
}

// --- damage --------------------------------------------------------------------------------------

void TimelineLog::Lose(Lsn first_lsn) {
  SOMETIMES(segment_lost_a_boxcar);
  lost_.insert(first_lsn);
  ForgetMended();
}

Lsn TimelineLog::whole_below() const {
  if (lost_unknown_) return Lsn::None();
  return lost_.empty() ? Lsn::Max() : *lost_.begin();
}

// A lost boxcar matters no more when the chain is whole beyond its first record, or when it lies on
// no history that is kept: an opening without this segment found what was acknowledged, and forked
// above that.
void TimelineLog::ForgetMended() {
  if (lost_.empty()) return;
  const auto matters = [&](Lsn lost) {
    if (!retired_ && begun_.path.Visible(timeline_, lost) && lost > scl()) return true;
    const auto lacks = [&](const PgPath& history, Lsn end) {
      return lost <= end && history.path.Visible(timeline_, lost) && lost > SclOn(history);
    };
    return std::any_of(begun_.branches.begin(), begun_.branches.end(),
                       [&](const Branch& branch) {
                         return !retired_ && lacks(PgPath::Of(branch), branch.end.at);
                       }) ||
           std::any_of(clones_.begin(), clones_.end(), [&](const quorum::Inherited& clone) {
             return lacks(clone.history, clone.end.at);
           });
  };
  std::erase_if(lost_, [&](Lsn lost) { return !matters(lost); });
}

bool TimelineLog::IsKept(Lsn lsn) const {
  const std::vector<Kept> kept = Histories();
  return std::any_of(kept.begin(), kept.end(), [&](const Kept& history) {
    return lsn <= history.end && history.path->Visible(timeline_, lsn);
  });
}

std::optional<Lsn> TimelineLog::LastKept(const Boxcar& boxcar) const {
  std::optional<Lsn> last;
  for (const Kept& history : Histories()) {
    const auto run = VisibleIn(boxcar, *history.path);
    if (!run.has_value() || run->first > history.end) continue;
    Lsn end = run->last;
    if (end > history.end) {
      RecordCursor cursor(boxcar);
      for (RecordView record; cursor.Next(record) && record.lsn <= history.end;) end = record.lsn;
    }
    last = last.has_value() ? std::max(*last, end) : end;
  }
  return last;
}

void TimelineLog::IndexRecords(const Boxcar& boxcar) {
  RecordCursor cursor(boxcar);
  const size_t base = boxcar.size() - boxcar.records().size();
  for (RecordView record; cursor.Next(record);) {
    if (record.kind == RecordKind::kTruncate) {
      const TruncateMark mark{record.lsn, record.page};
      const auto at = std::upper_bound(
          mark_.truncates.begin(), mark_.truncates.end(), mark,
          [](const TruncateMark& a, const TruncateMark& b) { return a.lsn < b.lsn; });
      // A boxcar that straddles the coalesced mark is loaded again; its truncate is known already.
      const bool known = at != mark_.truncates.begin() && std::prev(at)->lsn == mark.lsn;
      if (!known) mark_.truncates.insert(at, mark);
    } else if (record.kind != RecordKind::kNop) {
      const auto size = quorum::kRecordHeaderBytes + record.payload.size();
      mark_.pages_seen = std::max(mark_.pages_seen, uint64_t{record.page.value()} + 1);
      index_.Add(record.page,
                 {record.lsn, boxcar.header.first_lsn,
                  static_cast<uint32_t>(base + cursor.offset()), static_cast<uint32_t>(size)});
    }
  }
}

// --- reading -------------------------------------------------------------------------------------

const TruncateMark* TimelineLog::LastTruncate(const Path& path, Lsn read_point, PageNo page) const {
  for (auto mark = mark_.truncates.rbegin(); mark != mark_.truncates.rend(); ++mark) {
    if (mark->lsn > read_point || mark->from_page > page) continue;
    if (path.Visible(timeline_, mark->lsn)) return &*mark;
  }
  return nullptr;
}

void TimelineLog::CheckInvariants() const {
  INVARIANT(StoredTail(begun_.path, begun_.tails, mark_.up_to) <= scl());
  INVARIANT(scl() <= highest());
  size_t bytes = 0;
  Lsn last;
  for (const auto& [first, hot] : hot_) {
    INVARIANT(first == hot.boxcar.header.first_lsn);
    INVARIANT(first > last);
    last = hot.boxcar.header.last_lsn;
    bytes += hot.boxcar.size();
  }
  INVARIANT(bytes == hot_bytes_);
}

}  // namespace hexad::storage_node
