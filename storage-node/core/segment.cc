// A segment's state, admission of requests, and the write path: receive, persist, ack.
#include "storage-node/core/segment.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "quorum/base/marks.h"

namespace hexad::storage_node {

using quorum::Boxcar;
using quorum::Envelope;
using quorum::PgPath;
using quorum::RefusalReason;
using quorum::Refused;

Segment::Timeline::Timeline(TimelineId id, TimelineState state)
    : log(id, std::move(state.path), std::move(state.coalesced)),
      promised(std::max(state.promise, log.begun().path.epoch())),
      promised_durably(promised),
      manifest(std::move(state.manifest)) {
  if (manifest.has_value()) {
    manifest_epoch = manifest->written_in;
    manifest_geometry = manifest->geometry_epoch;
    retained = manifest->retained_from;
  }
  dropped = state.dropped;
  if (dropped) log.Retire();
}

Segment::Segment(NodeId self, SegmentConfig config)
    : self_(std::move(self)), config_(std::move(config)) {}

void Segment::LoadTimeline(TimelineId timeline, TimelineState state) {
  timelines_.try_emplace(timeline, timeline, std::move(state));
}

absl::Status Segment::LoadBoxcar(TimelineId timeline, Lsn first_lsn, BytesRef bytes) {
  auto boxcar = quorum::DecodeBoxcar(std::move(bytes));
  if (!boxcar.ok()) {
    SOMETIMES(boxcar_fails_its_checksum);
    At(timeline).log.Lose(first_lsn);
    return absl::DataLossError(boxcar.status().ToString());
  }
  if (boxcar->header.timeline != timeline || boxcar->header.pg != config_.membership.pg ||
      boxcar->header.first_lsn != first_lsn) {
    SOMETIMES(boxcar_lies_in_the_wrong_place);
    At(timeline).log.Lose(first_lsn);
    return absl::DataLossError("a boxcar of another timeline, PG or LSN lies under this key");
  }
  // A conflict here was refused when it came, and is refused again: it was never acknowledged.
  At(timeline).log.Load(*boxcar);
  return absl::OkStatus();
}

Segment::Timeline& Segment::At(TimelineId id) {
  const auto found = timelines_.find(id);
  INVARIANT(found != timelines_.end());
  return found->second;
}

absl::Status CheckHistory(const PgPath& path, TimelineId timeline) {
  if (path.path.empty() || path.path.timeline() != timeline) {
    return absl::InvalidArgumentError("the history is empty or of another timeline");
  }
  return path.Check();
}

// --- admission -----------------------------------------------------------------------------------

Refused Segment::Refusal(const Envelope& envelope, RefusalReason reason,
                         std::string message) const {
  Refused refused;
  refused.from = envelope;
  refused.reason = reason;
  refused.membership_epoch = config_.membership.epoch;
  const auto timeline = timelines_.find(envelope.timeline);
  // Only what survives a crash is told: a writer that hears of a higher promise stops for ever.
  if (timeline != timelines_.end()) refused.promised = timeline->second.promised_durably;
  refused.message =
      absl::StrCat(self_.value(), ", PG ", absl::Hex(envelope.pg.value()), ": ", message);
  return refused;
}

Segment::Timeline* Segment::Admit(const Envelope& envelope, Refused& refusal) {
  Timeline* const found = Alive(envelope.timeline);
  if (found == nullptr) {
    refusal = Refusal(envelope, RefusalReason::kUnknownSegment,
                      absl::StrCat("no timeline ", absl::Hex(envelope.timeline.value())));
    return nullptr;
  }
  if (envelope.membership_epoch != config_.membership.epoch) {
    refusal = Refusal(envelope, RefusalReason::kStaleMembership,
                      absl::StrCat("membership epoch ", envelope.membership_epoch.value(),
                                   ", current is ", config_.membership.epoch.value()));
    return nullptr;
  }
  Timeline& timeline = *found;
  if (envelope.epoch < timeline.promised) {
    // While the promise is being written there is no higher one to name: ask again a little later.
    const bool told = envelope.epoch < timeline.promised_durably;
    refusal = Refusal(envelope, told ? RefusalReason::kStaleEpoch : RefusalReason::kOverloaded,
                      absl::StrCat("epoch ", envelope.epoch.number, " is fenced by epoch ",
                                   timeline.promised.number));
    return nullptr;
  }
  return &timeline;
}

Segment::Timeline* Segment::AdmitPromised(const Envelope& envelope, Refused& refusal) {
  Timeline* timeline = Admit(envelope, refusal);
  if (timeline != nullptr && envelope.epoch != timeline->promised_durably) {
    refusal = Refusal(envelope, RefusalReason::kNotPromised,
                      absl::StrCat("epoch ", envelope.epoch.number, " was never promised here"));
    return nullptr;
  }
  return timeline;
}

void Segment::Handle(ConnId conn, const quorum::SegmentRequest& request, Instant now,
                     SegmentOutlet& out) {
  std::visit([&](const auto& r) { On(conn, r, now, out); }, request);
}

void Segment::OnPersisted(Continuation& then, SegmentOutlet& out) {
  std::visit([&](auto& t) { Done(t, out); }, then.then);
}

void Segment::OnNotPersisted(const Continuation& then, SegmentOutlet& out) {
  const auto give_back = [&](TimelineId timeline, const std::vector<Lsn>& taken) {
    for (const Lsn first : taken) At(timeline).log.Cancel(first);
  };
  if (const auto* append = std::get_if<AfterAppend>(&then.then)) {
    give_back(append->envelope.timeline, {append->taken});
  } else if (const auto* refill = std::get_if<AfterRefill>(&then.then)) {
    give_back(refill->envelope.timeline, refill->taken);
  } else if (const auto* gossip = std::get_if<AfterGossip>(&then.then)) {
    give_back(gossip->timeline, gossip->taken);
    Timeline& timeline = At(gossip->timeline);
    timeline.asking = false;
    if (gossip->path.has_value()) --timeline.adopting;
    return;
  }
  if (const auto* create = std::get_if<AfterCreate>(&then.then)) {
    EndCreation(create->envelope.timeline);
    KeepForClones();
  } else if (const auto* learn = std::get_if<AfterLearn>(&then.then)) {
    --At(learn->envelope.timeline).adopting;
  } else if (const auto* begin = std::get_if<AfterBegin>(&then.then)) {
    --At(begin->envelope.timeline).adopting;
  }
  std::visit(
      [&](const auto& t) {
        if constexpr (requires { t.conn; }) {
          out.Emit(Reply{t.conn, Refusal(t.envelope, RefusalReason::kDiskFull, "disk full")});
        }
      },
      then.then);
}

// --- creation ------------------------------------------------------------------------------------

void Segment::On(ConnId conn, const quorum::CreateSegment& request, Instant, SegmentOutlet& out) {
  const SegmentConfig asked{request.membership, request.page_size, request.first_page,
                            request.page_count};
  if (!(asked == config_)) {
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kBadRequest,
                                 "this PG exists with another shape or membership")});
    return;
  }
  if (Alive(request.to.timeline) != nullptr) {
    out.Emit(Reply{conn, quorum::Created{request.to}});
    return;
  }
  if (!timelines_.empty()) {
    out.Emit(
        Reply{conn, Refusal(request.to, RefusalReason::kBadRequest,
                            "this PG holds another timeline: a clone comes with its history")});
    return;
  }
  StoreBatch batch;
  std::unique_ptr<Continuation> then;
  PlanCreate(conn, request.to, batch, then);
  out.Persist(request.to.pg, std::move(batch), std::move(*then));
}

