// One timeline's log on one segment: the hot log in memory, how far its chain is whole, and what
// was heard of the VDL. Knows nothing of messages, promises or disks: the segment tells it what is
// durable.
//
//            coalesced            scl              highest
//   ------------|------------------|----- gap ------|------> LSN
//   page store  |      hot log, chain whole         | waiting for what is missing
//
// coalesced <= vdl heard: only what can never be annulled leaves the hot log. So everything that an
// opening asks for (records above the VDL) is always here.
//
// "Coalesced" speaks of every history that is kept, the head and the branches (docs/fork.md):
// whatever one of them sees at or below the mark is in the page store. After a backtrack the mark
// may lie above SCL, on the branch that was left.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/boxcar.h"
#include "quorum/pg_path.h"
#include "quorum/trackers.h"
#include "quorum/volume_recovery.h"
#include "storage-node/core/page_index.h"
#include "storage-node/core/plans.h"
#include "storage-node/core/segment_state.h"
#include "storage-node/core/visible_run.h"

namespace hexad::storage_node {

class TimelineLog {
 public:
  TimelineLog(TimelineId timeline, quorum::PgPath begun, CoalescedMark mark);

  // --- the history -------------------------------------------------------------------------------
  const quorum::PgPath& begun() const { return begun_; }
  // May that history follow? Not if it forks below the GC floor, where versions were merged; and
  // not if what is in the page store, or on its way there, lies neither on it nor on a branch of
  // it: no opening forks below a VDL that was heard and keeps no branch, until that branch is over.
  bool CanAdopt(const quorum::PgPath& path) const;
  // A newer epoch was accepted (durably): SCL and VDL heard are re-read along its path.
  void Adopt(quorum::PgPath path);
  void HearVdl(EpochId epoch, Lsn vdl);
  void HearPgmrpl(Lsn pgmrpl);

  Lsn scl() const { return chain_.scl(); }
  Lsn highest() const { return chain_.highest(); }
  bool has_gap() const { return chain_.has_gap(); }
  Lsn coalesced() const { return mark_.up_to; }
  Lsn gc_floor() const { return mark_.gc_floor; }
  Lsn vdl_heard() const { return begun_vdl_; }
  // One more than the highest page that any durable record named, coalesced or not.
  uint64_t pages_seen() const { return mark_.pages_seen; }
  // The branch to ask peers for next: what is lowest makes room in the hot log. nullptr: all are
  // whole here, or the head lacks something lower.
  const quorum::Branch* BranchToFill() const;
  // The newest epoch of the history such that everything before it is in the page store, and every
  // other history that is kept here shares all of that. The root if there is none.
  EpochId Settled() const;
  // Up to where all branches are here; Max() if they are whole.
  Lsn BranchesWholeTo() const;
  // The same two along another history.
  Lsn SclOn(const quorum::PgPath& path) const;
  Lsn VdlOn(const quorum::Path& path) const;
  // FAILED_PRECONDITION if that history is not one that the records below the hot log belong to.
  // `end`: of a branch, which holds nothing above it.
  absl::StatusOr<quorum::SegmentInventory> Inventory(const quorum::PgPath& history,
                                                     quorum::ForkPoint end = {Lsn::Max(),
                                                                              Lsn::Max()}) const;

  // --- the hot log -------------------------------------------------------------------------------
  enum class Fit {
    kNew,        // taken, not yet durable: MarkDurable or Cancel follows
    kDuplicate,  // already here
    kConflict,   // contradicts the chain or the bytes that are here
  };
  // REQUIRES: VisibleIn(boxcar, some history of this timeline).
  Fit Take(const quorum::Boxcar& boxcar);
  void MarkDurable(Lsn first_lsn);
  void Cancel(Lsn first_lsn);
  // Take and MarkDurable at once: a boxcar read back from the disk.
  Fit Load(const quorum::Boxcar& boxcar);

  size_t hot_bytes() const { return hot_bytes_; }

  // --- damage ------------------------------------------------------------------------------------
  // A boxcar under this key was stored, perhaps acknowledged, and cannot be read. Until it is here
  // again (from a peer), or this history no longer asks for it, SCL tells less than this segment
  // has promised, and no recovery may count on it.
  void Lose(Lsn first_lsn);
  // The same, and nobody knows which ones: this log is never whole again in this process.
  void LoseUnknown() { lost_unknown_ = true; }
  bool is_damaged() const { return lost_unknown_ || !lost_.empty(); }
  // Everything this log ever held below it is here still.
  Lsn whole_below() const;

  // --- clones ------------------------------------------------------------------------------------
  // What the clones that are here see of this log: kept like branches, and the GC floor stays at or
  // below the lowest of their forks. Replaces what was said before.
  void KeepFor(std::vector<quorum::Inherited> clones);
  // The timeline was dropped: from now on only what clones see is kept.
  void Retire();
  // Is everything here, and kept, that a clone would see of this log?
  bool Holds(const quorum::Inherited& clone) const;
  // Max() if there is no clone.
  Lsn LowestFork() const;

  // --- reading -----------------------------------------------------------------------------------
  // The logs of the timelines that a history crosses before this one, oldest first.
  using Ancestors = std::vector<const TimelineLog*>;

