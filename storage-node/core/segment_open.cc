// A segment's side of opening a volume: poll, seal, inventory, fetch, refill, begin
// (docs/recovery.md).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "quorum/base/marks.h"
#include "storage-node/core/segment.h"

namespace hexad::storage_node {

using quorum::Envelope;
using quorum::PgPath;
using quorum::RefusalReason;
using quorum::Refused;

void Segment::On(ConnId conn, const quorum::Poll& request, Instant now, SegmentOutlet& out) {
  const Timeline* const found = Alive(request.to.timeline);
  if (found == nullptr) {
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kUnknownSegment, "no such timeline")});
    return;
  }
  const Timeline& timeline = *found;
  quorum::Polled polled;
  polled.from = request.to;
  polled.from.epoch = timeline.promised;
  polled.round = request.round;
  polled.begun = timeline.log.begun();
  polled.scl = timeline.log.scl();
  polled.vdl_heard = timeline.log.vdl_heard();
  polled.manifest = timeline.manifest;
  polled.damaged = timeline.log.is_damaged();
  if (timeline.writer_heard != Instant::Never()) {
    polled.writer_silent_ms = (now - timeline.writer_heard).millis();
  }
  out.Emit(Reply{conn, std::move(polled)});
}

// --- seal ----------------------------------------------------------------------------------------

void Segment::On(ConnId conn, const quorum::Seal& request, Instant, SegmentOutlet& out) {
  Refused refusal;
  Timeline* timeline = Admit(request.to, refusal);
  if (timeline == nullptr) {
    out.Emit(Reply{conn, std::move(refusal)});
    return;
  }
  if (request.to.epoch == timeline->log.begun().path.epoch()) {
    out.Emit(Reply{
        conn, Refusal(request.to, RefusalReason::kStaleEpoch, "this epoch has begun already")});
    return;
  }
  // From here on everything older is refused, although the promise is not durable yet.
  if (request.to.epoch > timeline->promised) timeline->sealed_parent.reset();
  timeline->promised = request.to.epoch;
  StoreBatch batch;
  batch.ops.push_back(
      PutMeta{PromiseKey(request.to.pg, request.to.timeline), Encode(request.to.epoch)});
  out.Persist(request.to.pg, std::move(batch), {AfterPromise{conn, request.to}});
}

void Segment::Done(AfterPromise& then, SegmentOutlet& out) {
  Timeline& timeline = At(then.envelope.timeline);
  timeline.promised_durably = then.envelope.epoch;
  if (then.envelope.epoch < timeline.promised) {
    out.Emit(Reply{then.conn, Refusal(then.envelope, RefusalReason::kStaleEpoch,
                                      "outbid while the promise was written")});
    return;
  }
  out.Emit(Reply{then.conn, quorum::Promised{then.envelope, timeline.log.begun(), timeline.manifest,
                                             timeline.log.Settled()}});
}

// --- inventory -----------------------------------------------------------------------------------

void Segment::On(ConnId conn, const quorum::TakeInventory& request, Instant, SegmentOutlet& out) {
  Refused refusal;
  Timeline* timeline = AdmitPromised(request.to, refusal);
  if (timeline == nullptr) {
    out.Emit(Reply{conn, std::move(refusal)});
    return;
  }
  if (!CheckHistory(request.parent, request.to.timeline).ok() ||
      request.parent.path.epoch() >= request.to.epoch) {
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kBadRequest,
                                 "the parent is no earlier epoch of this timeline")});
    return;
  }
  if (!timeline->log.CanAdopt(request.parent) &&
      request.parent.path.epoch() > timeline->log.begun().path.epoch()) {
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kBadRequest,
                                 "the parent forks below what is coalesced here")});
    return;
  }
  if (request.branch.has_value() && BranchLeftBy(request.parent, *request.branch) == nullptr) {
    out.Emit(Reply{
        conn, Refusal(request.to, RefusalReason::kBadRequest, "the parent has no such branch")});
    return;
  }
  // Also while a branch is asked about, readers of the sealed volume read what the head holds.
  timeline->sealed_parent = request.parent;
  if (request.parent.path.epoch() <= timeline->log.begun().path.epoch()) {
    AnswerInventory(conn, request, *timeline, out);
    return;
  }
  // While another history is being written, this one would land on top of it.
  if (timeline->adopting > 0) {
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kOverloaded, "learning a history")});
    return;
  }
  // This segment missed the parent's Begin: it learns that history first, durably.
  ++timeline->adopting;
  StoreBatch batch;
  batch.ops.push_back(PutMeta{PathKey(request.to.pg, request.to.timeline), Encode(request.parent)});
  out.Persist(request.to.pg, std::move(batch), {AfterLearn{conn, request.to, request}});
}

