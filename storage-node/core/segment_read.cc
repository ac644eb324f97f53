// A segment's reads and its gossip: what it plans for others, and what it pulls from peers.
//
// Gossip is pull: "I am whole up to SCL on this history; what follows?" It closes the gaps that a
// writer need not care about once four have acknowledged (Verbitski 2017, section 3.3). It also
// tells each segment how far its peers are, and with that which part of the hot log nobody can need
// any more.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
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
  } else if (read.to.epoch == timeline->promised && timeline->sealed_parent.has_value()) {
    path = &*timeline->sealed_parent;
  } else {
    return refuse(RefusalReason::kNeedsBegin, "this epoch has not begun here");
  }
  const uint64_t page = read.page.value();
  const uint64_t first = config_.first_page.value();
  if (page < first || page >= first + config_.page_count) {
    return refuse(RefusalReason::kOutOfRange, absl::StrCat("page ", page, " is not in this PG"));
  }
  if (read.read_point < log.gc_floor()) {
    return refuse(RefusalReason::kOutOfRange,
                  absl::StrCat("read point ", read.read_point.value(), " is below the GC floor ",
                               log.gc_floor().value()));
  }
  ReadPlan plan;
  plan.scl = log.SclOn(*path);
  if (plan.scl < read.complete_to) {
    return refuse(RefusalReason::kOutOfRange,
                  absl::StrCat("SCL ", plan.scl.value(), " is below ", read.complete_to.value()));
  }
  plan.envelope = read.to;
  plan.page = read.page;
  plan.page_size = config_.page_size;
  log.PlanRead(path->path, read.read_point, plan);
  out.Emit(ServeRead{call, std::move(plan)});
}

// --- gossip --------------------------------------------------------------------------------------

void Segment::Ask(TimelineId id, Timeline& timeline, const NodeId& peer, SegmentOutlet& out) {
  quorum::GossipAsk ask;
  ask.to = {id, config_.membership.pg, timeline.log.begun().path.epoch(), config_.membership.epoch};
  ask.asker = self_;
  ask.scl = timeline.log.scl();
  timeline.asking = true;
  out.Emit(AskPeer{peer, std::move(ask)});
}

void Segment::Gossip(Instant now, Duration every, Prng& prng, SegmentOutlet& out) {
  const auto& members = config_.membership.members;
  if (members.size() < 2) return;
  for (auto& [id, timeline] : timelines_) {
    if (timeline.asking || now < timeline.gossip_due) continue;
    const TimelineLog& log = timeline.log;
    bool behind = log.has_gap() || log.vdl_heard() > log.scl();
    for (const auto& [peer, scl] : timeline.peer_scl) behind = behind || scl > log.scl();
    const bool moving = log.scl() != timeline.scl_at_last_gossip;
    timeline.scl_at_last_gossip = log.scl();
    timeline.gossip_due = now + every * (behind && !moving ? 1 : kQuietFactor);
    size_t pick = prng.Below(members.size() - 1);
    if (members[pick].node == self_) pick = members.size() - 1;
    Ask(id, timeline, members[pick].node, out);
  }
}

void Segment::AnswerGossip(CallId call, const quorum::GossipAsk& ask, SegmentOutlet& out) {
  const auto found = timelines_.find(ask.to.timeline);
  const auto refuse = [&](RefusalReason reason, std::string why) {
    out.Emit(CallRefused{call, Refusal(ask.to, reason, std::move(why))});
  };
  if (found == timelines_.end()) return refuse(RefusalReason::kUnknownSegment, "no such timeline");
  if (ask.to.membership_epoch != config_.membership.epoch) {
    return refuse(RefusalReason::kStaleMembership, "another membership epoch");
  }
  Timeline& timeline = found->second;
  const PgPath& begun = timeline.log.begun();
  // Sealed: until the opening is over, what this segment holds is the opening's alone to read.
  if (timeline.promised > begun.path.epoch()) {
    return refuse(RefusalReason::kStaleEpoch, "sealed by an opening");
  }
  // An asker that missed an opening is an ancestor on this history, and may have what follows on
  // it.
  if (begun.path.Find(ask.to.timeline, ask.to.epoch) == nullptr) {
    return refuse(RefusalReason::kStaleEpoch, "that epoch is not on this segment's history");
  }
  if (ask.to.epoch == begun.path.epoch()) {
    Lsn& scl = timeline.peer_scl[ask.asker];
    scl = std::max(scl, ask.scl);
  }
  LogPlan plan;
  plan.envelope = ask.to;
  plan.envelope.epoch = begun.path.epoch();
  plan.path = begun;
  plan.after = ask.to.epoch == begun.path.epoch()
                   ? ask.scl
                   : std::min(ask.scl, begun.path.Clamp(ask.to.timeline, ask.to.epoch, ask.scl));
  plan.scl = timeline.log.scl();
  plan.up_to = plan.scl;
  plan.vdl_heard = timeline.log.vdl_heard();
  out.Emit(ServeGossip{call, std::move(plan)});
}

