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

// Everything that the timeline has of the page, by LSN. A read ends at an image, so the next one
// goes on below it.
SegmentStore::Versions EveryVersion(const SegmentStore& store, const ReadPlan& plan) {
  const TimelineId timeline = plan.envelope.timeline;
  std::vector<PageVersion> newest_first;
  for (Lsn last = Lsn::Max(); !last.IsNone();) {
    auto part =
        store.ReadVersions(plan.envelope.pg, plan.page, {LsnRange{timeline, Lsn::First(), last}});
    if (!part.ok()) return part.status();
    if (part->empty()) break;
    last = part->front().lsn.Prev();
    std::move(part->rbegin(), part->rend(), std::back_inserter(newest_first));
  }
  std::reverse(newest_first.begin(), newest_first.end());
  return newest_first;
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
    if (IsInherited(plan) && EveryVersion(store, plan).ok()) {
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
  auto versions = EveryVersion(store, plan);
  if (!versions.ok()) return versions.status();
  size_t bytes = 0;
  for (PageVersion& version : *versions) {
    bytes += version.bytes.size();
    fill.versions.push_back(
        {version.lsn, version.kind == VersionKind::kImage, std::move(version.bytes)});
  }
  if (bytes <= quorum::kMaxScrubBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("versions of ", bytes, " bytes"));
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
      const auto versions = EveryVersion(store, page);
      if (absl::IsDataLoss(versions.status())) {
        *digest = {State::kDamaged, Lsn(), 0};
      } else if (!versions.ok()) {
        return versions.status();
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
