// The node's own durable state: loading it, joining a cluster, registers, and dropping segments.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "storage-node/core/node_core.h"
#include "storage-node/core/scrub.h"
#include "storage-node/core/segment.h"
#include "storage-node/core/segment_state.h"

namespace hexad::storage_node {

struct NodeCore::Loading {
  std::map<PgId, SegmentConfig> configs;
  struct TimelineParts {
    EpochId promise;
    std::optional<quorum::PgPath> path;
    std::optional<quorum::Manifest> manifest;
    CoalescedMark coalesced;
    bool dropped = false;
  };
  std::map<std::pair<PgId, TimelineId>, TimelineParts> timelines;
};

NodeCore::NodeCore(NodeOptions options)
    : options_(std::move(options)),
      loading_(std::make_unique<Loading>()),
      prng_(options_.seed),
      scrub_(std::make_unique<Scrub>(options_.scrub_every, options_.scrub_pages, prng_.Next())) {}

NodeCore::~NodeCore() = default;

// --- loading -------------------------------------------------------------------------------------

namespace {

// Stores a decoded value, or says which key is damaged.
template <class T, class Target>
absl::Status Keep(absl::StatusOr<T> decoded, std::string_view key, Target& target) {
  if (!decoded.ok()) {
    return absl::DataLossError(
        absl::StrCat("meta ", std::string(key), ": ", decoded.status().ToString()));
  }
  target = *std::move(decoded);
  return absl::OkStatus();
}

}  // namespace

absl::Status NodeCore::LoadMeta(std::string_view key, std::string_view value) {
  INVARIANT(loading_ != nullptr);
  const auto name = ParseMetaKey(key);
  if (!name.ok()) return name.status();
  const auto timeline = [&]() -> Loading::TimelineParts& {
    return loading_->timelines[{name->pg, name->timeline}];
  };
  switch (name->kind) {
    case MetaKind::kConfig:
      return Keep(DecodeConfig(value), key, loading_->configs[name->pg]);
    case MetaKind::kPromise:
      return Keep(DecodePromise(value), key, timeline().promise);
    case MetaKind::kPath:
      return Keep(DecodePath(value), key, timeline().path);
    case MetaKind::kManifest:
      return Keep(DecodeManifest(value), key, timeline().manifest);
    case MetaKind::kCoalesced:
      return Keep(DecodeCoalesced(value), key, timeline().coalesced);
    case MetaKind::kDropped:
      timeline().dropped = true;
      return absl::OkStatus();
    case MetaKind::kRegister:
      return LoadRegister(name->register_key, key, value);
    case MetaKind::kIdentity: {
      NodeIdentity identity;
      if (auto status = Keep(DecodeIdentity(value), key, identity); !status.ok()) return status;
      cluster_ = identity.cluster;
      roster_ = std::move(identity.roster);
      return absl::OkStatus();
    }
  }
  INVARIANT(false);
}

absl::Status NodeCore::LoadRegister(const std::string& name, std::string_view key,
                                    std::string_view value) {
  Register& loaded = registers_[name];
  auto status = Keep(DecodeRegister(value), key, loaded.durable);
  loaded.latest = loaded.durable;
  return status;
}

absl::StatusOr<std::vector<NodeCore::LogToLoad>> NodeCore::LogsToLoad() {
  INVARIANT(loading_ != nullptr);
  for (auto& [pg, config] : loading_->configs) {
    segments_[pg] = std::make_unique<Segment>(options_.node, std::move(config));
  }
  for (auto& [key, parts] : loading_->timelines) {
    const auto segment = segments_.find(key.first);
    if (segment == segments_.end()) continue;  // without its config: what a drop left behind
    if (!parts.path.has_value()) {
      return absl::DataLossError(absl::StrCat("PG ", absl::Hex(key.first.value()), ", timeline ",
                                              absl::Hex(key.second.value()),
                                              ": its path is missing"));
    }
    segment->second->LoadTimeline(key.second,
                                  {parts.promise, *std::move(parts.path), std::move(parts.manifest),
                                   std::move(parts.coalesced), parts.dropped});
  }
  loading_.reset();
  std::vector<LogToLoad> logs;
  for (const auto& [pg, segment] : segments_) {
    segment->LoadedTimelines();
    for (const LogToLoad& log : segment->LogsToLoad()) logs.push_back(log);
  }
  return logs;
}

absl::Status NodeCore::LoadBoxcar(PgId pg, TimelineId timeline, Lsn first_lsn, BytesRef bytes) {
  const auto segment = segments_.find(pg);
  INVARIANT(segment != segments_.end());
  const size_t before = segment->second->hot_bytes();
  auto status = segment->second->LoadBoxcar(timeline, first_lsn, std::move(bytes));
  hot_bytes_ += segment->second->hot_bytes() - before;
  return status;
}

void NodeCore::LoseLog(PgId pg, TimelineId timeline) {
  const auto segment = segments_.find(pg);
  INVARIANT(segment != segments_.end());
  segment->second->LoseLog(timeline);
}

// --- the cluster ---------------------------------------------------------------------------------

absl::Status NodeCore::CheckCluster(ClusterId cluster) const {
  if (!IsFormed()) {
    return absl::FailedPreconditionError(absl::StrCat(
        options_.node.value(),
        " belongs to no cluster: it is new, or its data is gone; it counts for no quorum"));
  }
  if (cluster == cluster_) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(options_.node.value(), " belongs to cluster ",
                                                    absl::Hex(cluster_.value()), ", not to ",
                                                    absl::Hex(cluster.value())));
}

