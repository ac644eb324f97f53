#include "storage-node/io/scrub_runner.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "quorum/base/checksum.h"
#include "storage-node/io/plan_runner.h"

namespace hexad::storage_node {
namespace {

using State = quorum::PageDigest::State;

// Calls `each` with everything that the timeline has of the page, newest first, in parts: a read
// ends at an image, so the next one goes on below it. A busy page has far more in its window than
// may be held at once. False from `each` ends it.
template <class Each>
absl::Status ForEachPart(const SegmentStore& store, const ReadPlan& plan, Each each) {
  const TimelineId timeline = plan.envelope.timeline;
  for (Lsn last = Lsn::Max(); !last.IsNone();) {
    auto part =
        store.ReadVersions(plan.envelope.pg, plan.page, {LsnRange{timeline, Lsn::First(), last}});
    if (!part.ok()) return part.status();
    if (part->empty()) break;
    last = part->front().lsn.Prev();
    if (!each(*std::move(part))) break;
  }
  return absl::OkStatus();
}

// A store gives nothing that fails its checksum.
absl::Status CheckEveryVersion(const SegmentStore& store, const ReadPlan& plan) {
  return ForEachPart(store, plan, [](const std::vector<PageVersion>&) { return true; });
}

bool IsInherited(const ReadPlan& plan) {
  return std::any_of(plan.visible.begin(), plan.visible.end(), [&](const LsnRange& range) {
    return range.timeline != plan.envelope.timeline;
  });
}

absl::StatusOr<quorum::PageDigest> DigestOf(const SegmentStore& store, const ReadPlan& plan) {
  const auto page = RunRead(store, plan);
  quorum::PageDigest digest;
  if (absl::IsDataLoss(page.status())) {
    digest.state = State::kDamaged;
    if (IsInherited(plan) && CheckEveryVersion(store, plan).ok()) {
      digest.state = State::kInheritedDamage;
    }
    return digest;
  }
  if (!page.ok()) return page.status();
  digest.page_lsn = page->page_lsn;
  if (!digest.page_lsn.IsNone()) digest.checksum = Checksum(page->page.view());
  return digest;
}

absl::Status AddVersions(const SegmentStore& store, const ReadPlan& plan, quorum::ScrubFill& fill) {
  size_t bytes = 0;
  auto status = ForEachPart(store, plan, [&](std::vector<PageVersion> part) {
    for (auto version = part.rbegin(); version != part.rend(); ++version) {
      bytes += version->bytes.size();
      fill.versions.push_back(
          {version->lsn, version->kind == VersionKind::kImage, std::move(version->bytes)});
    }
    return bytes <= quorum::kMaxScrubBytes;
  });
  if (!status.ok()) return status;
  std::reverse(fill.versions.begin(), fill.versions.end());
  if (bytes <= quorum::kMaxScrubBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("page ", plan.page.value(), " has more than ", quorum::kMaxScrubBytes,
                   " bytes of versions, which is what one answer holds"));
}

}  // namespace

absl::StatusOr<quorum::ScrubFill> RunScrub(const SegmentStore& store, const ScrubPlan& plan) {
  quorum::ScrubFill fill;
  fill.from = plan.envelope;
  fill.coalesced = plan.coalesced;
  fill.gc_floor = plan.gc_floor;
  for (const ReadPlan& page : plan.pages) {
    auto digest = DigestOf(store, page);
    if (!digest.ok()) return digest.status();
    if (plan.every_version && digest->state == State::kWhole) {
      const absl::Status versions = CheckEveryVersion(store, page);
      if (absl::IsDataLoss(versions)) {
        *digest = {State::kDamaged, Lsn(), 0};
      } else if (!versions.ok()) {
        return versions;
      }
    }
    fill.digests.push_back(*digest);
  }
  if (plan.with_versions) {
    if (auto status = AddVersions(store, plan.pages.front(), fill); !status.ok()) return status;
  }
  return fill;
}

}  // namespace hexad::storage_node
