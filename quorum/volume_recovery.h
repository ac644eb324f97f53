// What a read quorum's inventories prove (docs/recovery.md, section 3; Verbitski
// 2018, section 2.4).
// Pure: inventories in, recovered points and the refill plan out.
//
//   PGCL' = highest SCL per PG among the answers: any 3 of 6 meet the 4 that made a record durable
//   VCL'  = walk the volume chain up from the highest VDL heard while each next record lies within
//           its PG's PGCL'
//   VDL'  = the last CPL of that walk. Every acknowledged commit is at or below it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/base/types.h"
#include "quorum/membership.h"

namespace hexad::quorum {

// One record above the highest VDL a segment heard, as its inventory lists it.
struct InventoryRecord {
  Lsn lsn;
  Lsn volume_prev;
  Lsn pg_prev;
  bool is_cpl = false;
  friend bool operator==(const InventoryRecord&, const InventoryRecord&) = default;
};

// One segment's answer, along the parent's path.
struct SegmentInventory {
  Lsn scl;          // its chain is whole up to here
  Lsn vdl_heard;    // highest VDL it was told on that path
  Lsn tail_at_vdl;  // its last record at or below vdl_heard (<= scl)
  // Above vdl_heard, by LSN; also those above scl, which it cannot link yet.
  std::vector<InventoryRecord> records;
  friend bool operator==(const SegmentInventory&, const SegmentInventory&) = default;
};

// One PG's answers, indexed by member; nothing = no answer (yet).
struct PgInventory {
  const Membership* membership = nullptr;
  std::vector<std::optional<SegmentInventory>> answers;
};

struct RecoveredPg {
  Lsn tail;            // the PG's last record at or below the recovered VDL; None() if it has none
  MemberSet complete;  // members that answered with scl >= tail
  bool write_quorum_complete = false;
};

struct Recovered {
  Lsn vcl;
  Lsn vdl;
  std::vector<RecoveredPg> pgs;
};

// FAILED_PRECONDITION while some PG has no read quorum of answers. DATA_LOSS if the answers
// contradict themselves or each other in a way that no intact quorum can (two different records at
// one LSN; a record at or below a VDL that was heard, and no answer whole up to it).
// REQUIRES: one answer slot per member; every membership passed its Check().
absl::StatusOr<Recovered> Recover(const std::vector<PgInventory>& pgs);

}  // namespace hexad::quorum
