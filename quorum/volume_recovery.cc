// Recovery's arithmetic. Why the answers of three segments are enough: a record that was
// acknowledged lay on four of six when its SCLs said so, any three of the six include one of those
// four, and an SCL covers everything before it in its PG. So the highest SCL among the answers
// (PGCL') is at or above the PG's true PGCL, and the segment that has it lists every record that
// the walk needs.
//
// The inventories come from peers. Anything that an intact quorum cannot produce is DATA_LOSS: it
// is better not to open than to open on a guess.
#include "quorum/volume_recovery.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::quorum {
namespace {

// What one PG's answers say together.
struct PgEvidence {
  PgId pg;
  Lsn pgcl;                              // highest SCL
  std::vector<InventoryRecord> records;  // of all answers, by LSN, each once
};

template <class... Parts>
absl::Status Contradiction(PgId pg, const Parts&... what) {
  return absl::DataLossError(absl::StrCat("PG ", pg.value(), ": ", what...));
}

absl::Status RequireReadQuorum(const PgInventory& pg) {
  INVARIANT(pg.membership != nullptr);
  const Membership& membership = *pg.membership;
  INVARIANT(pg.answers.size() == membership.members.size());
  MemberSet answered;
  for (size_t i = 0; i < pg.answers.size(); ++i) {
    if (pg.answers[i]) answered.Add(static_cast<int>(i));
  }
  const QuorumSet quorums = membership.Quorums();
  if (quorums.CanRead(answered)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "PG ", membership.pg.value(), ": ", answered.size(), " of ", membership.members.size(),
      " segments answered, recovery needs ", quorums.read.Describe()));
}

// One answer by itself: shapes that the header promises.
absl::Status CheckAnswer(PgId pg, const SegmentInventory& answer) {
  if (answer.tail_at_vdl > answer.scl || answer.tail_at_vdl > answer.vdl_heard) {
    return Contradiction(pg, "a segment's tail ", answer.tail_at_vdl.value(),
                         " lies above its SCL ", answer.scl.value(), " or the VDL ",
                         answer.vdl_heard.value(), " that it heard");
  }
  Lsn previous = answer.vdl_heard;
  for (const InventoryRecord& record : answer.records) {
    if (record.lsn <= previous || record.volume_prev >= record.lsn ||
        record.pg_prev > record.volume_prev) {
      return Contradiction(pg, "record ", record.lsn.value(), " is out of order, or its links ",
                           record.volume_prev.value(), " and ", record.pg_prev.value(), " are");
    }
    previous = record.lsn;
  }
  return absl::OkStatus();
}

absl::StatusOr<PgEvidence> Merge(const PgInventory& inventory) {
  PgEvidence evidence{inventory.membership->pg, Lsn::None(), {}};
  for (const std::optional<SegmentInventory>& answer : inventory.answers) {
    if (!answer) continue;
    if (absl::Status s = CheckAnswer(evidence.pg, *answer); !s.ok()) return s;
    evidence.pgcl = std::max(evidence.pgcl, answer->scl);
    evidence.records.insert(evidence.records.end(), answer->records.begin(), answer->records.end());
  }
  std::vector<InventoryRecord>& records = evidence.records;
  std::sort(records.begin(), records.end(),
            [](const InventoryRecord& a, const InventoryRecord& b) { return a.lsn < b.lsn; });
  for (size_t i = 1; i < records.size(); ++i) {
    if (records[i - 1].lsn == records[i].lsn && records[i - 1] != records[i]) {
      return Contradiction(evidence.pg, "two different records at LSN ", records[i].lsn.value());
    }
  }
  records.erase(std::unique(records.begin(), records.end()), records.end());
  return evidence;
}

// The records of one PG that the walk may use: above `heard`, within PGCL'. The segment whose SCL
// is PGCL' lists all of them, so they form one unbroken chain.
absl::Status AppendWalkable(const PgEvidence& evidence, Lsn heard,
                            std::vector<InventoryRecord>& walkable) {
  const InventoryRecord* previous = nullptr;
  for (const InventoryRecord& record : evidence.records) {
    if (record.lsn > evidence.pgcl) {
      // At or below `heard` everything had its write quorum; so some answer must be whole up to it.
      if (record.lsn > heard) break;
      return Contradiction(evidence.pg, "record ", record.lsn.value(), " is at or below VDL ",
                           heard.value(), ", but no answer is whole beyond ",
                           evidence.pgcl.value());
    }
    if (record.lsn <= heard) continue;
    if (previous != nullptr && record.pg_prev != previous->lsn) {
      return Contradiction(evidence.pg, "record ", record.lsn.value(), " follows ",
                           record.pg_prev.value(), " and not ", previous->lsn.value());
    }
    previous = &record;
    walkable.push_back(record);
  }
  return absl::OkStatus();
}

