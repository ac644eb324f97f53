// A segment's reads and its gossip: what it plans for others, and what it pulls from peers.
//
// Gossip is pull: "I am whole up to SCL on this history; what follows?" It closes the gaps that a
// writer need not care about once four have acknowledged (Verbitski 2017, section 3.3). It also
// tells each segment how far its peers are, and with that which part of the hot log nobody can need
// any more.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "quorum/base/marks.h"
#include "storage-node/core/segment.h"

namespace hexad::storage_node {

using quorum::PgPath;
using quorum::RefusalReason;
using quorum::Refused;

namespace {

// A segment that lacks nothing it knows of asks this much less often.
constexpr int64_t kQuietFactor = 5;

}  // namespace

void Segment::Read(CallId call, const quorum::ReadPage& read, SegmentOutlet& out) {
  Refused refusal;
  Timeline* timeline = Admit(read.to, refusal);
  if (timeline == nullptr) {
    out.Emit(CallRefused{call, std::move(refusal)});
    return;
  }
  const auto refuse = [&](RefusalReason reason, std::string why) {
    out.Emit(CallRefused{call, Refusal(read.to, reason, std::move(why))});
  };
  const TimelineLog& log = timeline->log;
  const PgPath* path = nullptr;
  if (read.to.epoch == log.begun().path.epoch()) {
    path = &log.begun();
  } else if (read.sealed && read.to.epoch == timeline->promised &&
             timeline->sealed_parent.has_value()) {
    SOMETIMES(read_of_a_sealed_segment);
    path = &*timeline->sealed_parent;
  } else {
    return refuse(RefusalReason::kNeedsBegin, "this epoch has not begun here");
  }
  if (BUGGIFY(segment_refuses_a_read)) return refuse(RefusalReason::kOverloaded, "busy");
  const uint64_t page = read.page.value();
  const uint64_t first = config_.first_page.value();
  if (page < first || page >= first + config_.page_count) {
    return refuse(RefusalReason::kOutOfRange, absl::StrCat("page ", page, " is not in this PG"));
  }
  // Whoever asks found it on the history that the epoch continued; the epoch may have begun with a
  // backtrack since.
  if (!path->path.CanForkAt(read.read_point)) {
    return refuse(RefusalReason::kOutOfRange,
                  absl::StrCat("read point ", read.read_point.value(), " is not on the history of ",
                               "epoch ", read.to.epoch.number));
  }
  if (read.read_point < log.gc_floor()) {
    SOMETIMES(read_below_the_gc_floor);
    return refuse(RefusalReason::kOutOfRange,
                  absl::StrCat("read point ", read.read_point.value(), " is below the GC floor ",
                               log.gc_floor().value()));
  }
  ReadPlan plan;
  plan.scl = log.SclOn(*path);
  if (plan.scl < read.complete_to) {
    SOMETIMES(read_of_a_segment_that_lags);
    return refuse(RefusalReason::kOutOfRange,
                  absl::StrCat("SCL ", plan.scl.value(), " is below ", read.complete_to.value()));
  }
  plan.envelope = read.to;
  plan.page = read.page;
  plan.page_size = config_.page_size;
  plan.read_point = read.read_point;
  if (auto status = CheckAncestors(*path); !status.ok()) {
    return refuse(RefusalReason::kDamaged, status.ToString());
  }
  log.PlanRead(path->path, read.read_point, plan, AncestorsOf(path->path));
  out.Emit(ServeRead{call, std::move(plan)});
}

bool Segment::MayServe(const ReadPlan& plan) const {
  const auto timeline = timelines_.find(plan.envelope.timeline);
  return timeline != timelines_.end() && !timeline->second.dropping && !timeline->second.dropped &&
         plan.read_point >= timeline->second.log.gc_floor();
}

// --- gossip --------------------------------------------------------------------------------------

void Segment::Ask(TimelineId id, Timeline& timeline, const NodeId& peer, SegmentOutlet& out) {
  quorum::GossipAsk ask;
  ask.to = {id, config_.membership.pg, timeline.log.begun().path.epoch(), config_.membership.epoch};
  ask.asker = self_;
  ask.scl = timeline.log.scl();
  // A branch that is not whole holds the coalescer up: it comes first.
  if (const quorum::Branch* branch = timeline.log.BranchToFill()) {
    SOMETIMES(gossip_about_a_branch);
    ask.branch = branch->left_by;
    ask.scl = timeline.log.SclOn(PgPath::Of(*branch));
  }
  timeline.asking = true;
  timeline.more_at.reset();
  timeline.more_unblocks = false;
  out.Emit(AskPeer{peer, std::move(ask)});
}

int Segment::Gossip(Instant now, Duration every, Prng& prng, SegmentOutlet& out) {
  const auto& members = config_.membership.members;
  if (members.size() < 2) return 0;
  int asked = 0;
  for (auto& [id, timeline] : timelines_) {
    if (timeline.asking || timeline.dropping || now < timeline.gossip_due) continue;
    const TimelineLog& log = timeline.log;
    if (timeline.dropped && !log.is_damaged()) continue;
    bool behind = log.has_gap() || log.vdl_heard() > log.scl() ||
                  log.BranchesWholeTo() < Lsn::Max() || BUGGIFY(gossip_although_whole);
    for (const auto& [peer, scl] : timeline.peer_scl) behind = behind || scl > log.scl();
    const bool moving = log.scl() != timeline.scl_at_last_gossip;
    timeline.scl_at_last_gossip = log.scl();
    timeline.gossip_due = now + every * (behind && !moving ? 1 : kQuietFactor);
    size_t pick = prng.Below(members.size() - 1);
    if (members[pick].node == self_) pick = members.size() - 1;
    Ask(id, timeline, members[pick].node, out);
    ++asked;
  }
  return asked;
}

void Segment::AnswerGossip(CallId call, const quorum::GossipAsk& ask, SegmentOutlet& out) {
  Timeline* const found = Here(ask.to.timeline);
  const auto refuse = [&](RefusalReason reason, std::string why) {
    out.Emit(CallRefused{call, Refusal(ask.to, reason, std::move(why))});
  };
  if (found == nullptr) return refuse(RefusalReason::kUnknownSegment, "no such timeline");
  if (ask.to.membership_epoch != config_.membership.epoch) {
    return refuse(RefusalReason::kStaleMembership, "another membership epoch");
  }
  Timeline& timeline = *found;
  const PgPath& begun = timeline.log.begun();
  // Sealed: until the opening is over, what this segment holds is the opening's alone to read.
  if (timeline.promised > begun.path.epoch()) {
    SOMETIMES(gossip_asked_of_a_sealed_segment);
    return refuse(RefusalReason::kStaleEpoch, "sealed by an opening");
  }
  // An asker that missed an opening is an ancestor on this history, or on a branch that it left,
  // and may have what follows.
  const auto theirs = quorum::HistoryOf(begun, ask.to.epoch);
  if (!theirs.has_value()) {
    return refuse(RefusalReason::kStaleEpoch, "that epoch is not on this segment's history");
  }
  if (ask.branch.has_value()) return AnswerBranchGossip(call, ask, timeline, out);
  if (ask.to.epoch == begun.path.epoch()) {
    Lsn& scl = timeline.peer_scl[ask.asker];
    scl = std::max(scl, ask.scl);
  }
  LogPlan plan;
  plan.envelope = ask.to;
  plan.envelope.epoch = begun.path.epoch();
  plan.path = begun;
  plan.after = begun.SclFrom(*theirs, ask.scl);
  plan.scl = timeline.log.scl();
  plan.up_to = plan.scl;
  // Who lacks part of a branch tells no SCL beyond it, so that nobody drops what it needs.
  plan.scl = std::min(plan.scl, timeline.log.BranchesWholeTo());
  plan.vdl_heard = timeline.log.vdl_heard();
  plan.in_use = timeline.in_use == begun.path.epoch();
  out.Emit(ServeGossip{call, std::move(plan)});
}

void Segment::AnswerBranchGossip(CallId call, const quorum::GossipAsk& ask,
                                 const Timeline& timeline, SegmentOutlet& out) {
  const PgPath& begun = timeline.log.begun();
  const quorum::Branch* branch = quorum::BranchLeftBy(begun, *ask.branch);
  if (branch == nullptr || ask.to.epoch != begun.path.epoch()) {
    out.Emit(CallRefused{
        call, Refusal(ask.to, RefusalReason::kStaleEpoch, "that branch is not kept here")});
    return;
  }
  LogPlan plan;
  plan.envelope = ask.to;
  plan.path = PgPath::Of(*branch);
  plan.head = begun;
  plan.branch = ask.branch;
  plan.after = ask.scl;
  plan.scl = std::min(timeline.log.SclOn(plan.path), branch->end.tail);
  plan.up_to = plan.scl;
  out.Emit(ServeGossip{call, std::move(plan)});
}

std::optional<PgPath> Segment::HistoryOfFill(const quorum::GossipFill& fill,
                                             const Timeline& timeline) const {
  const PgPath& ours = timeline.log.begun();
  if (!fill.branch.has_value()) {
    const bool same = fill.begun.path.epoch() == ours.path.epoch();
    return same && !(fill.begun == ours) ? std::nullopt : std::optional(fill.begun);
  }
  if (!(fill.begun == ours)) return std::nullopt;
  const quorum::Branch* branch = quorum::BranchLeftBy(ours, *fill.branch);
  return branch == nullptr ? std::nullopt : std::optional(PgPath::Of(*branch));
}

void Segment::TakeGossip(const PeerAnswered& answered, SegmentOutlet& out) {
  Timeline* const found = Here(answered.timeline);
  if (found == nullptr) return;
  Timeline& timeline = *found;
  timeline.asking = false;
  if (!answered.fill.has_value()) return;
  const quorum::GossipFill& fill = *answered.fill;
  if (!CheckHistory(fill.begun, answered.timeline).ok()) return;
  const EpochId theirs = fill.begun.path.epoch();
  const EpochId ours = timeline.log.begun().path.epoch();
  if (theirs < timeline.promised) {
    SOMETIMES(gossip_comes_too_late);
    return;
  }
  const auto history = HistoryOfFill(fill, timeline);
  if (!history.has_value()) return;
  if (theirs == ours && !fill.branch.has_value()) {
    Lsn& scl = timeline.peer_scl[answered.peer];
    scl = std::max(scl, fill.scl);
    timeline.log.HearVdl(theirs, fill.vdl_heard);
  }
  StoreBatch batch;
  AfterGossip then;
  then.timeline = answered.timeline;
  then.peer = answered.peer;
  // Bytes that fail a check are not counted and not passed on; another peer is asked next time.
  const quorum::Branch* lacking = timeline.log.BranchToFill();
  const bool unblocks =
      lacking == nullptr ? !fill.branch.has_value() : fill.branch == lacking->left_by;
  Room room{unblocks ? timeline.log.SclOn(*history) : Lsn::None()};
  room.first_at_any_rate =
      unblocks && !timeline.coalescing &&
      (fill.branch.has_value() || timeline.log.vdl_heard() > timeline.log.scl());
  const std::vector<BytesRef> boxcars = RoomFor(fill, room, out);
  const bool cut_short = boxcars.size() < fill.boxcars.size();
  then.more = fill.more || cut_short;
  then.unblocks = room.first_at_any_rate && cut_short && boxcars.size() == 1;
  auto taken = TakeBoxcars(timeline, answered.timeline, boxcars, *history, batch);
  if (!taken.ok()) {
    SOMETIMES(gossip_brings_what_does_not_fit);
    return;
  }
  then.taken = *std::move(taken);
  // Records of an epoch prove that its Begin reached a write quorum, and so does a peer that heard
  // its writer: only then is its path learned from a peer, so that a half-begun epoch does not
  // spread. A part of a long answer may end in an epoch before theirs: then the history up to that
  // one is learned, and the next part asked for.
  EpochId proven = fill.in_use && !then.more ? std::max(ours, theirs) : ours;
  for (const BytesRef& bytes : boxcars) {
    const auto boxcar = quorum::DecodeBoxcar(bytes);
    if (boxcar.ok()) proven = std::max(proven, boxcar->header.epoch);
  }
  // While another history is being written, this one would land on top of it.
  if (proven > ours && timeline.adopting == 0) LearnFrom(fill, proven, timeline, then, batch);
  if (batch.ops.empty()) {
    if (cut_short) timeline.more_at = answered.peer;
    return;
  }
  timeline.asking = true;  // until they are durable
  out.Persist(config_.membership.pg, std::move(batch), {std::move(then)});
}

// Nothing of the head's is in a hurry while a branch holds the coalescer up (`whole_to` None()).
// And a peer that has lost a boxcar leaves it out and sends what follows. That cannot be coalesced
// before the gap is closed; if it could take the room of what closes the gap, nothing would ever do
// so.
std::vector<BytesRef> Segment::RoomFor(const quorum::GossipFill& fill, Room asked,
                                       const SegmentOutlet& out) const {
  Lsn whole_to = asked.whole_to;
  std::vector<BytesRef> room;
  size_t bytes = 0;
  for (const BytesRef& boxcar : fill.boxcars) {
    const auto decoded = quorum::DecodeBoxcar(boxcar);
    if (!decoded.ok()) break;
    const bool follows = decoded->header.pg_prev <= whole_to;
    const bool at_any_rate = asked.first_at_any_rate && follows && room.empty();
    if (!at_any_rate && !out.MayTake(follows, bytes)) {
      SOMETIMES(gossip_brings_more_than_there_is_room_for);
      break;
    }
    if (follows) whole_to = std::max(whole_to, decoded->header.last_lsn);
    bytes += boxcar.size();
    room.push_back(boxcar);
  }
  return room;
}

void Segment::LearnFrom(const quorum::GossipFill& fill, EpochId proven, Timeline& timeline,
                        AfterGossip& then, StoreBatch& batch) {
  auto history = quorum::HistoryOf(fill.begun, proven);
  if (!history.has_value() || !timeline.log.CanAdopt(*history)) return;
  PgPath path = *std::move(history);
  SOMETIMES(segment_learns_an_epoch_by_gossip);
  ++timeline.adopting;
  timeline.promised = std::max(timeline.promised, proven);
  then.promised = timeline.promised;
  const PgId pg = config_.membership.pg;
  batch.ops.push_back(PutMeta{PromiseKey(pg, then.timeline), Encode(then.promised)});
  batch.ops.push_back(PutMeta{PathKey(pg, then.timeline), Encode(path)});
  then.path = std::move(path);
}

void Segment::Done(AfterGossip& then, SegmentOutlet& out) {
  Timeline& timeline = At(then.timeline);
  timeline.asking = false;
  for (const Lsn first : then.taken) timeline.log.MarkDurable(first);
  if (then.path.has_value()) {
    --timeline.adopting;
    timeline.promised_durably = std::max(timeline.promised_durably, then.promised);
    timeline.in_use = then.path->path.epoch();
    timeline.log.Adopt(*std::move(then.path));
    timeline.peer_scl.clear();
  }
  if (!then.more) return;
  SOMETIMES(gossip_in_several_parts);
  timeline.more_at = then.peer;
  timeline.more_unblocks = then.unblocks;
  GoOnGossiping(out);
}

// A segment that has to catch up by several times the hot log's limit would otherwise get that much
// in each of gossip's periods, however fast the coalescer is. What the coalescer waits for comes
// boxcar by boxcar while the hot log is full, each of which would otherwise take a period.
void Segment::GoOnGossiping(SegmentOutlet& out) {
  for (auto& [id, timeline] : timelines_) {
    if (timeline.asking || timeline.dropping || !timeline.more_at.has_value()) continue;
    if (!timeline.more_unblocks && !out.MayTake(/*closes_gap=*/false)) continue;
    Ask(id, timeline, NodeId(*timeline.more_at), out);
  }
}

// --- coalescing ----------------------------------------------------------------------------------

bool Segment::HasLongPath() const {
  constexpr size_t kLongPath = 32;
  return std::any_of(timelines_.begin(), timelines_.end(), [](const auto& entry) {
    const TimelineLog& log = entry.second.log;
    return log.begun().path.steps().size() > kLongPath &&
           log.coalesced() < log.begun().fork_tail() && log.hot_bytes() > 0;
  });
}

std::optional<CoalescePlan> Segment::PlanCoalesce(size_t min_bytes) {
  std::vector<std::pair<size_t, TimelineId>> by_size;
  for (const auto& [id, timeline] : timelines_) {
    const size_t bytes = timeline.log.hot_bytes();
    if (timeline.coalescing || timeline.dropping || timeline.adopting > 0 || bytes < min_bytes) {
      continue;
    }
    by_size.emplace_back(bytes, id);
  }
  std::sort(by_size.rbegin(), by_size.rend());
  for (const auto& [bytes, id] : by_size) {
    Timeline& timeline = At(id);
    auto plan = timeline.log.PlanCoalesce(AncestorsOf(timeline.log.begun().path));
    if (!plan.has_value()) continue;
    CompletePlan(id, timeline, *plan);
    return plan;
  }
  return std::nullopt;
}

void Segment::CompletePlan(TimelineId id, Timeline& timeline, CoalescePlan& plan) {
  plan.pg = config_.membership.pg;
  plan.page_size = config_.page_size;
  const std::string key = CoalescedKey(plan.pg, id);
  plan.start.ops.push_back(PutMeta{key, Encode(timeline.log.MarkBefore(plan))});
  plan.finish.ops.push_back(PutMeta{key, Encode(timeline.log.MarkAfter(plan))});
  // The log on disk goes only as far as every peer is known to be, and never above what is
  // coalesced.
  Lsn needed = plan.up_to;
  for (const auto& member : config_.membership.members) {
    if (member.node == self_ || timeline.dropped) continue;
    const auto peer = timeline.peer_scl.find(member.node);
    needed = std::min(needed, peer == timeline.peer_scl.end() ? Lsn::None() : peer->second);
  }
  if (!needed.IsNone()) plan.finish.ops.push_back(DropLog{plan.pg, id, needed});
  timeline.log.CoalesceStarted(plan);
  timeline.coalescing = true;
}

void Segment::OnCoalesced(TimelineId id, Lsn up_to, bool done) {
  Timeline& timeline = At(id);
  INVARIANT(timeline.coalescing);
  timeline.coalescing = false;
  if (!done) SOMETIMES(coalescing_fails);
  if (done) timeline.log.CoalesceDone(up_to);
}

}  // namespace hexad::storage_node
