// A history as one PG sees it: the path, where the PG's own chain stood at each fork, and the
// branches that backtracks left behind on the way (docs/fork.md).
//
// A segment that missed several openings can tell from this alone how much of its chain still
// counts: it finds the last step that it shares, and cuts its SCL to that step's tail.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/path.h"

namespace hexad::quorum {

// Where an epoch leaves a history, and this PG's chain there.
struct ForkPoint {
  Lsn at;    // the last LSN that the new epoch sees
  Lsn tail;  // this PG's last record at or below it
  friend bool operator==(const ForkPoint&, const ForkPoint&) = default;
};

// A history that a backtrack left behind. It can be read, cloned and returned to up to its end.
struct Branch {
  Path path;               // its newest step is open-ended, as every path's
  std::vector<Lsn> tails;  // as PgPath's
  ForkPoint end;           // the VDL' of the opening that left it, and this PG's tail there
  EpochId left_by;         // that opening's epoch
  friend bool operator==(const Branch&, const Branch&) = default;
};

struct PgPath {
  Path path;
  // tails[i]: this PG's last record at or below path.steps()[i].last_lsn, None() if it has none
  // yet. One fewer than steps: the newest step is still being written.
  std::vector<Lsn> tails;
  std::vector<Branch> branches;  // oldest left first

  static PgPath Root(TimelineId timeline) { return PgPath{Path::Root(timeline), {}, {}}; }
  // A branch as a history of its own, which forgets the other ones.
  static PgPath Of(const Branch& branch) { return PgPath{branch.path, branch.tails, {}}; }
  // Sizes agree; tails rise and lie at or below their step's end; every branch is a history of this
  // timeline that ends where it can be forked, left by an epoch of this path or of another branch.
  // For bytes from outside.
  absl::Status Check() const;
  // The PG's last record at or below the newest fork: where the newest epoch's chain attaches.
  Lsn fork_tail() const { return tails.empty() ? Lsn::None() : tails.back(); }
  // This history with one more epoch. `tail`: the PG's last record at or below `fork`. Of evidence
  // from outside: INVALID_ARGUMENT if such a fork cannot be.
  absl::StatusOr<PgPath> TryFork(EpochId epoch, Lsn fork, Lsn first_lsn, Lsn tail,
                                 ForkKind kind = ForkKind::kContinue) const;
  // The same. REQUIRES: it can be.
  PgPath Fork(EpochId epoch, Lsn fork, Lsn first_lsn, Lsn tail) const;
  // The history that `epoch` continues when it backtracks to `fork` on `target`: this one, or that
  // of one of its branches. This history, recovered up to `end`, is left behind as a branch; a
  // branch that the new history holds whole is one no more. INVALID_ARGUMENT as above.
  absl::StatusOr<PgPath> TryBacktrack(const PgPath& target, EpochId epoch, ForkPoint fork,
                                      Lsn first_lsn, ForkPoint end) const;

  // The root of a clone: timeline `clone` continues this history at `fork`, and leaves its branches
  // behind. Its LSNs start right above the fork. INVALID_ARGUMENT as above.
  absl::StatusOr<PgPath> TryClone(TimelineId clone, ForkPoint fork) const;

  // A chain was whole up to `scl` on `from`. Up to where is it whole on this path? (Of the two
  // heads: what `from` held of its branches does not count.)
  Lsn SclFrom(const PgPath& from, Lsn scl) const;

  friend bool operator==(const PgPath&, const PgPath&) = default;
};

// Up to which LSN two paths are one history; None() if they share nothing, Max() if they are equal.
Lsn SharedUpTo(const Path& a, const Path& b);

// The branch of that history that this epoch left; nullptr if there is none.
const Branch* BranchLeftBy(const PgPath& known, EpochId epoch);

// The history of `epoch` as `known` tells it: that epoch lies on its path or on one of its
// branches, and is open-ended again. Nothing if it lies on neither.
std::optional<PgPath> HistoryOf(const PgPath& known, EpochId epoch);

// What a history takes from another timeline's log: that timeline's history, and where it is left.
struct Inherited {
  PgPath history;  // its newest step is open-ended, as every path's
  ForkPoint end;
  TimelineId timeline() const { return history.path.timeline(); }
  friend bool operator==(const Inherited&, const Inherited&) = default;
};
// Of every timeline that a clone's history crosses before its own, oldest first. Empty for a
// timeline that is no clone.
std::vector<Inherited> InheritedBy(const PgPath& path);

// The same history for a PG that has been part of none yet: no fork left a record in it.
PgPath WithoutRecords(PgPath path);

}  // namespace hexad::quorum