// Walks the volume chain up from `heard`; sets vcl and vdl. In LSN order the next record of the
// chain is the next one in the list, or it is missing: a link further up means a gap, one further
// down means that two records claim the same place.
absl::Status Walk(const std::vector<PgEvidence>& pgs, Lsn heard, Recovered& out) {
  std::vector<InventoryRecord> walkable;
  for (const PgEvidence& pg : pgs) {
    if (absl::Status s = AppendWalkable(pg, heard, walkable); !s.ok()) return s;
  }
  std::sort(walkable.begin(), walkable.end(),
            [](const InventoryRecord& a, const InventoryRecord& b) { return a.lsn < b.lsn; });
  out.vcl = out.vdl = heard;
  for (const InventoryRecord& record : walkable) {
    if (record.volume_prev > out.vcl) break;
    if (record.volume_prev < out.vcl) {
      return absl::DataLossError(absl::StrCat("records ", out.vcl.value(), " and ",
                                              record.lsn.value(), " both follow record ",
                                              record.volume_prev.value(), " of the volume"));
    }
    out.vcl = record.lsn;
    if (record.is_cpl) out.vdl = record.lsn;
  }
  INVARIANT(heard <= out.vdl && out.vdl <= out.vcl);
  return absl::OkStatus();
}

// The PG's last record at or below `vdl`, as an answer that is whole up to it knows it: listed, or,
// if nothing is listed between what it heard and `vdl`, the one it names.
Lsn TailOf(const SegmentInventory& answer, Lsn vdl) {
  INVARIANT(answer.vdl_heard <= vdl);
  Lsn tail = answer.tail_at_vdl;
  for (const InventoryRecord& record : answer.records) {
    if (record.lsn > vdl) break;
    tail = record.lsn;
  }
  return tail;
}

absl::StatusOr<RecoveredPg> RecoverPg(const PgInventory& inventory, Lsn vdl) {
  RecoveredPg pg;
  const SegmentInventory* longest = nullptr;
  for (const std::optional<SegmentInventory>& answer : inventory.answers) {
    if (answer && (longest == nullptr || answer->scl > longest->scl)) longest = &*answer;
  }
  INVARIANT(longest != nullptr);
  pg.tail = TailOf(*longest, vdl);
  if (pg.tail > longest->scl) {
    return Contradiction(inventory.membership->pg, "its last record up to VDL ", vdl.value(),
                         " is ", pg.tail.value(), ", and no answer is whole beyond ",
                         longest->scl.value());
  }
  for (size_t i = 0; i < inventory.answers.size(); ++i) {
    const std::optional<SegmentInventory>& answer = inventory.answers[i];
    if (!answer || answer->scl < pg.tail) continue;
    // Whoever is whole up to the tail must see the same tail, or one of the two is not whole.
    if (const Lsn other = TailOf(*answer, vdl); other != pg.tail) {
      return Contradiction(inventory.membership->pg, "its last record up to VDL ", vdl.value(),
                           " is ", pg.tail.value(), " for one segment and ", other.value(),
                           " for another");
    }
    pg.complete.Add(static_cast<int>(i));
  }
  pg.write_quorum_complete = inventory.membership->Quorums().CanWrite(pg.complete);
  return pg;
}

}  // namespace

absl::StatusOr<Recovered> Recover(const std::vector<PgInventory>& pgs) {
  // Every PG first: an answer of one PG says nothing while another may still hold a higher VDL.
  for (const PgInventory& pg : pgs) {
    if (absl::Status s = RequireReadQuorum(pg); !s.ok()) return s;
  }
  Lsn heard = Lsn::None();
  std::vector<PgEvidence> evidence;
  for (const PgInventory& pg : pgs) {
    absl::StatusOr<PgEvidence> merged = Merge(pg);
    if (!merged.ok()) return merged.status();
    evidence.push_back(*std::move(merged));
    for (const std::optional<SegmentInventory>& answer : pg.answers) {
      if (answer) heard = std::max(heard, answer->vdl_heard);
    }
  }
  Recovered recovered;
  if (absl::Status s = Walk(evidence, heard, recovered); !s.ok()) return s;
  for (const PgInventory& pg : pgs) {
    absl::StatusOr<RecoveredPg> one = RecoverPg(pg, recovered.vdl);
    if (!one.ok()) return one.status();
    recovered.pgs.push_back(*std::move(one));
  }
  return recovered;
}

}  // namespace hexad::quorum
