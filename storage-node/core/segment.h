// One segment: this node's copy of one protection group, for every timeline that has pages in it.
//
// What it promises, and when (each answer leaves only after the write that makes it true):
//
//   request         made durable first                  then answered
//   CreateSegment   config, root path                   Created
//   CreateTimeline  a clone's root path, its manifest   Created
//   Seal            promise                             Promised
//   TakeInventory   the parent's path, if it was new    InventoryTaken
//   Refill          the boxcars                         Refilled
//   Begin           promise, path, manifest             Begun
//   Append          the boxcar                          Ack
//
// Refusing starts earlier than promising: from the step that receives a Seal or Begin everything
// older is refused, so that no ack of an old epoch can follow an inventory that does not list its
// record.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "quorum/base/instant.h"
#include "quorum/base/prng.h"
#include "quorum/messages.h"
#include "storage-node/core/node_core.h"
#include "storage-node/core/timeline_log.h"

namespace hexad::storage_node {

// What to do once a batch is durable. First LSNs name boxcars that were taken.
struct AfterCreate {
  ConnId conn;
  quorum::Envelope envelope;
  quorum::PgPath history;
  std::optional<quorum::Manifest> manifest;
};
struct AfterPromise {
  ConnId conn;
  quorum::Envelope envelope;
};
struct AfterLearn {  // of the parent's path, before the inventory along it
  ConnId conn;
  quorum::Envelope envelope;
  quorum::TakeInventory request;
};
struct AfterRefill {
  ConnId conn;
  quorum::Envelope envelope;
  quorum::PgPath parent;
  std::vector<Lsn> taken;
};
struct AfterBegin {
  ConnId conn;
  quorum::Envelope envelope;
  quorum::PgPath path;
  std::optional<quorum::Manifest> manifest;
};
struct AfterAppend {
  ConnId conn;
  quorum::Envelope envelope;
  Lsn taken;
};
struct AfterGossip {
  TimelineId timeline;
  NodeId peer;
  std::optional<quorum::PgPath> path;  // adopted with the boxcars
  EpochId promised;                    // with the path
  std::vector<Lsn> taken;
  bool more = false;
  bool unblocks = false;  // `more` is what the coalescer waits for, and comes one by one
};
struct Continuation {
  std::variant<AfterCreate, AfterPromise, AfterLearn, AfterRefill, AfterBegin, AfterAppend,
               AfterGossip>
      then;
};

// A history that came from outside: not empty, of this timeline, and whole in itself.
absl::Status CheckHistory(const quorum::PgPath& path, TimelineId timeline);

// How a segment reaches the outside during one Step: the node core implements it.
class SegmentOutlet {
 public:
  virtual ~SegmentOutlet() = default;
  virtual void Persist(PgId pg, StoreBatch batch, Continuation then) = 0;
  virtual void Emit(NodeEffect effect) = 0;
  // Is there room for one more boxcar in the hot log, after so many bytes that this step has taken?
  // One that closes a gap has twice as much: only a chain that is whole can be coalesced, and that
  // makes room.
  virtual bool MayTake(bool closes_gap, size_t taken_bytes = 0) const = 0;
};

struct ScrubRange;  // core/scrub.h

class Segment {
 public:
  Segment(NodeId self, SegmentConfig config);

  // Loading, before the first step: a timeline's durable state, then its boxcars.
  struct TimelineState {
    EpochId promise;
    quorum::PgPath path;
    std::optional<quorum::Manifest> manifest;
    CoalescedMark coalesced;
    bool dropped = false;  // and kept for its clones
  };
  void LoadTimeline(TimelineId timeline, TimelineState state);
  // After the last one.
  void LoadedTimelines() { KeepForClones(); }
  absl::Status LoadBoxcar(TimelineId timeline, Lsn first_lsn, BytesRef bytes);
  void LoseLog(TimelineId timeline) { At(timeline).log.LoseUnknown(); }

  // What makes this new segment durable, and what follows: its first CreateSegment's answer.
  void PlanCreate(ConnId conn, const quorum::Envelope& to, StoreBatch& batch,
                  std::unique_ptr<Continuation>& then) const;

  void Handle(ConnId conn, const quorum::SegmentRequest& request, Instant now, SegmentOutlet& out);
  void OnPersisted(Continuation& then, SegmentOutlet& out);
  // The disk was full: nothing was stored. Undoes what was only in memory and says so.
  void OnNotPersisted(const Continuation& then, SegmentOutlet& out);