  // Fills visible, truncated and hot of a plan for `plan.page` as of `read_point` along `path`.
  void PlanRead(const quorum::Path& path, Lsn read_point, ReadPlan& plan,
                const Ancestors& ancestors = {}) const;

  // Fills visible, up_to, coalesced and hot of a plan about a history that is kept here, or read by
  // an opening: all that is known of it up to `end`.
  void PlanFind(const quorum::PgPath& history, Lsn end, FindPlan& plan,
                const Ancestors& ancestors = {}) const;

  // --- coalescing --------------------------------------------------------------------------------
  // What may leave the hot log now: durable boxcars, whole and at or below min(SCL, VDL heard), and
  // what branches see below the newest epoch; not beyond where a branch still lacks something.
  // Nothing if there is none. Fills up_to, floor, visible, boxcars, and what ancestors have not
  // coalesced yet of what this timeline sees.
  std::optional<CoalescePlan> PlanCoalesce(const Ancestors& ancestors = {}) const;
  // The marks to persist before and after that plan is carried out.
  CoalescedMark MarkBefore(const CoalescePlan& plan) const;
  CoalescedMark MarkAfter(const CoalescePlan& plan) const;
  // The floor becomes at least `floor`, as a peer has it whose versions replace some of this
  // segment's: the mark to persist with them. Nothing if something here still needs what is below.
  std::optional<CoalescedMark> RaiseFloor(Lsn floor);
  // Read points below the plan's floor are refused from the moment somebody may merge them away.
  void CoalesceStarted(const CoalescePlan& plan);
  void CoalesceDone(Lsn up_to);

  void CheckInvariants() const;

 private:
  struct Hot {
    quorum::Boxcar boxcar;
    bool durable = false;
  };
  // A history whose records are kept here up to `end`: the head, a branch, or what a clone sees.
  struct Kept {
    const quorum::Path* path;
    Lsn end;
  };
  std::vector<Kept> Histories() const { return HistoriesAt(mark_.gc_floor); }
  std::vector<Kept> HistoriesAt(Lsn floor) const;  // those that will be kept once it is there
  // The end of what this timeline's history takes from others; None() if it is no clone.
  Lsn InheritedUpTo() const;
  void AddHot(const quorum::Path& path, Lsn above, Lsn read_point, ReadPlan& plan) const;
  // Durable boxcars with a record that the history sees at or below `end`.
  void AddBoxcars(const quorum::Path& path, Lsn end, std::vector<quorum::Boxcar>& boxcars) const;
  void AddTruncates(const quorum::Path& path, Lsn end, std::vector<TruncateMark>& truncates) const;
  // Forgets a boxcar that no kept history sees, or all of them.
  void ForgetIfDead(Lsn first_lsn);
  void ForgetDead();
  CoalescedMark MarkAt(Lsn up_to, Lsn floor) const;
  Lsn VdlAbove(Lsn up_to) const;
  // A branch is over when its newest commit is older than what is retained: LSNs rise with time
  // over all epochs, so the floor tells. It is kept no more, and holds nothing back.
  static bool IsOver(const quorum::Branch& branch, Lsn floor) { return branch.end.at < floor; }
  // Of the branches that are not over at that floor; Max() if there is none.
  Lsn LowestBranching(Lsn floor) const;
  Lsn FloorAt(Lsn up_to) const;  // the highest that may be, once everything up to there is stored
  // How much of a history needs no hot log: what the head's chain and the page store hold of it.
  Lsn BaseOn(const quorum::PgPath& path) const;
  // The last of a boxcar's records that a kept history sees.
  std::optional<Lsn> LastKept(const quorum::Boxcar& boxcar) const;
  Lsn BranchesWholeTo(Lsn floor) const;  // of those that are not over at that floor
  Lsn CoalesceLimit() const;
  void TakeUpTo(Lsn limit, CoalescePlan& plan) const;
  bool IsKept(Lsn lsn) const;
  void HearForks();
  void ForgetHeard();
  void ForgetMended();
  bool Overlaps(const quorum::Boxcar& boxcar) const;
  void IndexRecords(const quorum::Boxcar& boxcar);
  const TruncateMark* LastTruncate(const quorum::Path& path, Lsn read_point, PageNo page) const;

  TimelineId timeline_;
  quorum::PgPath begun_;
  quorum::SclTracker chain_;      // along begun_
  std::map<EpochId, Lsn> heard_;  // VDL by the epoch that told it
  Lsn begun_vdl_;                 // VdlOn(begun_)
  Lsn pgmrpl_;
  std::map<Lsn, Hot> hot_;  // by first LSN
  size_t hot_bytes_ = 0;
  PageIndex index_;     // of durable hot boxcars
  Lsn coalescing_to_;   // of the plan under way; at or below mark_.up_to if none is
  CoalescedMark mark_;  // truncates: all that are known, by LSN
  std::vector<quorum::Inherited> clones_;
  bool retired_ = false;
  std::set<Lsn> lost_;  // first LSNs of boxcars that could not be read back
  bool lost_unknown_ = false;
};

}  // namespace hexad::storage_node