void Segment::Done(AfterLearn& then, SegmentOutlet& out) {
  Timeline& timeline = At(then.envelope.timeline);
  --timeline.adopting;
  if (then.request.parent.path.epoch() > timeline.log.begun().path.epoch()) {
    timeline.log.Adopt(then.request.parent);
    timeline.peer_scl.clear();
  }
  if (then.envelope.epoch != timeline.promised || !timeline.sealed_parent.has_value()) {
    out.Emit(Reply{then.conn, Refusal(then.envelope, RefusalReason::kStaleEpoch,
                                      "outbid while the path was written")});
    return;
  }
  AnswerInventory(then.conn, then.request, timeline, out);
}

void Segment::AnswerInventory(ConnId conn, const quorum::TakeInventory& request,
                              const Timeline& timeline, SegmentOutlet& out) {
  const Envelope& envelope = request.to;
  // SCL would tell less than what was acknowledged here, and the opening would believe it.
  if (timeline.log.is_damaged()) {
    out.Emit(Reply{conn, Refusal(envelope, RefusalReason::kDamaged,
                                 "boxcars that were stored here cannot be read")});
    return;
  }
  PgPath history = request.parent;
  quorum::ForkPoint end{Lsn::Max(), Lsn::Max()};
  if (request.branch.has_value()) {
    const quorum::Branch* branch = BranchLeftBy(request.parent, *request.branch);
    INVARIANT(branch != nullptr);
    history = PgPath::Of(*branch);
    end = branch->end;
  }
  if (auto status = CheckAncestors(history); !status.ok()) {
    out.Emit(Reply{conn, Refusal(envelope, RefusalReason::kDamaged, status.ToString())});
    return;
  }
  auto inventory = timeline.log.Inventory(history, end);
  if (!inventory.ok()) {
    out.Emit(
        Reply{conn, Refusal(envelope, RefusalReason::kBadRequest, inventory.status().ToString())});
    return;
  }
  out.Emit(
      Reply{conn, quorum::InventoryTaken{envelope, *std::move(inventory), history.path.epoch()}});
}

// --- where to fork -------------------------------------------------------------------------------

void Segment::On(ConnId conn, const quorum::FindCommit& request, Instant, SegmentOutlet& out) {
  Refused refusal;
  Timeline* timeline = Admit(request.to, refusal);
  if (timeline == nullptr) {
    out.Emit(Reply{conn, std::move(refusal)});
    return;
  }
  const auto refuse = [&](RefusalReason reason, const char* why) {
    out.Emit(Reply{conn, Refusal(request.to, reason, why)});
  };
  if (request.to.epoch != timeline->promised_durably) {
    return refuse(RefusalReason::kNeedsBegin, "this epoch was neither begun nor promised here");
  }
  if (!CheckHistory(request.history, request.to.timeline).ok()) {
    return refuse(RefusalReason::kBadRequest, "no history of this timeline");
  }
  if (timeline->log.is_damaged() || !CheckAncestors(request.history).ok()) {
    return refuse(RefusalReason::kDamaged, "boxcars that were stored here cannot be read");
  }
  FindPlan plan;
  plan.envelope = request.to;
  plan.target = request.target;
  plan.history = request.history.path.epoch();
  timeline->log.PlanFind(request.history, request.up_to, plan, AncestorsOf(request.history.path));
  out.Emit(ServeFind{conn, std::move(plan)});
}

// --- refill --------------------------------------------------------------------------------------

void Segment::On(ConnId conn, const quorum::FetchLog& request, Instant, SegmentOutlet& out) {
  Refused refusal;
  Timeline* timeline = AdmitPromised(request.to, refusal);
  if (timeline == nullptr) {
    out.Emit(Reply{conn, std::move(refusal)});
    return;
  }
  if (auto status = CheckHistory(request.parent, request.to.timeline); !status.ok()) {
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kBadRequest, status.ToString())});
    return;
  }
  if (request.up_to >= timeline->log.whole_below()) {
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kDamaged,
                                 "boxcars that were stored here cannot be read")});
    return;
  }
  LogPlan plan;
  plan.envelope = request.to;
  plan.path = request.parent;
  plan.after = request.after;
  plan.scl = timeline->log.SclOn(request.parent);
  plan.up_to = std::min(request.up_to, plan.scl);
  plan.vdl_heard = timeline->log.VdlOn(request.parent.path);
  out.Emit(ServeFetch{conn, std::move(plan)});
}