void NodeCore::On(const FormAsked& asked, Instant, Effects& out) {
  const auto done = [&](absl::Status status) {
    out.push_back(FormDone{asked.call, std::move(status)});
  };
  if (IsFormed()) return done(CheckCluster(asked.cluster));
  const quorum::RosterNode self{options_.node, options_.az, options_.incarnation};
  const bool listed =
      std::find(asked.roster.begin(), asked.roster.end(), self) != asked.roster.end();
  if (asked.cluster == ClusterId() || !listed) {
    return done(absl::InvalidArgumentError(absl::StrCat(
        "the roster does not list ", options_.node.value(), " of AZ ", options_.az.value(),
        " with this disk's incarnation ", absl::Hex(options_.incarnation.value()))));
  }
  if (forming_.has_value() && *forming_ != asked.cluster) {
    return done(absl::FailedPreconditionError(absl::StrCat(
        options_.node.value(), " is joining cluster ", absl::Hex(forming_->value()), " already")));
  }
  forming_ = asked.cluster;
  StoreBatch batch;
  batch.ops.push_back(
      PutMeta{std::string(kIdentityKey), Encode(NodeIdentity{asked.cluster, asked.roster})});
  PersistFor(FormWait{asked.call, asked.cluster, asked.roster}, std::move(batch), out);
}

void NodeCore::Finish(FormWait& wait, bool persisted, Effects& out) {
  forming_.reset();
  if (!persisted) {
    out.push_back(FormDone{wait.call, absl::ResourceExhaustedError("disk full")});
    return;
  }
  cluster_ = wait.cluster;
  roster_ = std::move(wait.roster);
  out.push_back(FormDone{wait.call, absl::OkStatus()});
}

// --- registers -----------------------------------------------------------------------------------

void NodeCore::On(const RegisterAsked& asked, Instant, Effects& out) {
  const auto fail = [&](absl::Status status) {
    out.push_back(RegisterDone{asked.call, std::move(status), false, {}});
  };
  if (auto status = CheckCluster(asked.cluster); !status.ok()) return fail(std::move(status));
  if (asked.key.empty() || asked.key.size() > quorum::kMaxRegisterKeyBytes ||
      (asked.accept.has_value() && asked.accept->size() > quorum::kMaxRegisterValueBytes)) {
    return fail(absl::InvalidArgumentError("register key or value: wrong length"));
  }
  if (asked.ballot.number > quorum::kMaxBallotNumber) {
    return fail(absl::InvalidArgumentError("a ballot that none could follow"));
  }
  Register& reg = registers_[asked.key];
  auto next = asked.accept.has_value() ? quorum::OnAccept(reg.latest, asked.ballot, *asked.accept)
                                       : quorum::OnPrepare(reg.latest, asked.ballot);
  if (!next.has_value()) {
    out.push_back(RegisterDone{asked.call, absl::OkStatus(), false, reg.durable});
    return;
  }
  // The next ballot is judged against it at once; it is told only when it is durable. If the disk
  // turns out to be full, it is as if this answer had been lost.
  reg.latest = *next;
  StoreBatch batch;
  batch.ops.push_back(PutMeta{RegisterKey(asked.key), Encode(*next)});
  PersistFor(RegisterWait{asked.call, asked.key, *std::move(next)}, std::move(batch), out);
}