void Segment::PlanCreate(ConnId conn, const Envelope& to, StoreBatch& batch,
                         std::unique_ptr<Continuation>& then) const {
  batch.ops.push_back(PutMeta{ConfigKey(to.pg), Encode(config_)});
  const PgPath root = PgPath::Root(to.timeline);
  batch.ops.push_back(PutMeta{PathKey(to.pg, to.timeline), Encode(root)});
  then = std::make_unique<Continuation>(Continuation{AfterCreate{conn, to, root, std::nullopt}});
}

// --- the write path ------------------------------------------------------------------------------

absl::StatusOr<Segment::Taken> Segment::TakeBoxcar(Timeline& timeline, TimelineId id,
                                                   const BytesRef& bytes, const PgPath& path) {
  auto boxcar = quorum::DecodeBoxcar(bytes);
  if (!boxcar.ok()) return boxcar.status();
  const auto& header = boxcar->header;
  if (header.pg != config_.membership.pg || header.timeline != id) {
    return absl::InvalidArgumentError("boxcar of another PG or timeline");
  }
  if (!VisibleIn(*boxcar, path.path).has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "boxcar [", header.first_lsn.value(), ",", header.last_lsn.value(), "] of epoch ",
        header.epoch.number, " is not on the path ", path.path.Describe()));
  }
  if (auto status =
          quorum::CheckPayloads(*boxcar, config_.page_size, config_.first_page, config_.page_count);
      !status.ok()) {
    return status;
  }
  Taken taken{std::nullopt, header};
  const auto fit = timeline.log.Take(*boxcar);
  if (fit == TimelineLog::Fit::kConflict) {
    return absl::InvalidArgumentError(absl::StrCat(
        "boxcar [", header.first_lsn.value(), ",", header.last_lsn.value(), "] after ",
        header.pg_prev.value(), " contradicts the chain, SCL ", timeline.log.scl().value()));
  }
  if (fit == TimelineLog::Fit::kNew) taken.first_lsn = header.first_lsn;
  return taken;
}

