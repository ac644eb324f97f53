// Which log positions a history consists of (DESIGN section 8).
//
// An epoch's visible log is the path from it to the root, each ancestor cut at the fork of its child:
//
//   epoch 1 [1, 900] -- epoch 2 [1901, ...]          path of 2: e1 up to 900, then e2
//
// Along a path the intervals are disjoint and rising in LSN. What no interval holds is invisible:
// never served, never counted in an SCL, and, after a crash recovery, garbage.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "quorum/base/types.h"

namespace hexad::quorum {

// One epoch on a path. `last_lsn` is the fork of its child (inclusive), Max() for the newest.
struct PathStep {
  TimelineId timeline;
  EpochId epoch;
  Lsn first_lsn;
  Lsn last_lsn;

  friend bool operator==(const PathStep&, const PathStep&) = default;
};

// Root first, newest last. Never empty for a path that is in use.
class Path {
 public:
  Path() = default;
  // A timeline's first path: the root epoch alone, with nothing in it and first_lsn 1.
  static Path Root(TimelineId timeline);
  // Checks bytes from outside: intervals disjoint and rising (an epoch that wrote nothing may be
  // empty: last_lsn < first_lsn), epochs of one timeline rising, only the newest open-ended.
  static absl::StatusOr<Path> FromSteps(std::vector<PathStep> steps);

  // The path of a child epoch that forks this path at `fork`.
  // REQUIRES: fork <= the newest step's log, first_lsn > every first_lsn of the timeline on the path.
  Path Fork(TimelineId timeline, EpochId epoch, Lsn fork, Lsn first_lsn) const;

  bool empty() const { return steps_.empty(); }
  const std::vector<PathStep>& steps() const { return steps_; }
  const PathStep& newest() const { return steps_.back(); }
  EpochId epoch() const { return newest().epoch; }
  TimelineId timeline() const { return newest().timeline; }
  // Where the newest epoch left its parent; None() for a root.
  Lsn fork_lsn() const;

  // Is a record that `timeline`'s log holds at `lsn` part of this history?
  bool Visible(TimelineId timeline, Lsn lsn) const;
  // The step of an epoch, or nullptr if this history does not pass through it.
  const PathStep* Find(TimelineId timeline, EpochId epoch) const;
  // What a position learned under `epoch` means on this path: cut at that epoch's fork; None() if the
  // path does not pass through it.
  Lsn Clamp(TimelineId timeline, EpochId epoch, Lsn lsn) const;

  // "e1.0 [1,900] > e2.7f [1901,...]"
  std::string Describe() const;

  friend bool operator==(const Path&, const Path&) = default;

 private:
  std::vector<PathStep> steps_;
};

}  // namespace hexad::quorum
