// A segment's part in the scrub (core/scrub.h): what is compared, and what may take whose place.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/boxcar.h"
#include "storage-node/core/scrub.h"
#include "storage-node/core/segment.h"
#include "storage-node/core/segment_state.h"

namespace hexad::storage_node {
namespace {

absl::Status CheckRun(const quorum::StoredVersion& run, PageNo page, uint32_t page_size) {
  std::string_view rest = run.bytes.view();
  Lsn last = run.lsn.Prev();
  while (!rest.empty()) {
    const auto decoded = quorum::DecodeRecord(rest);
    if (!decoded.ok()) return decoded.status();
    const quorum::RecordView& record = decoded->record;
    const bool is_first = last < run.lsn;
    if (record.page != page || record.lsn <= last || (is_first && record.lsn != run.lsn)) {
      return absl::InvalidArgumentError("a run with records that are not its own");
    }
    if (auto status = quorum::CheckPayload(record, page_size); !status.ok()) return status;
    last = record.lsn;
    rest.remove_prefix(decoded->size);
  }
  return absl::OkStatus();
}

// Of bytes from outside: what is stored must be what a coalescing could have written.
absl::Status CheckVersions(const quorum::ScrubFill& fill, PageNo page, uint32_t page_size) {
  Lsn last;
  for (const quorum::StoredVersion& version : fill.versions) {
    if (version.lsn <= last || version.bytes.empty()) {
      return absl::InvalidArgumentError("versions out of order");
    }
    last = version.lsn;
    if (version.is_image && version.bytes.size() != page_size) {
      return absl::InvalidArgumentError("an image of another size");
    }
    if (version.is_image) continue;
    if (auto status = CheckRun(version, page, page_size); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<ScrubRange> Segment::ScrubAfter(const std::optional<ScrubRange>& after) const {
  const auto from =
      after.has_value() ? timelines_.lower_bound(after->timeline) : timelines_.begin();
  const uint64_t end = uint64_t{config_.first_page.value()} + config_.page_count;
  for (auto it = from; it != timelines_.end(); ++it) {
    const auto& [id, timeline] = *it;
    if (timeline.dropping || timeline.dropped) continue;
    uint64_t first = config_.first_page.value();
    if (after.has_value() && after->timeline == id) {
      first = uint64_t{after->first.value()} + after->count;
    }
    const uint64_t last = std::min(end, timeline.log.pages_seen());
    if (first >= last) continue;
    return ScrubRange{config_.membership.pg, id, PageNo(static_cast<uint32_t>(first)),
                      static_cast<uint32_t>(last - first)};
  }
  return std::nullopt;
}

std::optional<quorum::ScrubAsk> Segment::ScrubQuestion(const ScrubRange& range) const {
  const auto found = timelines_.find(range.timeline);
  if (found == timelines_.end() || found->second.log.is_damaged()) return std::nullopt;
  const TimelineLog& log = found->second.log;
  quorum::ScrubAsk ask;
  ask.to = {range.timeline, config_.membership.pg, log.begun().path.epoch(),
            config_.membership.epoch};
  ask.first_page = range.first;
  ask.page_count = range.count;
  ask.at = std::min(log.scl(), log.vdl_heard());
  ask.coalesced = log.coalesced();
  if (ask.at < log.gc_floor() || !log.begun().path.CanForkAt(ask.at)) return std::nullopt;
  return ask;
}

absl::StatusOr<ScrubPlan> Segment::PlanScrub(const quorum::ScrubAsk& ask) const {
  const auto found = timelines_.find(ask.to.timeline);
  if (found == timelines_.end() || found->second.dropping || found->second.dropped) {
    return absl::NotFoundError("no such timeline");
  }
  const TimelineLog& log = found->second.log;
  const quorum::PgPath& begun = log.begun();
  if (ask.to.epoch != begun.path.epoch() || ask.to.membership_epoch != config_.membership.epoch) {
    return absl::OutOfRangeError("another epoch");
  }
  const uint64_t first = ask.first_page.value();
  const uint64_t own_first = config_.first_page.value();
  if (ask.page_count == 0 || ask.page_count > quorum::kMaxScrubPages || first < own_first ||
      first + ask.page_count > own_first + config_.page_count) {
    return absl::InvalidArgumentError("not this PG's pages");
  }
  if (log.is_damaged() || ask.at > std::min(log.scl(), log.vdl_heard()) ||
      ask.at < log.gc_floor() || !begun.path.CanForkAt(ask.at)) {
    return absl::OutOfRangeError(absl::StrCat("LSN ", ask.at.value(), " cannot be read here"));
  }
  if (auto status = CheckAncestors(begun); !status.ok()) return status;
  if (ask.with_versions &&
      (log.coalesced() < ask.coalesced || log.BranchesWholeTo() < Lsn::Max())) {
    return absl::OutOfRangeError("the page store here does not hold all of it");
  }
  ScrubPlan plan;
  plan.envelope = ask.to;
  plan.with_versions = ask.with_versions;
  plan.coalesced = log.coalesced();
  plan.gc_floor = log.gc_floor();
  for (uint32_t i = 0; i < ask.page_count; ++i) {
    ReadPlan& page = plan.pages.emplace_back();
    page.envelope = ask.to;
    page.page = PageNo(static_cast<uint32_t>(first + i));
    page.page_size = config_.page_size;
    page.read_point = ask.at;
    page.scl = log.scl();
    log.PlanRead(begun.path, ask.at, page, AncestorsOf(begun.path));
  }
  return plan;
}

bool Segment::MayServe(const ScrubPlan& plan) const {
  const auto found = timelines_.find(plan.envelope.timeline);
  if (found == timelines_.end() || found->second.dropping || found->second.dropped) return false;
  const Lsn floor = found->second.log.gc_floor();
  // What was merged meanwhile below a floor that rose would be told under the old one.
  return plan.with_versions ? floor == plan.gc_floor : floor <= plan.pages.front().read_point;
}

std::optional<StoreBatch> Segment::PlanRepair(const quorum::ScrubAsk& ask,
                                              const quorum::ScrubFill& fill) {
  Timeline* const timeline = Alive(ask.to.timeline);
  if (timeline == nullptr || timeline->coalescing || timeline->adopting > 0) return std::nullopt;
  TimelineLog& log = timeline->log;
  // On the same history, a store that holds more is as right; one that holds less is not.
  if (log.begun().path.epoch() != ask.to.epoch || fill.coalesced < log.coalesced()) {
    return std::nullopt;
  }
  if (!CheckVersions(fill, ask.first_page, config_.page_size).ok()) return std::nullopt;
  const auto mark = log.RaiseFloor(fill.gc_floor);
  if (!mark.has_value()) return std::nullopt;
  const PgId pg = config_.membership.pg;
  StoreBatch batch;
  batch.ops.push_back(PutMeta{CoalescedKey(pg, ask.to.timeline), Encode(*mark)});
  batch.ops.push_back(DropPage{pg, ask.first_page, ask.to.timeline});
  for (const quorum::StoredVersion& version : fill.versions) {
    batch.ops.push_back(PutVersion{pg, ask.first_page, ask.to.timeline, version.lsn,
                                   version.is_image ? VersionKind::kImage : VersionKind::kRun,
                                   std::string(version.bytes.view())});
  }
  return batch;
}

}  // namespace hexad::storage_node
