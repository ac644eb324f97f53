// Who holds a PG: its members, their quorum set, and the epoch that versions both. And the
// geometry: which PGs a timeline's pages live in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/quorum_set.h"

namespace hexad::quorum {

struct Member {
  NodeId node;
  AzId az;
  Incarnation incarnation;  // of the disk that was admitted; another one counts for no quorum

  friend bool operator==(const Member&, const Member&) = default;
};

// A PG's members at one membership epoch. In this version always a plain "write k of n";
// transitions (Verbitski 2018, section 4.1) become further shapes of `Quorums()`.
struct Membership {
  PgId pg;
  MembershipEpoch epoch{1};
  uint32_t write = 4;  // of members.size()
  std::vector<Member> members;

  QuorumSet Quorums() const;  // REQUIRES: Check() is OK
  std::optional<int> IndexOf(const NodeId&) const;
  std::vector<AzId> AzOf() const;
  absl::Status Check() const;  // sizes, duplicate nodes, and that its quorums overlap
  friend bool operator==(const Membership&, const Membership&) = default;
};

// A volume's name, wherever it comes from: 1 to kMaxVolumeNameBytes of [a-z0-9_-], first a letter
// or a digit. 63 is what a PostgreSQL client can send as a database's name. INVALID_ARGUMENT.
inline constexpr size_t kMaxVolumeNameBytes = 63;
absl::Status CheckVolumeName(std::string_view name);

// How far a volume can go back: what is older than the window, or behind so much younger log, may
// be forgotten. The tighter of the two counts.
struct Retention {
  int64_t window_ms = int64_t{60} * 60 * 1000;
  uint64_t log_bytes = uint64_t{4} << 30;
  absl::Status Check() const;  // INVALID_ARGUMENT: a window below zero, or of centuries
  friend bool operator==(const Retention&, const Retention&) = default;
};

// A place in the log, for telling what is older than the window.
struct RetentionMark {
  Lsn lsn;                 // a CPL
  CommitTime time;         // of that commit
  uint64_t log_bytes = 0;  // that all writers of the timeline had issued up to it
  friend bool operator==(const RetentionMark&, const RetentionMark&) = default;
};
inline constexpr size_t kMaxRetentionMarks = 128;

// What a timeline is and where its pages live. Kept by the segments of its first PG under that PG's
// write quorum, fenced by the timeline's own epochs: only its one writer changes it.
struct Manifest {
  TimelineId timeline;
  std::string name;
  uint32_t page_size = 4096;
  uint32_t pages_per_pg = 262144;   // 1 GiB of 4 KiB pages
  GeometryEpoch geometry_epoch{1};  // raised by every change of what follows
  Retention retention;
  // R, the retention floor: nobody reads or forks below it. No segment's GC floor is higher than
  // the R that some write quorum of the first PG keeps (docs/fork.md).
  Lsn retained_from;
  std::vector<RetentionMark> marks;  // by LSN; the first may lie at or below R
  // The epoch whose Begin wrote this; set by the segment that keeps it. Of two manifests the one
  // with the higher (written_in, geometry_epoch) counts.
  EpochId written_in;
  std::vector<Membership> pgs;  // PG i holds pages [i * pages_per_pg, (i + 1) * pages_per_pg)

  absl::Status Check() const;
  // Index into `pgs` of the PG that holds a page; may be >= pgs.size(): the volume must grow first.
  size_t PgIndexOf(PageNo page) const { return page.value() / pages_per_pg; }
  PageNo FirstPageOf(size_t pg_index) const {
    return PageNo(static_cast<uint32_t>(pg_index * pages_per_pg));
  }
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

// A node that can hold segments.
struct RosterNode {
  NodeId node;
  AzId az;
  Incarnation incarnation;
  friend bool operator==(const RosterNode&, const RosterNode&) = default;
};

// The id of a timeline's PG number `index`.
PgId MakePgId(TimelineId timeline, uint32_t index);

// Rendezvous hashing: `copies` nodes for `key`, spread evenly over three AZs (two per AZ for six;
// one or two copies take as many AZs), by AZ and then by name. Of more than three AZs the key picks
// three. Adding a node moves only what the new node wins. FAILED_PRECONDITION says what is missing
// if there are too few AZs with enough nodes; INVALID_ARGUMENT if `copies` cannot be spread evenly.
absl::StatusOr<std::vector<Member>> PlaceSegments(uint64_t key,
                                                  const std::vector<RosterNode>& roster,
                                                  int copies);

}  // namespace hexad::quorum
