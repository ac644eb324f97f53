// A segment's timelines as a family: clones are made out of their parents, and keep what they see
// of them (docs/fork.md). Which clones continue a timeline is told by their histories: a clone's
// root is on its path for ever.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "storage-node/core/segment.h"

namespace hexad::storage_node {

using quorum::Inherited;
using quorum::PgPath;
using quorum::RefusalReason;
using quorum::Refused;

namespace {

absl::Status CheckClone(const quorum::CreateTimeline& request) {
  const TimelineId clone = request.to.timeline;
  if (auto status = CheckHistory(request.history, clone); !status.ok()) return status;
  const auto inherited = quorum::InheritedBy(request.history);
  const auto& steps = request.history.path.steps();
  if (inherited.empty() || request.history.path.epoch() != EpochId::Root() ||
      steps.back().first_lsn != steps[steps.size() - 2].last_lsn.Next() ||
      !request.history.branches.empty()) {
    return absl::InvalidArgumentError("the history is not a clone's root");
  }
  if (!request.manifest.has_value()) return absl::OkStatus();
  if (request.manifest->timeline != clone ||
      request.manifest->retained_from != inherited.back().end.at) {
    return absl::InvalidArgumentError("the manifest is not this clone's, retained from its fork");
  }
  return request.manifest->Check();
}

}  // namespace

// --- creation ------------------------------------------------------------------------------------

std::optional<Refused> Segment::RefuseClone(const quorum::CreateTimeline& request) {
  const auto refuse = [&](RefusalReason reason, std::string why) {
    return Refusal(request.to, reason, std::move(why));
  };
  if (request.to.membership_epoch != config_.membership.epoch) {
    return refuse(RefusalReason::kStaleMembership, "another membership epoch");
  }
  if (auto status = CheckClone(request); !status.ok()) {
    return refuse(RefusalReason::kBadRequest, status.ToString());
  }
  if (const auto same = creating_.find(request.to.timeline);
      same != creating_.end() && !(same->second.history == request.history)) {
    return refuse(RefusalReason::kBadRequest, "this clone is being made at another place");
  }
  std::vector<Inherited> ancestors = quorum::InheritedBy(request.history);
  const Inherited from = ancestors.back();
  ancestors.pop_back();
  const Timeline* parent = Here(from.timeline());
  if (parent == nullptr) {
    return refuse(RefusalReason::kUnknownSegment,
                  absl::StrCat("no timeline ", absl::Hex(from.timeline().value()), " to continue"));
  }
  // Where the parent left its own ancestors, their floors know of, and of no other place.
  if (ancestors != quorum::InheritedBy(parent->log.begun())) {
    return refuse(RefusalReason::kBadRequest, "the parent did not leave its ancestors there");
  }
  // With the pin, R counts as well: an R and a pin that both have a write quorum meet.
  const Lsn lowest = request.manifest.has_value()
                         ? std::max(parent->log.gc_floor(), parent->retained)
                         : parent->log.gc_floor();
  if (from.end.at < lowest) {
    return refuse(RefusalReason::kOutOfRange,
                  absl::StrCat("LSN ", from.end.at.value(), " is older than what is retained, ",
                               lowest.value(), " and later"));
  }
  if (!parent->log.Holds(from) || !CheckAncestors(request.history).ok()) {
    return refuse(
        RefusalReason::kOverloaded,
        absl::StrCat("the parent's records are not whole here up to LSN ", from.end.tail.value()));
  }
  return std::nullopt;
}

void Segment::On(ConnId conn, const quorum::CreateTimeline& request, Instant, SegmentOutlet& out) {
  const auto [id, pg] = std::pair(request.to.timeline, request.to.pg);
  if (const auto here = timelines_.find(id); here != timelines_.end()) {
    const auto root = quorum::HistoryOf(here->second.log.begun(), EpochId::Root());
    if (Alive(id) == nullptr) {
      out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kUnknownSegment, "it was dropped")});
    } else if (root == request.history) {
      out.Emit(Reply{conn, quorum::Created{request.to}});
    } else {
      out.Emit(Reply{conn, Refusal(request.to, RefusalReason::kBadRequest,
                                   "this timeline exists with another history")});
    }
    return;
  }
  if (auto refused = RefuseClone(request)) {
    out.Emit(Reply{conn, *std::move(refused)});
    return;
  }
  const Lsn fork = quorum::InheritedBy(request.history).back().end.at;
  StoreBatch batch;
  batch.ops.push_back(PutMeta{PathKey(pg, id), Encode(request.history)});
  // Its own log begins above the fork: there is nothing of it below that could be coalesced, read
  // or forked.
  batch.ops.push_back(
      PutMeta{CoalescedKey(pg, id), Encode(CoalescedMark{fork, fork, {}, 0, fork})});
  if (request.manifest.has_value()) {
    batch.ops.push_back(PutMeta{ManifestKey(pg, id), Encode(*request.manifest)});
  }
  // From here on no floor passes the fork, although the pin is not durable yet.
  Creation& creation = creating_[id];
  creation.history = request.history;
  ++creation.in_flight;
  KeepForClones();
  out.Persist(pg, std::move(batch),
              {AfterCreate{conn, request.to, request.history, request.manifest}});
}

void Segment::EndCreation(TimelineId timeline) {
  const auto creation = creating_.find(timeline);
  if (creation != creating_.end() && --creation->second.in_flight == 0) creating_.erase(creation);
}

