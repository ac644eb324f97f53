// The consistency points, as pure bookkeeping (Verbitski 2018, section 2.3; 2017, section 4.1).
//
//   SCL   per segment: its chain is whole up to here                 SclTracker, at the segment
//   PGCL  per PG: a write quorum of SCLs has reached this            PgclTracker, at the writer
//   VCL   per volume: everything up to here has its write quorum     VclTracker
//   VDL   highest CPL at or below VCL                                VdlTracker
//
// The trap: VCL is NOT min(PGCL). A PG that is idle has a low PGCL and nothing outstanding. VCL is
// the last LSN before the lowest record, over all PGs, that lacks a write quorum.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "quorum/base/types.h"
#include "quorum/quorum_set.h"

namespace hexad::quorum {

// Follows one segment's PG chain along one path. Runs of records (boxcars) may arrive in any order;
// SCL moves only over a chain without gaps.
class SclTracker {
 public:
  // `scl`: what is already known to be whole.
  explicit SclTracker(Lsn scl = Lsn::None()) : scl_(scl) {}

  enum class Verdict {
    kAdvanced,   // SCL moved (perhaps over runs that had been waiting)
    kWaiting,    // stored, but a gap lies before it
    kDuplicate,  // at or below SCL, or already waiting
    kConflict,   // its pg_prev contradicts the chain that is known
  };
  // A run of records [first, last] whose first record follows `pg_prev` in the PG chain.
  // REQUIRES: pg_prev < first <= last.
  Verdict Add(Lsn pg_prev, Lsn first, Lsn last);

  Lsn scl() const { return scl_; }
  bool has_gap() const { return !waiting_.empty(); }
  // The highest LSN seen, waiting runs included.
  Lsn highest() const;
  // The history was forked: everything above `scl` is forgotten. REQUIRES: scl <= this->scl().
  void CutTo(Lsn scl);

 private:
  struct Run {
    Lsn first;
    Lsn last;
  };
  Lsn scl_;
  std::map<Lsn, Run> waiting_;  // by pg_prev
};

// The highest LSN that a write quorum of members' SCLs has reached: for 4/6 the 4th highest.
// Works for every quorum expression. Pure; None() if no set satisfies it.
Lsn QuorumLsn(const QuorumExpr& write, const std::vector<Lsn>& scls);

// One PG's PGCL, kept up to date as acks come in. Never moves back.
class PgclTracker {
 public:
  PgclTracker(QuorumExpr write, int members, Lsn start);

  // A member's cumulative ack. Returns true if PGCL moved. A lower value than before is ignored
  // here (the caller treats a segment that went back as untrusted).
  bool Ack(int member, Lsn scl);
  // The member's answers count no more (other incarnation, or its SCL went back).
  void Distrust(int member);

  Lsn pgcl() const { return pgcl_; }
  const std::vector<Lsn>& scls() const { return scls_; }
  // Six SCLs as a picture, the PGCL marked; see docs/protocol.md.
  std::string Describe() const;

 private:
  QuorumExpr write_;
  std::vector<Lsn> scls_;
  Lsn pgcl_;
};

// VCL over all PGs of one epoch. LSNs inside an epoch are issued without holes, so everything
// issued and not outstanding has its quorum.
class VclTracker {
 public:
  // `start`: the fork the epoch begins at; VCL is there until something is issued.
  explicit VclTracker(Lsn start) : last_issued_(start), start_(start) {}

  // Records [first, last] of one PG were issued (not all LSNs between belong to it).
  // REQUIRES: first above everything issued before for this PG. Once the runs of an MTR are all
  // announced, no LSN between the first and the last issued one is missing.
  void Issued(size_t pg_index, Lsn first, Lsn last);
  // REQUIRES: pgcl no higher than what was issued for this PG (an SCL from a peer is checked
  // first).
  void PgclMoved(size_t pg_index, Lsn pgcl);

  Lsn vcl() const;
  Lsn last_issued() const { return last_issued_; }
  bool idle() const { return vcl() == last_issued_; }

 private:
  struct Run {
    Lsn first;
    Lsn last;
  };
  // Brings the tree up to date after the PG's first outstanding record changed.
  void UpdateLowest(size_t pg_index);
  void Grow(size_t pgs);

  std::vector<std::deque<Run>> outstanding_;  // per PG, by LSN
  // A winner tree over the PGs: leaf i (at size/2 + i) is PG i's first outstanding LSN, Max() if it
  // has none; every inner node is the lower of its two children; [1] is the lowest of all.
  std::vector<Lsn> lowest_;
  Lsn first_issued_ = Lsn::None();
  Lsn last_issued_;
  Lsn start_;
};

// Highest CPL at or below VCL.
class VdlTracker {
 public:
  explicit VdlTracker(Lsn start) : vdl_(start) {}
  void IssuedCpl(Lsn cpl);  // REQUIRES: rising
  // Returns true if VDL moved.
  bool VclMoved(Lsn vcl);
  Lsn vdl() const { return vdl_; }

 private:
  std::deque<Lsn> cpls_;
  Lsn vdl_;
};

}  // namespace hexad::quorum