void NodeCore::Finish(RegisterWait& wait, bool persisted, Effects& out) {
  if (persisted) {
    registers_[wait.key].durable = wait.state;
    out.push_back(RegisterDone{wait.call, absl::OkStatus(), true, std::move(wait.state)});
  } else {
    out.push_back(RegisterDone{wait.call, absl::ResourceExhaustedError("disk full"), false, {}});
  }
}

std::vector<std::pair<std::string, quorum::RegisterState>> NodeCore::Registers(
    std::string_view prefix) const {
  std::vector<std::pair<std::string, quorum::RegisterState>> found;
  for (auto at = registers_.lower_bound(std::string(prefix)); at != registers_.end(); ++at) {
    if (at->first.compare(0, prefix.size(), prefix) != 0) break;
    found.emplace_back(at->first, at->second.durable);
  }
  return found;
}

// --- dropping ------------------------------------------------------------------------------------

void NodeCore::On(const DropSegmentsAsked& asked, Instant now, Effects& out) {
  if (auto status = CheckCluster(asked.cluster); !status.ok()) {
    out.push_back(DropSegmentsDone{asked.call, std::move(status)});
    return;
  }
  for (const PgId pg : asked.pgs) {
    if (Segment* segment = Find(pg)) segment->StartDrop(asked.timeline);
  }
  if (MustWait(asked, now, out)) {
    waiting_drops_.push_back(asked);
  } else {
    StartDrop(asked, out);
  }
}

bool NodeCore::MustWait(const DropSegmentsAsked& asked, Instant now, Effects& out) {
  const auto is_asked = [&](PgId pg) {
    return std::find(asked.pgs.begin(), asked.pgs.end(), pg) != asked.pgs.end();
  };
  if (coalescing_.has_value() && is_asked(std::get<PgId>(*coalescing_))) return true;
  return std::any_of(asked.pgs.begin(), asked.pgs.end(),
                     [&](PgId pg) { return !LeaveToDrop(pg, now, out); });
}

void NodeCore::StartWaitingDrops(Instant now, Effects& out) {
  for (DropSegmentsAsked& drop : std::exchange(waiting_drops_, {})) {
    if (MustWait(drop, now, out)) {
      waiting_drops_.push_back(std::move(drop));
    } else {
      StartDrop(drop, out);
    }
  }
}

// Also what is not in memory is dropped on the disk: an earlier drop may have left remains.
void NodeCore::StartDrop(const DropSegmentsAsked& asked, Effects& out) {
  StoreBatch batch;
  DropWait wait{asked.call, asked.timeline, {}, {}};
  for (const PgId pg : asked.pgs) {
    Segment* segment = Find(pg);
    if (segment == nullptr || segment->IsLast(asked.timeline)) {
      batch.ops.push_back(DropSegment{pg});
      dropping_.insert(pg);
      wait.whole.push_back(pg);
    } else {
      wait.parts.emplace_back(pg, segment->PlanDrop(asked.timeline, batch));
    }
  }
  PersistFor(std::move(wait), std::move(batch), out);
}

void NodeCore::Finish(DropWait& wait, bool persisted, Effects& out) {
  for (const PgId pg : wait.whole) {
    dropping_.erase(dropping_.find(pg));
    const auto segment = segments_.find(pg);
    if (segment == segments_.end()) continue;
    if (!persisted) {
      segment->second->FinishDrop(wait.timeline, {}, false);
      continue;
    }
    hot_bytes_ -= segment->second->hot_bytes();
    segments_.erase(segment);
  }
  for (const auto& [pg, plan] : wait.parts) {
    const auto segment = segments_.find(pg);
    if (segment == segments_.end()) continue;
    const size_t before = segment->second->hot_bytes();
    segment->second->FinishDrop(wait.timeline, plan, persisted);
    hot_bytes_ = hot_bytes_ - before + segment->second->hot_bytes();
  }
  out.push_back(DropSegmentsDone{
      wait.call, persisted ? absl::OkStatus() : absl::ResourceExhaustedError("disk full")});
}

}  // namespace hexad::storage_node