void Segment::Done(AfterCreate& then, SegmentOutlet& out) {
  const TimelineId timeline = then.envelope.timeline;
  EndCreation(timeline);
  if (!timelines_.contains(timeline)) {
    TimelineState state;
    const auto inherited = quorum::InheritedBy(then.history);
    if (!inherited.empty()) {
      const Lsn fork = inherited.back().end.at;
      state.coalesced = CoalescedMark{fork, fork, {}, 0, fork};
    }
    state.path = std::move(then.history);
    state.manifest = std::move(then.manifest);
    LoadTimeline(timeline, std::move(state));
  }
  KeepForClones();
  out.Emit(Reply{then.conn, quorum::Created{then.envelope}});
}

// --- the family ----------------------------------------------------------------------------------

Segment::Timeline* Segment::Here(TimelineId id) {
  const auto found = timelines_.find(id);
  return found == timelines_.end() || found->second.dropping ? nullptr : &found->second;
}

Segment::Timeline* Segment::Alive(TimelineId id) {
  Timeline* timeline = Here(id);
  return timeline == nullptr || timeline->dropped ? nullptr : timeline;
}

void Segment::KeepForClones() {
  std::map<TimelineId, std::vector<Inherited>> seen;
  const auto see = [&](const PgPath& history) {
    for (Inherited& from : quorum::InheritedBy(history)) {
      auto& of = seen[from.timeline()];
      if (std::find(of.begin(), of.end(), from) == of.end()) of.push_back(std::move(from));
    }
  };
  for (const auto& [id, timeline] : timelines_) {
    if (!timeline.dropped) see(timeline.log.begun());
  }
  for (const auto& [id, creation] : creating_) see(creation.history);
  for (auto& [id, timeline] : timelines_) timeline.log.KeepFor(std::move(seen[id]));
}

TimelineLog::Ancestors Segment::AncestorsOf(const quorum::Path& path) const {
  TimelineLog::Ancestors logs;
  TimelineId last = path.timeline();
  for (const quorum::PathStep& step : path.steps()) {
    if (step.timeline == path.timeline()) break;
    if (step.timeline == last) continue;
    last = step.timeline;
    // A PG that the clone grew by itself holds nothing of its ancestors.
    const auto log = timelines_.find(step.timeline);
    if (log != timelines_.end()) logs.push_back(&log->second.log);
  }
  return logs;
}

absl::Status Segment::CheckAncestors(const PgPath& history) const {
  if (history.path.steps().front().timeline == history.path.timeline()) return absl::OkStatus();
  for (const Inherited& from : quorum::InheritedBy(history)) {
    const auto found = timelines_.find(from.timeline());
    const bool whole = found == timelines_.end() ? from.end.tail.IsNone()
                                                 : found->second.log.whole_below() > from.end.tail;
    if (!whole) {
      return absl::DataLossError(absl::StrCat("the records that were inherited from timeline ",
                                              absl::Hex(from.timeline().value()),
                                              " cannot all be read"));
    }
  }
  return absl::OkStatus();
}

// --- dropping ------------------------------------------------------------------------------------

void Segment::StartDrop(TimelineId id) {
  if (const auto found = timelines_.find(id); found != timelines_.end() && !found->second.dropped) {
    found->second.dropping = true;
  }
}

bool Segment::IsLast(TimelineId id) const {
  const auto lives = [&](const auto& entry) {
    return entry.first != id && !entry.second.dropped && !entry.second.dropping;
  };
  return std::none_of(timelines_.begin(), timelines_.end(), lives) &&
         std::all_of(creating_.begin(), creating_.end(),
                     [&](const auto& entry) { return entry.first == id; });
}

TimelineDrop Segment::PlanDrop(TimelineId id, StoreBatch& batch) {
  std::set<TimelineId> needed;
  const auto need = [&](const PgPath& history) {
    for (const Inherited& from : quorum::InheritedBy(history)) needed.insert(from.timeline());
  };
  for (const auto& [other, timeline] : timelines_) {
    if (other != id && !timeline.dropped) need(timeline.log.begun());
  }
  for (const auto& [other, creation] : creating_) need(creation.history);
  TimelineDrop plan;
  const PgId pg = config_.membership.pg;
  for (auto& [other, timeline] : timelines_) {
    if (other != id && !timeline.dropped) continue;
    if (needed.contains(other)) {
      if (timeline.dropped) continue;
      plan.retire = true;
      batch.ops.push_back(PutMeta{DroppedKey(pg, other), ""});
    } else {
      plan.erase.push_back(other);
      timeline.dropping = true;
      batch.ops.push_back(DropTimeline{pg, other});
    }
  }
  return plan;
}

void Segment::FinishDrop(TimelineId id, const TimelineDrop& plan, bool persisted) {
  for (auto& [other, timeline] : timelines_) {
    if (other != id && !timeline.dropped) continue;
    timeline.dropping = false;
    timeline.asking = false;  // what a peer answers meanwhile is nobody's
  }
  if (!persisted) return;
  for (const TimelineId gone : plan.erase) timelines_.erase(gone);
  if (plan.retire) At(id).dropped = true;
  KeepForClones();
  if (plan.retire) At(id).log.Retire();
}

}  // namespace hexad::storage_node
