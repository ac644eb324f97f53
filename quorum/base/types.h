// The nouns of the protocol as types. The words are those of docs/protocol.md; this file gives
// each its width, its smallest value and its "none".
#pragma once

#include <cstdint>
#include <limits>
#include <ostream>
#include <string>

#include "quorum/base/strong.h"

namespace hexad {

// A position in a timeline's log. The first record of a timeline has LSN 1; 0 means "before the
// log", which is what a back-link of a first record holds. Never reused in a timeline.
class Lsn {
 public:
  constexpr Lsn() = default;
  constexpr explicit Lsn(uint64_t value) : value_(value) {}

  static constexpr Lsn None() { return Lsn(0); }
  static constexpr Lsn First() { return Lsn(1); }
  static constexpr Lsn Max() { return Lsn(std::numeric_limits<uint64_t>::max()); }

  constexpr uint64_t value() const { return value_; }
  constexpr bool IsNone() const { return value_ == 0; }
  // The position `records` later. Saturates at Max(), so that a hostile length cannot wrap.
  constexpr Lsn Plus(uint64_t records) const {
    return value_ > Max().value_ - records ? Max() : Lsn(value_ + records);
  }
  constexpr Lsn Next() const { return Plus(1); }
  // The position before this one; None() has none and stays.
  constexpr Lsn Prev() const { return Lsn(value_ == 0 ? 0 : value_ - 1); }

  friend constexpr auto operator<=>(const Lsn&, const Lsn&) = default;
  friend constexpr bool operator==(const Lsn&, const Lsn&) = default;
  friend std::ostream& operator<<(std::ostream& out, Lsn lsn) { return out << lsn.value_; }

 private:
  uint64_t value_ = 0;
};

// A page of a volume, from 0. 2^32 pages of 4 KiB are 16 TiB.
using PageNo = Strong<struct PageNoTag, uint32_t>;

// A protection group. Unique in the cluster; derived from the timeline that created it and its
// index.
using PgId = Strong<struct PgIdTag, uint64_t>;

// One volume's own log. Unique in the cluster, drawn at random when the volume is created.
using TimelineId = Strong<struct TimelineIdTag, uint64_t>;

// A storage node's name in the cluster file ("n1"). At most 32 bytes of [a-z0-9-].
using NodeId = Strong<struct NodeIdTag, std::string>;

// An availability zone's name in the cluster file ("a").
using AzId = Strong<struct AzIdTag, std::string>;

// The identity of a storage node's disk: drawn when its data folder is made, 0 = unknown.
using Incarnation = Strong<struct IncarnationTag, uint64_t>;

// The identity of a cluster: drawn when it is formed, 0 = not formed.
using ClusterId = Strong<struct ClusterIdTag, uint64_t>;

// Version of a PG's quorum set, from 1.
using MembershipEpoch = Strong<struct MembershipEpochTag, uint32_t>;

// Version of a timeline's list of PGs, from 1.
using GeometryEpoch = Strong<struct GeometryEpochTag, uint32_t>;

// Matches a Persist effect with the Persisted input that completes it.
using Ticket = Strong<struct TicketTag, uint64_t>;

// One tenure of one writer on a timeline. Totally ordered: number first, then claimant.
// {0,0} is the root: the epoch in which a timeline is created, and in which nothing is written.
struct EpochId {
  uint32_t number = 0;
  uint64_t claimant = 0;

  static constexpr EpochId Root() { return EpochId{}; }
  friend constexpr auto operator<=>(const EpochId&, const EpochId&) = default;
  friend constexpr bool operator==(const EpochId&, const EpochId&) = default;
  friend std::ostream& operator<<(std::ostream& out, EpochId e) {
    return out << e.number << "." << std::hex << e.claimant << std::dec;
  }
};

// A commit's time by the writer's wall clock, microseconds since 1970-01-01 UTC. A label: no
// decision of safety reads it.
using CommitTime = Strong<struct CommitTimeTag, int64_t>;

}  // namespace hexad