  void Read(CallId call, const quorum::ReadPage& read, SegmentOutlet& out);

  // --- dropping. From StartDrop on the timeline answers nobody.
  void StartDrop(TimelineId timeline);
  // No other timeline lives here: the whole segment goes with this one.
  bool IsLast(TimelineId timeline) const;
  TimelineDrop PlanDrop(TimelineId timeline, StoreBatch& batch);
  void FinishDrop(TimelineId timeline, const TimelineDrop& plan, bool persisted);

  // After the page's versions were read: has nothing been merged away above them meanwhile?
  bool MayServe(const ReadPlan& plan) const;

  // Gossip: ask a peer if it is time, answer one, take what one answered.
  // How many questions that made.
  int Gossip(Instant now, Duration every, Prng& prng, SegmentOutlet& out);
  void AnswerGossip(CallId call, const quorum::GossipAsk& ask, SegmentOutlet& out);
  void TakeGossip(const PeerAnswered& answered, SegmentOutlet& out);
  // Goes on with what ended for want of room, now that there may be some.
  void GoOnGossiping(SegmentOutlet& out);

  // Has a timeline been opened so often that its history should be told more shortly, which waits
  // for what lies before the newest opening to be coalesced here (docs/fork.md, Short paths)?
  bool HasLongPath() const;
  // The timeline with the most hot log, if that is at least `min_bytes` and some of it may leave.
  std::optional<CoalescePlan> PlanCoalesce(size_t min_bytes);
  void OnCoalesced(TimelineId timeline, Lsn up_to, bool done);

  // Scrub (core/scrub.h). The pages that follow `after`, on the same timeline or a later one.
  std::optional<ScrubRange> ScrubAfter(const std::optional<ScrubRange>& after) const;
  // What to ask about pages of a timeline. Nothing if it is not whole, or keeps no history now.
  std::optional<quorum::ScrubAsk> ScrubQuestion(const ScrubRange& range) const;
  absl::StatusOr<ScrubPlan> PlanScrub(const quorum::ScrubAsk& ask) const;
  bool MayServe(const ScrubPlan& plan) const;
  // `fill` in the place of the page's own versions. Nothing if it does not fit what is here now.
  std::optional<StoreBatch> PlanRepair(const quorum::ScrubAsk& ask, const quorum::ScrubFill& fill);

  const SegmentConfig& config() const { return config_; }
  size_t hot_bytes() const;
  void Describe(Instant now, std::vector<SegmentDescription>& out) const;
  std::vector<NodeCore::LogToLoad> LogsToLoad() const;
  void CheckInvariants() const;

 private:
  struct Timeline {
    Timeline(TimelineId id, TimelineState state);

    TimelineLog log;
    EpochId promised;                             // everything below it is refused
    EpochId promised_durably;                     // <= promised; what recovery's messages need
    std::optional<quorum::PgPath> sealed_parent;  // the history that the promised claimant reads
    std::optional<quorum::Manifest> manifest;     // durable
    // Of the newest manifest that was accepted, durable or on its way.
    EpochId manifest_epoch;
    GeometryEpoch manifest_geometry{0};
    Instant writer_heard = Instant::Never();  // Never(): not since this process started
    EpochId in_use;                           // the last begun one whose writer was heard of
    std::map<NodeId, Lsn> peer_scl;           // along the begun path, as gossip told
    Lsn scl_at_last_gossip;
    Instant gossip_due;
    bool asking = false;
    // A peer that has more than there was room for in the hot log.
    std::optional<NodeId> more_at;
    bool more_unblocks = false;  // the coalescer waits for it
    bool coalescing = false;
    Lsn retained;           // the highest R that was accepted, durable or on its way
    bool dropping = false;  // asked for, not yet durable
    bool dropped = false;
    int adopting = 0;  // histories that are being written: no coalescing starts meanwhile
  };

  void On(ConnId conn, const quorum::CreateSegment& request, Instant now, SegmentOutlet& out);
  void On(ConnId conn, const quorum::Poll& request, Instant now, SegmentOutlet& out);
  void On(ConnId conn, const quorum::Seal& request, Instant now, SegmentOutlet& out);
  void On(ConnId conn, const quorum::TakeInventory& request, Instant now, SegmentOutlet& out);
  void On(ConnId conn, const quorum::FetchLog& request, Instant now, SegmentOutlet& out);
  void On(ConnId conn, const quorum::Refill& request, Instant now, SegmentOutlet& out);
  void On(ConnId conn, const quorum::Begin& request, Instant now, SegmentOutlet& out);
  void On(ConnId conn, const quorum::Append& request, Instant now, SegmentOutlet& out);
  void On(ConnId conn, const quorum::FindCommit& request, Instant now, SegmentOutlet& out);
  void On(ConnId conn, const quorum::CreateTimeline& request, Instant now, SegmentOutlet& out);

