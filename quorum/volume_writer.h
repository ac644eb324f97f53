// The volume's one writer, after its epoch has begun: allocates LSNs, links the three chains, fills
// boxcars, sends each to six segments, and learns from cumulative acks how far the log is durable.
//
//   MTR --> LSNs, links --> one open boxcar per PG --> sealed --> six streams
//                                                                   |
//   VdlMoved <-- VDL <-- VCL <-- PGCL per PG <-- SCL per segment <--+
//
// Nothing here votes or retries by timer in the normal case: a boxcar leaves at once when its PG
// has nothing in flight, and fills while something is (Verbitski 2018, section 2.2; SealPacer).
// Fewer than six copies are gossip's business; fewer than four are resent from what is retained
// here.
//
// Who may fence: a segment that promised a higher epoch refuses. While a write quorum still
// accepts, the writer goes on and reports Outbid; once a PG has lost it, the writer is Fenced, for
// ever.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "quorum/base/core.h"
#include "quorum/deadline_tree.h"
#include "quorum/lsn_allocator.h"
#include "quorum/messages.h"
#include "quorum/page_linker.h"
#include "quorum/trackers.h"

namespace hexad::quorum {

// One record of an MTR before it has an LSN. `payload` must live until Step returns.
struct PageChange {
  PageNo page;
  RecordKind kind = RecordKind::kDelta;
  Lsn page_prev;  // the page's last LSN before this MTR; a second change of a page inside one MTR
                  // is linked to the first by the writer
  std::string_view payload;
};

// ---- inputs -------------------------------------------------------------------------------------

struct SubmitMtr {
  uint64_t tag = 0;  // given back in MtrIssued / MtrBlocked
  std::span<const PageChange> changes;
  CommitTime commit_time;
};

struct NodeUp {
  NodeId node;
  Incarnation incarnation;
};

struct NodeDown {
  NodeId node;
};

struct NodeAnswered {
  NodeId node;
  SegmentAnswer answer;
};

// The lowest read point in use above the volume (None(): none, PGMRPL follows VDL).
struct ReadPointsMoved {
  Lsn lowest;
};

// Adds the volume's next PG. Created, begun and written into the manifest before it is used.
struct Grow {
  Membership membership;
};

// Gives up what is older than `from`, or changes how much is retained from now on. PGMRPL follows
// once a write quorum of the first PG keeps it. `from` at or below the retention floor: that part
// is nothing new.
struct Retain {
  Lsn from;
  std::optional<Retention> retention = std::nullopt;
  std::optional<std::vector<RetentionMark>> marks = std::nullopt;
};

struct WriterTick {};

using WriterInput = std::variant<SubmitMtr, NodeUp, NodeDown, NodeAnswered, ReadPointsMoved, Grow,
                                 Retain, WriterTick>;

// ---- effects ------------------------------------------------------------------------------------

struct Send {
  NodeId node;
  SegmentRequest request;
};

struct MtrIssued {
  uint64_t tag = 0;
  Lsn first_lsn;
  Lsn commit_lsn;  // its CPL; durable once VDL >= commit_lsn
};

// Nothing happened; submit it again after the next VdlMoved or Grown. (More records than the LAL in
// one MTR never pass.)
struct MtrBlocked {
  enum class Why : uint8_t { kLal, kInFlight, kNeedsGrowth, kFenced };
  uint64_t tag = 0;
  Why why = Why::kInFlight;
  size_t pgs_needed = 0;  // kNeedsGrowth: how many PGs the volume must have
};

struct VdlMoved {
  Lsn vdl;
};

struct Grown {
  Manifest manifest;
};

// The manifest has another retention, or retention floor.
struct Retained {
  Manifest manifest;
};

// A PG lacks / has again enough connected, begun, trusted segments with room for a write quorum.
// While it lacks them, told again when other disks are full than were.
struct WriteQuorumChanged {
  bool ok = false;
  PgId pg;
  int up = 0;
  int need = 0;
  std::vector<NodeId> disk_full = {};  // connected and trusted, but they store nothing; unless ok
};

// Some segment promised `by`, but a write quorum still accepts: succeed yourself with a higher
// epoch.
struct Outbid {
  EpochId by;
};

struct Fenced {
  EpochId by;
};

// For metrics and receipts: the k-th ack (1..6) of a boxcar came, this long after it was sealed. It
// is the newest boxcar that the ack covers: the segment has everything of the PG up to `up_to`.
struct AckTimed {
  int rank = 0;
  PgId pg;
  NodeId node;
  Lsn up_to;
  Duration after;
};

using WriterEffect = std::variant<Send, MtrIssued, MtrBlocked, VdlMoved, Grown, Retained,
                                  WriteQuorumChanged, Outbid, Fenced, AckTimed>;

// ---- the core -----------------------------------------------------------------------------------

struct WriterOptions {
  uint64_t lal = kMaxLal;                 // 1 to kMaxLal
  size_t boxcar_target_bytes = 64 << 10;  // seal at this size even while something is in flight
  Duration longest_wait = Duration::Millis(2);  // of an open boxcar, for more (SealPacer)
  // Per volume, sealed and open without quorum: MtrBlocked above it, unless nothing is in flight.
  size_t in_flight_limit_bytes = 32 << 20;
  size_t retain_bytes = 32 << 20;              // per PG, kept beyond PGCL for segments that lag
  size_t member_queue_limit_bytes = 16 << 20;  // unacked per segment: above it is left to gossip
  Duration resend_after = Duration::Millis(500);
  Duration announce_after = Duration::Millis(5);  // VDL told by an empty Append if no boxcar did
  Duration heartbeat = Duration::Seconds(1);
};

// Where an epoch starts: what an opening hands over.
struct WriterStart {
  EpochId epoch;
  Lsn vdl;  // = the fork
  Lsn first_lsn;
  Manifest manifest;
  std::vector<PgPath> pg_paths;  // per PG of the manifest, newest step = this epoch
};

// One PG as status pages see it.
struct PgDescription {
  PgId pg;
  MembershipEpoch membership_epoch;
  Lsn pgcl;
  Lsn last_lsn;
  struct MemberState {
    NodeId node;
    AzId az;
    Lsn scl;
    uint64_t lag_lsns = 0;  // upper bound: LSNs between its SCL and the PG's last record
    bool up = false;
    bool begun = false;
    bool lagging = false;  // left to gossip
    bool trusted = true;   // false: other incarnation, or its SCL went back
    Duration last_ack;     // from sealing its last acknowledged boxcar to the ack
    std::string trouble;   // its last refusal, or why it is not trusted; empty if none
  };
  std::vector<MemberState> members;
};

class PgLane;
struct LaneTurn;

class VolumeWriter {
 public:
  using Input = WriterInput;
  using Effects = std::vector<WriterEffect>;