void Segment::On(ConnId conn, const quorum::Refill& request, Instant, SegmentOutlet& out) {
  Refused refusal;
  Timeline* timeline = AdmitPromised(request.to, refusal);
  if (timeline == nullptr) {
    out.Emit(Reply{conn, std::move(refusal)});
    return;
  }
  if (auto status = CheckHistory(request.parent, request.to.timeline); !status.ok()) {
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kBadRequest, status.ToString())});
    return;
  }
  StoreBatch batch;
  auto taken = TakeBoxcars(*timeline, request.to.timeline, request.boxcars, request.parent, batch);
  if (!taken.ok()) {
    out.Emit(
        Reply{conn, Refusal(request.to, RefusalReason::kBadRequest, taken.status().ToString())});
    return;
  }
  AfterRefill then{conn, request.to, request.parent, *std::move(taken)};
  if (batch.ops.empty()) {
    SOMETIMES(refill_of_what_is_here);
    // all of it was here, perhaps not yet durable: answer in ticket order
    batch.ops.push_back(
        PutMeta{PromiseKey(request.to.pg, request.to.timeline), Encode(timeline->promised)});
  }
  out.Persist(request.to.pg, std::move(batch), {std::move(then)});
}

void Segment::Done(AfterRefill& then, SegmentOutlet& out) {
  TimelineLog& log = At(then.envelope.timeline).log;
  for (const Lsn first : then.taken) log.MarkDurable(first);
  out.Emit(Reply{then.conn, quorum::Refilled{then.envelope, log.SclOn(then.parent),
                                             then.parent.path.epoch()}});
}

// --- begin ---------------------------------------------------------------------------------------

void Segment::On(ConnId conn, const quorum::Begin& request, Instant, SegmentOutlet& out) {
  Refused refusal;
  Timeline* timeline = Admit(request.to, refusal);
  if (timeline == nullptr) {
    out.Emit(Reply{conn, std::move(refusal)});
    return;
  }
  const auto& path = request.path.path;
  if (!CheckHistory(request.path, request.to.timeline).ok() || path.epoch() != request.to.epoch) {
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kBadRequest,
                                 "the path does not end in the epoch that begins")});
    return;
  }
  const PgPath& begun = timeline->log.begun();
  if (path.epoch() == begun.path.epoch() && !(request.path == begun)) {
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kBadRequest,
                                 "this epoch has begun here with another history")});
    return;
  }
  if (!timeline->log.CanAdopt(request.path)) {
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kBadRequest,
                                 "the history forks below what is coalesced here")});
    return;
  }
  timeline->promised = std::max(timeline->promised, request.to.epoch);
  ++timeline->adopting;
  StoreBatch batch;
  const auto [timeline_id, pg] = std::pair(request.to.timeline, request.to.pg);
  batch.ops.push_back(PutMeta{PromiseKey(pg, timeline_id), Encode(request.to.epoch)});
  batch.ops.push_back(PutMeta{PathKey(pg, timeline_id), Encode(request.path)});
  AfterBegin then{conn, request.to, request.path, std::nullopt};
  if (request.manifest.has_value() &&
      (request.to.epoch > timeline->manifest_epoch ||
       request.manifest->geometry_epoch >= timeline->manifest_geometry)) {
    timeline->manifest_epoch = request.to.epoch;
    timeline->manifest_geometry = request.manifest->geometry_epoch;
    then.manifest = request.manifest;
    then.manifest->written_in = request.to.epoch;
    // A clone's fork stays; and what was promised about R is never taken back.
    timeline->retained = std::max(
        timeline->retained, std::min(request.manifest->retained_from, timeline->log.LowestFork()));
    then.manifest->retained_from = timeline->retained;
    batch.ops.push_back(PutMeta{ManifestKey(pg, timeline_id), Encode(*then.manifest)});
  }
  out.Persist(pg, std::move(batch), {std::move(then)});
}

void Segment::Done(AfterBegin& then, SegmentOutlet& out) {
  Timeline& timeline = At(then.envelope.timeline);
  --timeline.adopting;
  timeline.promised_durably = then.envelope.epoch;
  if (then.path.path.epoch() > timeline.log.begun().path.epoch()) {
    timeline.log.Adopt(then.path);
    timeline.peer_scl.clear();
  }
  if (then.manifest.has_value()) timeline.manifest = std::move(then.manifest);
  if (then.envelope.epoch < timeline.promised) {
    SOMETIMES(begin_outbid_while_it_is_written);
    out.Emit(Reply{then.conn, Refusal(then.envelope, RefusalReason::kStaleEpoch,
                                      "outbid while the epoch was written")});
    return;
  }
  quorum::Begun begun{then.envelope, timeline.log.scl()};
  if (timeline.manifest.has_value()) {
    begun.geometry_epoch = timeline.manifest->geometry_epoch;
    begun.retained_from = timeline.manifest->retained_from;
  }
  out.Emit(Reply{then.conn, std::move(begun)});
}

}  // namespace hexad::storage_node