  void Done(AfterCreate& then, SegmentOutlet& out);
  void Done(AfterPromise& then, SegmentOutlet& out);
  void Done(AfterLearn& then, SegmentOutlet& out);
  void Done(AfterRefill& then, SegmentOutlet& out);
  void Done(AfterBegin& then, SegmentOutlet& out);
  void Done(AfterAppend& then, SegmentOutlet& out);
  void Done(AfterGossip& then, SegmentOutlet& out);

  // The timeline if the envelope may act on it; otherwise nullptr, and `refusal` says why.
  Timeline* Admit(const quorum::Envelope& envelope, quorum::Refused& refusal);
  // The same for recovery's messages, which need the promise of exactly this epoch.
  Timeline* AdmitPromised(const quorum::Envelope& envelope, quorum::Refused& refusal);
  quorum::Refused Refusal(const quorum::Envelope& envelope, quorum::RefusalReason reason,
                          std::string message) const;
  // Decodes and checks a boxcar from outside, and takes it into the log.
  struct Taken {
    std::optional<Lsn> first_lsn;  // nothing: it was here already
    quorum::BoxcarHeader header;
  };
  absl::StatusOr<Taken> TakeBoxcar(Timeline& timeline, TimelineId id, const BytesRef& bytes,
                                   const quorum::PgPath& path);
  // Takes all or none of them; adds their writes to `batch`.
  absl::StatusOr<std::vector<Lsn>> TakeBoxcars(Timeline& timeline, TimelineId id,
                                               const std::vector<BytesRef>& boxcars,
                                               const quorum::PgPath& path, StoreBatch& batch);
  void AnswerInventory(ConnId conn, const quorum::TakeInventory& request, const Timeline& timeline,
                       SegmentOutlet& out);
  // Those of a peer's boxcars that there is room for.
  struct Room {
    Lsn whole_to;  // what follows that makes room; None(): nothing does
    bool first_at_any_rate = false;
  };
  std::vector<BytesRef> RoomFor(const quorum::GossipFill& fill, Room asked,
                                const SegmentOutlet& out) const;
  void AnswerBranchGossip(CallId call, const quorum::GossipAsk& ask, const Timeline& timeline,
                          SegmentOutlet& out);
  // The history that a fill's boxcars belong to; nothing if it is none of this segment's business.
  std::optional<quorum::PgPath> HistoryOfFill(const quorum::GossipFill& fill,
                                              const Timeline& timeline) const;
  // The history up to the epoch `proven`, as a peer knows it, becomes this segment's with `batch`.
  void LearnFrom(const quorum::GossipFill& fill, EpochId proven, Timeline& timeline,
                 AfterGossip& then, StoreBatch& batch);
  // Fills what the log does not know: pages, marks, what may be dropped; and starts the plan.
  void CompletePlan(TimelineId id, Timeline& timeline, CoalescePlan& plan);
  void Ask(TimelineId id, Timeline& timeline, const NodeId& peer, SegmentOutlet& out);
  Timeline& At(TimelineId id);
  // Nothing if it is not here, or about to go. One that is kept for its clones is here.
  Timeline* Here(TimelineId id);
  // Only if it also answers.
  Timeline* Alive(TimelineId id);
  // Why a clone cannot be made here, or not yet.
  std::optional<quorum::Refused> RefuseClone(const quorum::CreateTimeline& request);
  // Tells each log what clones see of it.
  void KeepForClones();
  TimelineLog::Ancestors AncestorsOf(const quorum::Path& path) const;
  // DATA_LOSS if an ancestor's log is not whole up to where the history leaves it.
  absl::Status CheckAncestors(const quorum::PgPath& history) const;

  NodeId self_;
  SegmentConfig config_;
  std::map<TimelineId, Timeline> timelines_;
  // Clones that are being written; asked for twice, a clone may be written twice at once.
  struct Creation {
    quorum::PgPath history;
    int in_flight = 0;
  };
  std::map<TimelineId, Creation> creating_;
  void EndCreation(TimelineId timeline);
};

}  // namespace hexad::storage_node