  // No segment is connected yet: NodeUp follows for each node, and again after each NodeDown.
  // Answers of a connection that ended are not given to the writer.
  VolumeWriter(WriterOptions options, WriterStart start);
  ~VolumeWriter();

  void Step(const Input& in, Instant now, Effects& out);
  Instant NextDeadline() const;
  void CheckInvariants() const;

  EpochId epoch() const { return start_.epoch; }
  Lsn vdl() const { return vdl_.vdl(); }
  Lsn vcl() const { return vcl_.vcl(); }
  Lsn last_issued() const { return vcl_.last_issued(); }
  bool fenced() const { return fenced_; }
  const Manifest& manifest() const { return start_.manifest; }
  // Where the PG's chain ends at or below `read_point`: what a segment must have reached to serve a
  // page at it. May be higher than needed for old read points, never lower.
  Lsn CompleteTo(size_t pg_index, Lsn read_point) const;
  std::vector<PgDescription> Describe() const;

 private:
  struct Connection {
    bool up = false;
    Incarnation incarnation;
  };
  // The manifest's next version on its way to a write quorum of the first PG. With it perhaps a PG,
  // whose lane is the last one, behind those of the manifest:
  //
  //   created, begun at a write quorum of its own --> manifest written at a write quorum of the
  //   first PG
  //
  // The manifest comes last and goes through the first PG, so that no record can be in a PG that a
  // contender does not know of: one that has sealed the first PG makes this write fail at four, and
  // one that seals it later finds the manifest.
  struct Change {
    Manifest next;
    bool grows = false;
    bool writing = false;
  };

  void On(const SubmitMtr& mtr, Instant now, Effects& out);
  void On(const NodeUp& up, Instant now, Effects& out);
  void On(const NodeDown& down, Instant now, Effects& out);
  void On(const NodeAnswered& answer, Instant now, Effects& out);
  void On(const ReadPointsMoved& moved, Instant now, Effects& out);
  void On(const Grow& grow, Instant now, Effects& out);
  void On(const Retain& retain, Instant now, Effects& out);
  void On(const WriterTick& tick, Instant now, Effects& out);

  Lsn Pgmrpl() const;
  LaneTurn Turn(Instant now, Effects& out) const;
  std::optional<MtrBlocked::Why> WhyBlocked(const SubmitMtr& mtr, size_t& pgs_needed) const;
  void AppendRecords(const SubmitMtr& mtr, Lsn first, LaneTurn& turn);
  void Touch(size_t lane, Lsn lsn);
  void PgclMoved(size_t lane, LaneTurn& turn);
  void Outran(size_t lane, EpochId by, Effects& out);
  void StartGrowth(const Membership& membership, Instant now, Effects& out);
  void StartChange(Instant now, Effects& out);  // the next one that is wanted, if none is under way
  void ContinueChange(Instant now, Effects& out);
  // Ends what an input did to a lane.
  void Settle(size_t lane, LaneTurn& turn);
  void AddLane(Membership membership, PgPath path, bool create);
  size_t LaneOf(const Envelope& from) const;  // lanes_.size() if it is none of this writer's

  WriterOptions options_;
  WriterStart start_;
  LsnAllocator allocator_;
  VclTracker vcl_;
  VdlTracker vdl_;
  std::vector<std::unique_ptr<PgLane>> lanes_;  // by PG index; a growing one at the end
  std::map<PgId, size_t> lane_of_;
  std::map<NodeId, Connection> connections_;
  std::optional<Change> change_;
  std::optional<Membership> wanted_pg_;  // by Grow
  Retain wanted_retain_;
  DeadlineTree deadlines_;              // of the lanes
  std::vector<size_t> lane_in_flight_;  // bytes, as counted in in_flight_bytes_
  size_t in_flight_bytes_ = 0;

  PageLinker linker_;
  struct Run {
    size_t lane;
    Lsn first;
    Lsn last;
  };
  std::vector<Run> runs_;       // of the MTR at hand, one per lane that it touches
  std::vector<size_t> run_of_;  // per lane: its run's index, kNoRun if it has none
  std::vector<size_t> untold_;  // lanes that want to hear when the VDL moves
  std::vector<bool> is_untold_;

  Lsn volume_prev_;
  Lsn lowest_read_point_;
  Lsn retained_;  // R that a write quorum of the first PG keeps, as this writer was told
  EpochId highest_promised_;
  bool fenced_ = false;
};

}  // namespace hexad::quorum