void Segment::TakeGossip(const PeerAnswered& answered, SegmentOutlet& out) {
  const auto found = timelines_.find(answered.timeline);
  if (found == timelines_.end()) return;
  Timeline& timeline = found->second;
  timeline.asking = false;
  if (!answered.fill.has_value()) return;
  const quorum::GossipFill& fill = *answered.fill;
  const EpochId theirs = fill.begun.path.epoch();
  const EpochId ours = timeline.log.begun().path.epoch();
  if (fill.begun.path.timeline() != answered.timeline || theirs < timeline.promised) return;
  if (theirs == ours) {
    if (!(fill.begun == timeline.log.begun())) return;
    Lsn& scl = timeline.peer_scl[answered.peer];
    scl = std::max(scl, fill.scl);
    timeline.log.HearVdl(theirs, fill.vdl_heard);
  }
  StoreBatch batch;
  AfterGossip then;
  then.timeline = answered.timeline;
  then.peer = answered.peer;
  then.more = fill.more;
  // Bytes that fail a check are not counted and not passed on; another peer is asked next time.
  auto taken = TakeBoxcars(timeline, answered.timeline, fill.boxcars, fill.begun, batch);
  if (!taken.ok() || taken->empty()) return;
  then.taken = *std::move(taken);
  // Records of an epoch prove that its Begin reached a write quorum: only then is its path learned
  // from a peer, so that a half-begun epoch does not spread.
  const bool has_theirs =
      std::any_of(fill.boxcars.begin(), fill.boxcars.end(), [&](const BytesRef& bytes) {
        const auto boxcar = quorum::DecodeBoxcar(bytes);
        return boxcar.ok() && boxcar->header.epoch == theirs;
      });
  if (theirs > ours && has_theirs && timeline.log.CanAdopt(fill.begun)) {
    then.path = fill.begun;
    ++timeline.adopting;
    timeline.promised = theirs;
    const PgId pg = config_.membership.pg;
    batch.ops.push_back(PutMeta{PromiseKey(pg, answered.timeline), Encode(theirs)});
    batch.ops.push_back(PutMeta{PathKey(pg, answered.timeline), Encode(fill.begun)});
  }
  timeline.asking = true;  // until they are durable
  out.Persist(config_.membership.pg, std::move(batch), {std::move(then)});
}

void Segment::Done(AfterGossip& then, SegmentOutlet& out) {
  Timeline& timeline = At(then.timeline);
  timeline.asking = false;
  for (const Lsn first : then.taken) timeline.log.MarkDurable(first);
  if (then.path.has_value()) {
    --timeline.adopting;
    timeline.promised_durably = then.path->path.epoch();
    timeline.log.Adopt(*std::move(then.path));
    timeline.peer_scl.clear();
  }
  if (then.more && !out.Overloaded()) Ask(then.timeline, timeline, then.peer, out);
}

// --- coalescing ----------------------------------------------------------------------------------

std::optional<CoalescePlan> Segment::PlanCoalesce(size_t min_bytes) {
  Timeline* biggest = nullptr;
  TimelineId id;
  for (auto& [timeline_id, timeline] : timelines_) {
    if (timeline.coalescing || timeline.adopting > 0 || timeline.log.hot_bytes() < min_bytes)
      continue;
    if (biggest != nullptr && timeline.log.hot_bytes() <= biggest->log.hot_bytes()) continue;
    biggest = &timeline;
    id = timeline_id;
  }
  if (biggest == nullptr) return std::nullopt;
  auto plan = biggest->log.PlanCoalesce();
  if (!plan.has_value()) return std::nullopt;
  plan->pg = config_.membership.pg;
  plan->page_size = config_.page_size;
  plan->finish.ops.push_back(
      PutMeta{CoalescedKey(plan->pg, id), Encode(biggest->log.MarkFor(*plan))});
  // The log on disk goes only as far as every peer is known to be, and never above what is
  // coalesced.
  Lsn needed = plan->up_to;
  for (const auto& member : config_.membership.members) {
    if (member.node == self_) continue;
    const auto peer = biggest->peer_scl.find(member.node);
    needed = std::min(needed, peer == biggest->peer_scl.end() ? Lsn::None() : peer->second);
  }
  if (!needed.IsNone()) plan->finish.ops.push_back(DropLog{plan->pg, id, needed});
  biggest->log.CoalesceStarted(*plan);
  biggest->coalescing = true;
  return plan;
}

void Segment::OnCoalesced(TimelineId id, Lsn up_to, bool done) {
  Timeline& timeline = At(id);
  INVARIANT(timeline.coalescing);
  timeline.coalescing = false;
  if (done) timeline.log.CoalesceDone(up_to);
}

}  // namespace hexad::storage_node
