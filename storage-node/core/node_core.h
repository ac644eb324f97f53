// A storage node without its process: every segment it holds, the registers, and its identity, as
// one state machine. The host (or the simulator) feeds it inputs and carries out its effects.
//
// What is durable where: an answer that promises something (Ack, Promised, Begun, Refilled,
// Created, a register's answer) is emitted only by the Step that consumes the Persisted of the
// batch that made it true. A host that reorders effects cannot acknowledge too early.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "quorum/base/core.h"
#include "quorum/base/prng.h"
#include "quorum/messages.h"
#include "quorum/register.h"
#include "storage-node/core/node_messages.h"

namespace hexad::storage_node {

// ---- the core -----------------------------------------------------------------------------------

struct NodeOptions {
  NodeId node;
  AzId az;
  Incarnation incarnation;
  uint64_t seed = 1;  // jitter of gossip
  // Hot log of one segment that starts a coalescing. A page written often is written out once per
  // round, so the larger the rounds, the less a byte of log costs.
  size_t coalesce_at_bytes = 64 << 20;
  size_t hot_log_limit_bytes = 128 << 20;  // hot log in memory over all segments: above it
                                           // appends are refused (kOverloaded)
  Duration gossip_every = Duration::Millis(200);
  // Scrub: so many pages are checked every so often (0 = none), at most quorum::kMaxScrubPages.
  Duration scrub_every = Duration::Millis(200);
  uint32_t scrub_pages = quorum::kMaxScrubPages;
};

// What the scrub has done since the node started.
struct ScrubProgress {
  uint64_t rounds = 0;            // over everything that this node holds
  uint64_t pages_this_round = 0;  // checked so far
  uint64_t pages = 0;             // in all
  uint64_t damaged = 0;           // pages whose versions fail a checksum, or have a hole
  uint64_t different = 0;         // or were not what most peers have
  uint64_t repaired = 0;
  uint64_t unrepaired = 0;  // no peer could say or give what is right; the next round tries again
};

// Questions of one round of gossip. A node answers more peers than one at a time, each with up to
// kMaxLogPartBytes.
inline constexpr int kGossipAsksPerRound = 16;

// One segment's state for status pages and metrics.
struct SegmentDescription {
  PgId pg;
  TimelineId timeline;
  EpochId begun;
  EpochId promised;
  MembershipEpoch membership_epoch;
  Lsn scl;
  Lsn vdl_heard;
  Lsn highest;
  Lsn coalesced;
  Lsn gc_floor;
  size_t hot_log_bytes = 0;
  int64_t writer_silent_ms = -1;
  PageNo first_page;
  uint32_t page_count = 0;
  uint32_t page_size = 0;
  uint64_t pages_seen = 0;  // one more than the highest page that any record named; 0 = none
  std::string name;         // as its manifest says, at a timeline's first PG
  // A clone's: the timelines whose records its history holds, oldest first, and where it left the
  // last of them. Empty for a volume that is no clone.
  std::vector<TimelineId> ancestors;
  Lsn forked_at;
  bool dropped = false;  // kept for its clones alone; it answers nobody
};

class Scrub;
class Segment;
struct Continuation;

class NodeCore {
 public:
  using Input = NodeInput;
  using Effects = std::vector<NodeEffect>;

  explicit NodeCore(NodeOptions options);
  ~NodeCore();

  // What the disk holds, before the first Step, in this order: every meta entry, then once for each
  // (pg, timeline, from) of LogsToLoad() the boxcars from there on. DATA_LOSS names what is
  // damaged. A damaged boxcar does not keep the node from starting: the segment remembers that it
  // lost something, and gives no inventory until peers have refilled it.
  absl::Status LoadMeta(std::string_view key, std::string_view value);
  struct LogToLoad {
    PgId pg;
    TimelineId timeline;
    Lsn from;
  };
  absl::StatusOr<std::vector<LogToLoad>> LogsToLoad();
  absl::Status LoadBoxcar(PgId pg, TimelineId timeline, Lsn first_lsn, BytesRef bytes);
  // The store could not even tell which boxcars of a log are unreadable.
  void LoseLog(PgId pg, TimelineId timeline);

  void Step(const Input& in, Instant now, Effects& out);
  // To be asked after a read's versions were read, before the page is given away. False: versions
  // below its read point may have been merged away meanwhile; refuse it with kOutOfRange.
  bool MayServe(const ReadPlan& plan) const;
  bool MayServe(const ScrubPlan& plan) const;
  Instant NextDeadline() const;
  void CheckInvariants() const;

  ClusterId cluster() const { return cluster_; }
  const std::vector<quorum::RosterNode>& roster() const { return roster_; }
  std::vector<SegmentDescription> Describe(Instant now) const;
  const ScrubProgress& scrub() const;
  // Registers whose key starts with `prefix`.
  std::vector<std::pair<std::string, quorum::RegisterState>> Registers(
      std::string_view prefix) const;
  bool disk_full() const { return disk_full_; }
  // Three quarters of the hot log's limit are in use: the host should stop reading from streams
  // that append until the coalescer has caught up.
  bool overloaded() const;

