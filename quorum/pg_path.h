// A history as one PG sees it: the path, and where the PG's own chain stood at each fork.
//
// A segment that missed several openings can tell from this alone how much of its chain still
// counts: it finds the last step that it shares, and cuts its SCL to that step's tail.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "quorum/path.h"

namespace hexad::quorum {

struct PgPath {
  Path path;
  // tails[i]: this PG's last record at or below path.steps()[i].last_lsn, None() if it has none
  // yet. One fewer than steps: the newest step is still being written.
  std::vector<Lsn> tails;

  static PgPath Root(TimelineId timeline) { return PgPath{Path::Root(timeline), {}}; }
  // Sizes agree; tails rise and lie at or below their step's end. For bytes from outside.
  absl::Status Check() const;
  // The PG's last record at or below the newest fork: where the newest epoch's chain attaches.
  Lsn fork_tail() const { return tails.empty() ? Lsn::None() : tails.back(); }
  // This history with one more epoch. `tail`: the PG's last record at or below `fork`. Of evidence
  // from outside: INVALID_ARGUMENT if such a fork cannot be.
  absl::StatusOr<PgPath> TryFork(EpochId epoch, Lsn fork, Lsn first_lsn, Lsn tail) const;
  // The same. REQUIRES: it can be.
  PgPath Fork(EpochId epoch, Lsn fork, Lsn first_lsn, Lsn tail) const;

  // A chain was whole up to `scl` on `from`. Up to where is it whole on this path?
  Lsn SclFrom(const PgPath& from, Lsn scl) const;

  friend bool operator==(const PgPath&, const PgPath&) = default;
};

// The same history up to one of its epochs, which is open-ended again.
// REQUIRES: path.Find(the path's timeline, epoch).
PgPath PrefixTo(const PgPath& path, EpochId epoch);

}  // namespace hexad::quorum
