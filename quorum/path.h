// Which log positions a history consists of (docs/recovery.md).
//
// An epoch's visible log is the path from it to the root, each ancestor cut at the fork of its
// child:
//
//   epoch 1 [1, 900] -- epoch 2 [1901, ...]          path of 2: e1 up to 900, then e2
//
// Along a path the intervals are disjoint and rising in LSN. What no interval holds is invisible:
// never served, never counted in an SCL, and, after a crash recovery, garbage.
//
// Which ancestors a fork keeps. A fork at LSN f keeps an ancestor if the history had already
// reached it at f: if the ancestor's own fork lies at or below f. So
//
//   e1 [1,900] > e2 [1901,...]  forked at 2400   e1 [1,900] > e2 [1901,2400] > ...
//                               forked at 900    e1 [1,900] > e2 empty at 900 > ...
//                               forked at 700    e1 [1,700] > ...
//
// The middle row is the usual end of an opening that crashed before it wrote: the next one forks e2
// where e2 forked e1. e2 holds nothing, but stays as an empty step, {first_lsn 1901, last_lsn 900},
// so that what a segment learned under e2 ("my SCL is 880") still means something. In the last row
// the history never came to e2, and e2 is not part of it.
//
// Steps that nobody needs apart any more are told as one (quorum/path_fold.h): it has the epoch of
// the last of them, and begins where the first of them began.
//
// Invariants of a path, which FromSteps checks and Fork keeps:
//   - last_lsn never falls, and first_lsn lies above the last_lsn of the step before;
//   - an empty step (last_lsn < first_lsn) ends where it began: its last_lsn is its own fork;
//   - only the newest step is open-ended (Max()), and it always is;
//   - a timeline's steps stand together, its epochs and its first_lsns rising.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/base/types.h"

namespace hexad::quorum {

// One epoch on a path. `last_lsn` is the fork of its child (inclusive), Max() for the newest.
struct PathStep {
  TimelineId timeline;
  EpochId epoch;
  Lsn first_lsn;
  Lsn last_lsn;
  // It left its parent's history below what was durable there: the log that it does not see may
  // have been stored as pages. After a crash recovery it never was.
  bool backtracked = false;

  // True if the history passes through this epoch but took no record from it.
  bool is_empty() const { return last_lsn < first_lsn; }
  friend bool operator==(const PathStep&, const PathStep&) = default;
};

enum class ForkKind {
  kContinue,  // at the VDL that was recovered, or as a clone
  kGoBack,    // anywhere below
};

// Root first, newest last. Never empty for a path that is in use. Immutable but for assignment.
class Path {
 public:
  Path() = default;
  // A timeline's first path: the root epoch alone, with nothing in it and first_lsn 1.
  static Path Root(TimelineId timeline);
  // Checks bytes from outside against the invariants above; INVALID_ARGUMENT names the step.
  static absl::StatusOr<Path> FromSteps(std::vector<PathStep> steps);

  // May a child fork this path at `lsn`? True for 0, for every visible position and for nothing in
  // the gaps between the intervals: what was issued there is not part of this history.
  bool CanForkAt(Lsn lsn) const;
  // The newest position of this history at or below `lsn`.
  Lsn NewestAtOrBelow(Lsn lsn) const;
  // The path of a child epoch that forks this path at `fork`.
  // REQUIRES: CanForkAt(fork); first_lsn > fork; on a timeline of this path (which must be the
  // newest step's) epoch and first_lsn above all of that timeline here.
  Path Fork(TimelineId timeline, EpochId epoch, Lsn fork, Lsn first_lsn,
            ForkKind kind = ForkKind::kContinue) const;

  bool empty() const { return steps_.empty(); }
  const std::vector<PathStep>& steps() const { return steps_; }
  const PathStep& newest() const { return steps_.back(); }
  EpochId epoch() const { return newest().epoch; }
  TimelineId timeline() const { return newest().timeline; }
  // Where the newest epoch left its parent; None() for a root.
  Lsn fork_lsn() const;

  // Is a record that `timeline`'s log holds at `lsn` part of this history? O(log steps).
  bool Visible(TimelineId timeline, Lsn lsn) const;
  // The step of an epoch, or nullptr if this history does not pass through it.
  const PathStep* Find(TimelineId timeline, EpochId epoch) const;
  // What a position learned under `epoch` ("everything up to here") means on this path: cut at the
  // fork of that epoch's child; None() if the path does not pass through it.
  Lsn Clamp(TimelineId timeline, EpochId epoch, Lsn lsn) const;

  // "e1.0 [1,900] > e2.7f [1901,...]", an empty step "e2.7f [empty at 900]". If the path crosses
  // timelines, each change is named: "timeline 1f: e1.0 [1,900] > timeline 2a: e1.3 [901,...]".
  std::string Describe() const;

  friend bool operator==(const Path&, const Path&) = default;

 private:
  explicit Path(std::vector<PathStep> steps) : steps_(std::move(steps)) {}
  // The step that holds `lsn`, nullptr if none does. LSNs rise along the whole path, across
  // timelines too, so at most one step can.
  const PathStep* Holding(Lsn lsn) const;

  std::vector<PathStep> steps_;
};

}  // namespace hexad::quorum