 private:
  class Outlet;
  class ScrubAround;
  // Who waits for a batch: a segment, or the end of a call of the node's own.
  struct SegmentWait {
    PgId pg;
    std::unique_ptr<Continuation> then;
  };
  struct CreateWait {  // a segment that is not among segments_ until it is durable
    std::unique_ptr<Segment> segment;
    std::unique_ptr<Continuation> then;
  };
  struct FormWait {
    CallId call;
    ClusterId cluster;
    std::vector<quorum::RosterNode> roster;
  };
  struct RegisterWait {
    CallId call;
    std::string key;
    quorum::RegisterState state;
  };
  struct DropWait {
    CallId call;
    TimelineId timeline;
    std::vector<PgId> whole;
    std::vector<std::pair<PgId, TimelineDrop>> parts;
  };
  using Wait = std::variant<SegmentWait, CreateWait, FormWait, RegisterWait, DropWait>;
  struct Pending {
    Ticket ticket;
    Wait wait;
  };

  void On(const Tick& tick, Instant now, Effects& out);
  void On(const RequestReceived& received, Instant now, Effects& out);
  void On(const StreamClosed& closed, Instant now, Effects& out);
  void On(const Persisted& persisted, Instant now, Effects& out);
  void On(const NotPersisted& refused, Instant now, Effects& out);
  void On(const ReadAsked& asked, Instant now, Effects& out);
  void On(const GossipAsked& asked, Instant now, Effects& out);
  void On(const PeerAnswered& answered, Instant now, Effects& out);
  void On(const Coalesced& coalesced, Instant now, Effects& out);
  void TickScrub(Instant now, Effects& out);
  void On(const ScrubAsked& asked, Instant now, Effects& out);
  void On(const Scrubbed& scrubbed, Instant now, Effects& out);
  void On(const Repaired& repaired, Instant now, Effects& out);
  void On(const FormAsked& asked, Instant now, Effects& out);
  void On(const RegisterAsked& asked, Instant now, Effects& out);
  void On(const DropSegmentsAsked& asked, Instant now, Effects& out);

  void Finish(SegmentWait& wait, bool persisted, Effects& out);
  void Finish(CreateWait& wait, bool persisted, Effects& out);
  void Finish(FormWait& wait, bool persisted, Effects& out);
  void Finish(RegisterWait& wait, bool persisted, Effects& out);
  void Finish(DropWait& wait, bool persisted, Effects& out);

  void PersistFor(Wait wait, StoreBatch batch, Effects& out);
  void Complete(Ticket ticket, bool persisted, Effects& out);
  // Starts a coalescing if one is due and none is under way: one at a time per node.
  void MaybeCoalesce(Effects& out);
  // The coalescer's or the scrub's last write would come after a drop and bring something back.
  bool MustWait(const DropSegmentsAsked& asked, Instant now, Effects& out);
  bool LeaveToDrop(PgId pg, Instant now, Effects& out);
  void StartWaitingDrops(Instant now, Effects& out);
  void StartDrop(const DropSegmentsAsked& asked, Effects& out);
  // The segment, unless it is not here or is about to go.
  Segment* Find(PgId pg) const;
  void Create(ConnId conn, const quorum::CreateSegment& request, Effects& out);
  quorum::Refused RefuseRequest(const quorum::Envelope& to, quorum::RefusalReason reason,
                                std::string message) const;
  bool IsFormed() const { return cluster_ != ClusterId(); }
  absl::Status LoadRegister(const std::string& name, std::string_view key, std::string_view value);
  absl::Status CheckCluster(ClusterId cluster) const;
  // The segment, with its share of hot_bytes_ kept right around what `act` does to it.
  template <class Act>
  void WithSegment(Segment& segment, Effects& out, Act act);

  NodeOptions options_;
  ClusterId cluster_;
  std::vector<quorum::RosterNode> roster_;
  std::map<PgId, std::unique_ptr<Segment>> segments_;
  struct Register {
    quorum::RegisterState latest;   // what the next ballot is judged against
    quorum::RegisterState durable;  // what may be told
  };
  std::map<std::string, Register> registers_;
  // What loading has seen of each segment, until LogsToLoad() makes segments of it.
  struct Loading;
  std::unique_ptr<Loading> loading_;
  Prng prng_;
  uint64_t last_ticket_ = 0;
  uint64_t last_coalescing_ = 0;
  std::deque<Pending> pending_;  // by ticket
  std::optional<std::tuple<Ticket, PgId, TimelineId, Lsn>> coalescing_;
  size_t hot_bytes_ = 0;  // over all segments, after each step
  // After an attempt that found nothing to coalesce: what hot_bytes_ was then.
  std::optional<size_t> idle_at_bytes_;
  bool has_long_path_ = false;  // as of the last tick: a little hot log is coalesced for it, too
  std::unique_ptr<Scrub> scrub_;
  bool reserved_ = false;                         // by the scrub: no coalescing starts
  std::vector<DropSegmentsAsked> waiting_drops_;  // of a segment that is being written to
  std::multiset<PgId> dropping_;      // asked for, not yet durable: such a segment answers nobody
  std::optional<ClusterId> forming_;  // asked for, not yet durable
  Instant gossip_due_;
  PgId gossiped_last_;
  bool disk_full_ = false;
};

}  // namespace hexad::storage_node