absl::StatusOr<std::vector<Lsn>> Segment::TakeBoxcars(Timeline& timeline, TimelineId id,
                                                      const std::vector<BytesRef>& boxcars,
                                                      const PgPath& path, StoreBatch& batch) {
  std::vector<Lsn> firsts;
  for (const BytesRef& bytes : boxcars) {
    auto taken = TakeBoxcar(timeline, id, bytes, path);
    if (!taken.ok()) {
      for (const Lsn first : firsts) timeline.log.Cancel(first);
      return taken.status();
    }
    if (!taken->first_lsn.has_value()) continue;
    firsts.push_back(*taken->first_lsn);
    batch.ops.push_back(PutBoxcar{config_.membership.pg, id, *taken->first_lsn, bytes});
  }
  return firsts;
}

void Segment::On(ConnId conn, const quorum::Append& request, Instant now, SegmentOutlet& out) {
  Refused refusal;
  Timeline* timeline = Admit(request.to, refusal);
  if (timeline == nullptr) {
    out.Emit(Reply{conn, std::move(refusal)});
    return;
  }
  TimelineLog& log = timeline->log;
  if (request.to.epoch != log.begun().path.epoch()) {
    out.Emit(Reply{
        conn, Refusal(request.to, RefusalReason::kNeedsBegin, "this epoch has not begun here")});
    return;
  }
  timeline->writer_heard = now;
  timeline->in_use = request.to.epoch;
  log.HearVdl(request.to.epoch, request.vdl);
  log.HearPgmrpl(request.pgmrpl);
  if (request.boxcar.empty()) {
    out.Emit(Reply{conn, quorum::Ack{request.to, log.scl()}});
    return;
  }
  const auto refuse_for_now = [&] {
    out.Emit(
        Reply{conn, Refusal(request.to, RefusalReason::kOverloaded, "the coalescer is behind")});
  };
  if (!out.MayTake(/*closes_gap=*/true)) {
    SOMETIMES(overloaded_segment_refuses);
    return refuse_for_now();
  }
  const bool has_room = out.MayTake(/*closes_gap=*/false);
  auto taken = TakeBoxcar(*timeline, request.to.timeline, request.boxcar, log.begun());
  if (!taken.ok() || taken->header.epoch != request.to.epoch) {
    SOMETIMES(bad_boxcar_from_the_writer);
    const std::string why =
        taken.ok() ? "boxcar of another epoch than its envelope" : taken.status().ToString();
    if (taken.ok() && taken->first_lsn.has_value()) log.Cancel(*taken->first_lsn);
    out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kBadRequest, why)});
    return;
  }
  if (!taken->first_lsn.has_value()) {
    SOMETIMES(boxcar_comes_twice);
    out.Emit(Reply{conn, quorum::Ack{request.to, log.scl()}});
    return;
  }
  // What follows the chain makes room, but not while a branch holds the coalescer up.
  const auto makes_room = [&] {
    return taken->header.pg_prev == log.scl() && log.BranchToFill() == nullptr;
  };
  if (!has_room && !makes_room()) {
    SOMETIMES(overloaded_segment_takes_only_what_closes_its_gap);
    log.Cancel(*taken->first_lsn);
    return refuse_for_now();
  }
  StoreBatch batch;
  batch.ops.push_back(
      PutBoxcar{request.to.pg, request.to.timeline, *taken->first_lsn, request.boxcar});
  out.Persist(request.to.pg, std::move(batch), {AfterAppend{conn, request.to, *taken->first_lsn}});
}

