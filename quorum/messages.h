// What a writer (or an opening) and a segment say to each other, as plain structs. proto/ turns
// them into bytes; the simulator passes them as they are.
//
// One bidirectional stream per (writer, node) carries them in order. Every request names timeline,
// PG, epoch and membership epoch; a stale one is answered by Refused with the current values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "quorum/boxcar.h"
#include "quorum/membership.h"
#include "quorum/pg_path.h"
#include "quorum/volume_recovery.h"

namespace hexad::quorum {

struct Envelope {
  TimelineId timeline;
  PgId pg;
  EpochId epoch;
  MembershipEpoch membership_epoch;
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

// --- requests ------------------------------------------------------------------------------------

// Makes an empty segment of a new PG. Idempotent; answered by Created. epoch = the creating epoch.
struct CreateSegment {
  Envelope to;
  Membership membership;
  uint32_t page_size = 0;
  PageNo first_page;
  uint32_t page_count = 0;
};

// Makes a clone's segment out of its parent's: the timeline to.timeline, whose root continues a
// history of the parent (PgPath::TryClone). From then on this segment keeps all that the clone
// sees. Idempotent; answered by Created. OVERLOADED: the parent's records are not whole here up to
// the fork, ask again. OUT_OF_RANGE: the fork lies below what this segment keeps. epoch = the
// root's.
struct CreateTimeline {
  Envelope to;
  PgPath history;
  std::optional<Manifest> manifest;  // of the clone, at the family's first PG: the pin
};

// "Who holds the lock, and who has been heard?" Changes nothing. Answered by Polled.
struct Poll {
  Envelope to;
  uint64_t round = 0;  // given back: an answer to an earlier poll, late or doubled, proves less
};

// Opening, step 1: promise to.epoch and refuse everything older. Answered by Promised.
struct Seal {
  Envelope to;
};

// Opening, step 2: what do you hold of this history? REQUIRES an earlier promise of to.epoch.
struct TakeInventory {
  Envelope to;
  PgPath parent;  // the head that the opening continues, or leaves
  // A backtrack that returns to a branch of the parent asks about that one: the epoch that left it.
  std::optional<EpochId> branch;
};

// Opening, step 3, at a segment that is complete: send records in (after, up_to] of this history.
struct FetchLog {
  Envelope to;
  PgPath parent;
  Lsn after;
  Lsn up_to;
};

// Opening, step 3, at a segment that is not: store these. Answered by Refilled.
struct Refill {
  Envelope to;
  PgPath parent;
  std::vector<BytesRef> boxcars;
};

// Opening, step 5: the new epoch with its whole history; the first PG also gets the manifest.
// Repeated by the writer to every segment that has not answered, on every new stream, and when the
// geometry grows. A manifest replaces what an earlier epoch left; within an epoch a lower geometry
// epoch never replaces a higher one.
struct Begin {
  Envelope to;
  PgPath path;
  std::optional<Manifest> manifest;
};

// The log. An empty `boxcar` only tells VDL and PGMRPL.
struct Append {
  Envelope to;
  Lsn vdl;
  Lsn pgmrpl;
  BytesRef boxcar;
};

// "Where may this history be forked?" The commits around an LSN or a time, as far as this PG's
// records tell. Answered by CommitFound. to.epoch: one that may read here, or that was promised.
struct FindCommit {
  Envelope to;
  PgPath history;
  Lsn up_to;  // the history's VDL, as the asker knows it: what lies above is nobody's business
  std::variant<Lsn, CommitTime> target;
};

using SegmentRequest = std::variant<CreateSegment, Poll, Seal, TakeInventory, FetchLog, Refill,
                                    Begin, Append, FindCommit, CreateTimeline>;

// What is asked of a member that does not know the timeline of `path` in PG number `pg_index`: a
// clone's segment is made out of its parent's, unless the clone grew this PG by itself.
SegmentRequest CreationOf(const CreateSegment& create, const PgPath& path, size_t pg_index);

// --- answers -------------------------------------------------------------------------------------

struct Created {
  Envelope from;
};

struct Polled {
  Envelope from;                     // from.epoch: the highest promised
  PgPath begun;                      // the newest epoch it accepted
  Lsn scl;                           // along `begun`
  Lsn vdl_heard;                     // along `begun`
  int64_t writer_silent_ms = -1;     // since it last heard the writer of `begun`; -1 = never
  std::optional<Manifest> manifest;  // at a timeline's first PG
  uint64_t round = 0;                // of the poll that this answers
  bool damaged = false;              // boxcars that were stored here are lost: scl says too little
};

struct Promised {
  Envelope from;
  PgPath begun;
  std::optional<Manifest> manifest;  // at a timeline's first PG
  // The newest epoch of `begun` such that what lies before it is one and done with here
  // (docs/fork.md, Short paths). EpochId() if there is none.
  EpochId settled = EpochId();
};

struct InventoryTaken {
  Envelope from;
  SegmentInventory inventory;
  EpochId history;  // whose history it is about: the parent's, or the branch's
};

struct LogPart {
  Envelope from;
  std::vector<BytesRef> boxcars;  // by first LSN; at most kMaxLogPartBytes together
  bool more = false;              // ask again after the last one
};
inline constexpr size_t kMaxLogPartBytes = 2 * kMaxBoxcarBytes;

struct Refilled {
  Envelope from;
  Lsn scl;          // along the history that the request named
  EpochId history;  // whose history that is
};

struct Begun {
  Envelope from;
  Lsn scl;
  // Of the manifest that this segment keeps durably now, 0 if it keeps none. A growing writer
  // counts the segments that hold the new geometry by this, so that an answer to an earlier Begin,
  // late or repeated, can never be taken for one.
  GeometryEpoch geometry_epoch{0};
  // R as this segment keeps it now: never above a clone's fork, whatever the manifest asked for. An
  // R counts where it is kept.
  Lsn retained_from = Lsn::None();
};

// Cumulative: everything of this PG up to `scl` is on this segment's disk, fsynced.
struct Ack {
  Envelope from;
  Lsn scl;
};

struct CommitPoint {
  Lsn lsn;  // a CPL
  CommitTime time;
  friend bool operator==(const CommitPoint&, const CommitPoint&) = default;
};

struct CommitFound {
  Envelope from;
  // The question that this answers: whoever asks goes on to another one, and answers come late.
  std::variant<Lsn, CommitTime> target;
  Lsn scl;                            // along the history: what follows is not known here
  std::optional<CommitPoint> before;  // the last CPL of this PG at or before the target
  std::optional<CommitPoint> after;   // the first one after it
  Lsn tail;                           // the last record at or below the target; an LSN was asked
  EpochId history;                    // whose history was asked about
};

enum class RefusalReason : uint8_t {
  kStaleEpoch = 1,       // something higher was promised: see promised
  kStaleMembership = 2,  // see membership_epoch
  kUnknownSegment = 3,   // never created here
  kAmnesiac = 4,         // this disk is not the one that was admitted
  kNeedsBegin = 5,       // an epoch that this segment has not been told of
  kNotPromised = 6,      // a recovery message without its promise
  kBadRequest = 7,       // bytes that fail a check; `message` says which
  kDiskFull = 8,         // nothing was stored; ask again later
  kOutOfRange = 9,       // an LSN outside [GC floor, SCL], or a page outside the PG
  kDamaged = 10,         // bytes here fail their checksum; ask another segment
  kOverloaded = 11,      // nothing was stored; send it again later
};

struct Refused {
  Envelope from;  // the request's envelope
  RefusalReason reason = RefusalReason::kBadRequest;
  EpochId promised;
  MembershipEpoch membership_epoch;
  std::string message;  // for people: what, and which LSNs, epochs, PG
};

using SegmentAnswer = std::variant<Created, Polled, Promised, InventoryTaken, LogPart, Refilled,
                                   Begun, Ack, CommitFound, Refused>;

// --- reads and gossip (unary) --------------------------------------------------------------------

// A page as of a read point. `to.epoch` is the reader's claim: a segment that promised more
// refuses.
struct ReadPage {
  Envelope to;
  PageNo page;
  Lsn read_point;
  Lsn complete_to;  // the PG's last record at or below read_point: refused if SCL is below it
  // The epoch is promised and has not begun: the parent that its inventory named is read. REQUIRES:
  // read_point at or below every fork that the epoch can still make (a VDL that was heard, or
  // VDL'). Otherwise false: a segment that missed the Begin does not know where the fork is, and
  // would serve what lies above it.
  bool sealed = false;
};

struct PageRead {
  Lsn page_lsn;  // of the last record applied; None() for a page never written
  Lsn scl;       // the segment's, for the selector
  BytesRef page;
};

// Pull gossip: "I am whole up to `scl` on this history; what follows?"
struct GossipAsk {
  Envelope to;  // to.epoch: the newest epoch that the asker accepted
  NodeId asker;
  Lsn scl;
  // Asks about the branch that this epoch left, and `scl` is along it. One that asks about its head
  // has all its branches whole.
  std::optional<EpochId> branch = std::nullopt;
};

struct GossipFill {
  Envelope from;
  PgPath begun;  // the responder's history
  Lsn scl;
  Lsn vdl_heard;
  std::vector<BytesRef> boxcars;  // visible on `begun`, after the asker's scl
  bool more = false;
  // The writer of `begun` was heard, or somebody who had heard it: its Begin reached a write quorum
  // of every PG.
  bool in_use = false;
  // The boxcars, and `scl`, are of the branch that this epoch left, as it was asked.
  std::optional<EpochId> branch = std::nullopt;
};

// ---- scrub (docs/scrub.md) ----------------------------------------------------------------------

// What some pages are at one LSN, for whoever compares; or the versions that make one of them.
struct ScrubAsk {
  Envelope to;  // to.epoch: the newest epoch that the asker accepted
  PageNo first_page;
  uint32_t page_count = 0;  // at most kMaxScrubPages
  Lsn at;                   // on the epoch's history; durable
  // The versions of first_page too, from a page store that holds everything up to `coalesced`.
  bool with_versions = false;
  Lsn coalesced;
};
inline constexpr uint32_t kMaxScrubPages = 64;

struct PageDigest {
  enum class State : uint8_t {
    kWhole = 1,
    kDamaged = 2,          // the timeline's own versions fail a checksum, or have a hole
    kInheritedDamage = 3,  // those of an ancestor do: the ancestor's scrub is to mend them
  };
  State state = State::kWhole;
  Lsn page_lsn;           // None(): never written
  uint64_t checksum = 0;  // of the page; 0 unless it is whole and was written
  friend bool operator==(const PageDigest&, const PageDigest&) = default;
  friend auto operator<=>(const PageDigest&, const PageDigest&) = default;
};

// One value of the page store under a timeline's own keys.
struct StoredVersion {
  Lsn lsn;
  bool is_image = false;
  BytesRef bytes;
};

struct ScrubFill {
  Envelope from;
  std::vector<PageDigest> digests;  // one per page that was asked for
  // With versions: everything that the responder holds of the page, by LSN; its marks.
  Lsn coalesced;
  Lsn gc_floor;
  std::vector<StoredVersion> versions;
};
// Of one answer's versions together. A page with more of them is repaired once they were merged.
inline constexpr size_t kMaxScrubBytes = size_t{4} << 20;

}  // namespace hexad::quorum