void Segment::Done(AfterAppend& then, SegmentOutlet& out) {
  TimelineLog& log = At(then.envelope.timeline).log;
  log.MarkDurable(then.taken);
  out.Emit(Reply{then.conn, quorum::Ack{then.envelope, log.scl()}});
}

// --- state ---------------------------------------------------------------------------------------

size_t Segment::hot_bytes() const {
  size_t bytes = 0;
  for (const auto& [id, timeline] : timelines_) bytes += timeline.log.hot_bytes();
  return bytes;
}

std::vector<NodeCore::LogToLoad> Segment::LogsToLoad() const {
  std::vector<NodeCore::LogToLoad> logs;
  for (const auto& [id, timeline] : timelines_) {
    logs.push_back({config_.membership.pg, id, timeline.log.coalesced().Next()});
  }
  return logs;
}

void Segment::Describe(Instant now, std::vector<SegmentDescription>& out) const {
  for (const auto& [id, timeline] : timelines_) {
    SegmentDescription d;
    d.pg = config_.membership.pg;
    d.timeline = id;
    d.begun = timeline.log.begun().path.epoch();
    d.promised = timeline.promised;
    d.membership_epoch = config_.membership.epoch;
    d.scl = timeline.log.scl();
    d.vdl_heard = timeline.log.vdl_heard();
    d.highest = timeline.log.highest();
    d.coalesced = timeline.log.coalesced();
    d.gc_floor = timeline.log.gc_floor();
    d.hot_log_bytes = timeline.log.hot_bytes();
    if (timeline.writer_heard != Instant::Never()) {
      d.writer_silent_ms = (now - timeline.writer_heard).millis();
    }
    d.first_page = config_.first_page;
    d.page_count = config_.page_count;
    d.page_size = config_.page_size;
    d.pages_seen = timeline.log.pages_seen();
    for (const TimelineLog* ancestor : AncestorsOf(timeline.log.begun().path)) {
      d.pages_seen = std::max(d.pages_seen, ancestor->pages_seen());  // perhaps after the fork
    }
    if (timeline.manifest.has_value()) d.name = timeline.manifest->name;
    for (const quorum::Inherited& from : quorum::InheritedBy(timeline.log.begun())) {
      d.ancestors.push_back(from.timeline());
      d.forked_at = from.end.at;
    }
    d.dropped = timeline.dropped;
    out.push_back(std::move(d));
  }
}

void Segment::CheckInvariants() const {
  for (const auto& [id, timeline] : timelines_) {
    INVARIANT(timeline.log.begun().path.epoch() <= timeline.promised_durably);
    INVARIANT(timeline.promised_durably <= timeline.promised);
    timeline.log.CheckInvariants();
  }
}

}  // namespace hexad::storage_node
