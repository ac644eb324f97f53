#include "storage-node/core/page_builder.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "quorum/boxcar.h"
#include "storage-node/core/timeline_log.h"

namespace hexad::storage_node {

using quorum::DecodeRecord;
using quorum::RecordView;

namespace {

// A page's chain becomes an image once its records are longer than page size / kImageFraction.
constexpr uint32_t kImageFraction = 4;

bool InRanges(const std::vector<LsnRange>& ranges, TimelineId timeline, Lsn lsn) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const LsnRange& range) {
    return range.timeline == timeline && range.first <= lsn && lsn <= range.last;
  });
}

// A page under construction: records go on in history order, each once, along its page chain.
class Builder {
 public:
  Builder(PageNo page, uint32_t page_size, bool truncated)
      : page_(page), bytes_(page_size, '\0'), check_chain_(!truncated) {}

  void StartFrom(const PageVersion& image) {
    bytes_.assign(image.bytes.view());
    at_ = image.lsn;
    check_chain_ = true;
  }

  absl::Status Apply(std::string_view encoded) {
    auto decoded = DecodeRecord(encoded);
    if (!decoded.ok()) return decoded.status();
    const RecordView& record = decoded->record;
    if (record.lsn <= at_) return absl::OkStatus();  // in an image or a run already
    if (check_chain_ && record.page_prev != at_) {
      return absl::DataLossError(absl::StrCat("page ", page_.value(), ": record ",
                                              record.lsn.value(), " follows ",
                                              record.page_prev.value(), ", but ", at_.value(),
                                              " is the last one here: a hole in its history"));
    }
    if (auto status = quorum::CheckPayload(record, static_cast<uint32_t>(bytes_.size()));
        !status.ok()) {
      return status;
    }
    quorum::ApplyRecord(record, bytes_);
    at_ = record.lsn;
    check_chain_ = true;
    return absl::OkStatus();
  }

  Lsn at() const { return at_; }
  std::string Take() { return std::move(bytes_); }

 private:
  PageNo page_;
  std::string bytes_;
  Lsn at_;
  bool check_chain_;
};

// Calls `each` for every record of a run.
template <class Each>
absl::Status ForEachInRun(const PageVersion& run, Each each) {
  std::string_view rest = run.bytes.view();
  while (!rest.empty()) {
    auto decoded = DecodeRecord(rest);
    if (!decoded.ok()) return decoded.status();
    if (auto status = each(decoded->record, rest.substr(0, decoded->size)); !status.ok()) {
      return status;
    }
    rest.remove_prefix(decoded->size);
  }
  return absl::OkStatus();
}

absl::Status ApplyVersions(const std::vector<PageVersion>& versions,
                           const std::vector<LsnRange>& visible, uint32_t page_size,
                           Builder& builder) {
  for (const PageVersion& version : versions) {
    if (version.kind == VersionKind::kImage) {
      if (version.bytes.size() != page_size) {
        return absl::DataLossError(absl::StrCat("a page image of ", version.bytes.size(),
                                                " bytes, page size ", page_size));
      }
      builder.StartFrom(version);
      continue;
    }
    auto status = ForEachInRun(version, [&](const RecordView& record, std::string_view bytes) {
      return InRanges(visible, version.timeline, record.lsn) ? builder.Apply(bytes)
                                                             : absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Lsn> LastOfRun(const PageVersion& run) {
  Lsn last = run.lsn;
  auto status = ForEachInRun(run, [&](const RecordView& record, std::string_view) {
    last = record.lsn;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return last;
}

// The last truncate of `page` at or below `up_to`, None() if there is none.
Lsn LastTruncate(const CoalescePlan& plan, PageNo page, Lsn up_to) {
  Lsn last;
  for (const TruncateMark& mark : plan.truncates) {
    if (mark.from_page <= page && mark.lsn <= up_to) last = std::max(last, mark.lsn);
  }
  return last;
}

using RecordIter = std::vector<HotRecord>::const_iterator;

// Records as runs; a new one starts after each truncate of the page, so that a read above a
// truncate finds whole runs or none.
void PutRuns(const CoalescePlan& plan, PageNo page, RecordIter from, RecordIter end,
             StoreBatch& out) {
  Lsn truncated;
  PutVersion* run = nullptr;
  for (auto record = from; record != end; ++record) {
    const Lsn cut = LastTruncate(plan, page, record->lsn);
    if (run == nullptr || cut != truncated) {
      out.ops.push_back(
          PutVersion{plan.pg, page, plan.timeline, record->lsn, VersionKind::kRun, {}});
      run = &std::get<PutVersion>(out.ops.back());
      truncated = cut;
    }
    run->bytes.append(record->bytes.view());
  }
}

// Which of a page's versions and records may become an image, and which stay runs.
struct Fold {
  std::vector<PageVersion> base;  // versions that still count
  RecordIter begin;               // the first record that no version holds
  RecordIter split;               // the first record that may not be merged
  size_t mergeable_bytes = 0;
  absl::Status status;  // of the versions' bytes
};

Fold PlanFold(const CoalescePlan& plan, const PageWork& work,
              const std::vector<PageVersion>& versions) {
  Fold fold;
  // What a truncate at or below the floor cut off, nobody can read any more.
  const Lsn cut = LastTruncate(plan, work.page, plan.floor);
  // An image may not fall inside a run: a run that reaches above the floor keeps everything after
  // it in runs as well.
  Lsn merge_to = plan.floor;
  // A coalescing that a crash cut short may have done this page already: what its versions hold is
  // not written again (a run under an image's key would take the image's place).
  Lsn covered = cut;
  for (const PageVersion& version : versions) {
    if (version.timeline == plan.timeline && version.lsn <= cut) continue;
    fold.base.push_back(version);
    covered = std::max(covered, version.lsn);
    if (version.kind != VersionKind::kRun) continue;
    const auto last = LastOfRun(version);
    if (!last.ok()) {
      fold.status = last.status();
      continue;
    }
    covered = std::max(covered, *last);
    if (*last > plan.floor) merge_to = std::min(merge_to, version.lsn.Prev());
    fold.mergeable_bytes += version.bytes.size();
  }
  const auto above = [](Lsn lsn) { return [lsn](const HotRecord& r) { return r.lsn > lsn; }; };
  const auto end = work.records.end();
  fold.begin = std::find_if(work.records.begin(), end, above(covered));
  fold.split = std::find_if(fold.begin, end, above(merge_to));
  for (auto record = fold.begin; record != fold.split; ++record) {
    fold.mergeable_bytes += record->bytes.size();
  }
  return fold;
}

absl::Status BuildImage(const CoalescePlan& plan, const Fold& fold, Builder& builder) {
  auto status = ApplyVersions(fold.base, plan.visible, plan.page_size, builder);
  for (auto record = fold.begin; status.ok() && record != fold.split; ++record) {
    status = builder.Apply(record->bytes.view());
  }
  return status;
}

}  // namespace

absl::StatusOr<quorum::PageRead> BuildPage(const ReadPlan& plan,
                                           const std::vector<PageVersion>& versions) {
  Builder builder(plan.page, plan.page_size, plan.truncated);
  if (auto status = ApplyVersions(versions, plan.visible, plan.page_size, builder); !status.ok()) {
    return status;
  }
  for (const HotRecord& record : plan.hot) {
    if (auto status = builder.Apply(record.bytes.view()); !status.ok()) return status;
  }
  quorum::PageRead read;
  read.page_lsn = builder.at();
  read.scl = plan.scl;
  read.page = BytesRef::Own(builder.Take());
  return read;
}

std::vector<PageWork> GroupByPage(const CoalescePlan& plan) {
  struct Item {
    PageNo page;
    HotRecord record;
  };
  std::vector<Item> items;
  for (const quorum::Boxcar& boxcar : plan.boxcars) {
    quorum::RecordCursor cursor(boxcar);
    const size_t base = boxcar.size() - boxcar.records().size();
    for (RecordView record; cursor.Next(record);) {
      if (record.kind == quorum::RecordKind::kNop || record.kind == quorum::RecordKind::kTruncate) {
        continue;
      }
      if (!InRanges(plan.visible, plan.timeline, record.lsn)) continue;
      const size_t size = quorum::kRecordHeaderBytes + record.payload.size();
      items.push_back(
          {record.page,
           {plan.timeline, record.lsn, boxcar.bytes.Part(base + cursor.offset(), size)}});
    }
  }
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return std::tie(a.page, a.record.lsn) < std::tie(b.page, b.record.lsn);
  });
  std::vector<PageWork> works;
  for (Item& item : items) {
    if (works.empty() || works.back().page != item.page) works.push_back({item.page, {}});
    works.back().records.push_back(std::move(item.record));
  }
  return works;
}

absl::Status CoalescePage(const CoalescePlan& plan, const PageWork& work,
                          const absl::StatusOr<std::vector<PageVersion>>& versions,
                          StoreBatch& out) {
  const auto end = work.records.end();
  if (!versions.ok()) {
    PutRuns(plan, work.page, work.records.begin(), end, out);
    return versions.status();
  }
  const Fold fold = PlanFold(plan, work, *versions);
  const bool enough = fold.mergeable_bytes > plan.page_size / kImageFraction;
  if (!fold.status.ok() || fold.begin == fold.split || !enough) {
    PutRuns(plan, work.page, fold.begin, end, out);
    return fold.status;
  }
  Builder builder(work.page, plan.page_size, !LastTruncate(plan, work.page, plan.floor).IsNone());
  if (auto status = BuildImage(plan, fold, builder); !status.ok()) {
    PutRuns(plan, work.page, fold.begin, end, out);
    return status;
  }
  const Lsn lsn = builder.at();
  out.ops.push_back(
      PutVersion{plan.pg, work.page, plan.timeline, lsn, VersionKind::kImage, builder.Take()});
  // All that lay below it: an earlier image ended the read, and took what was below it then.
  for (const PageVersion& version : *versions) {
    if (version.timeline != plan.timeline || version.lsn >= lsn) continue;
    out.ops.push_back(DropVersion{plan.pg, work.page, plan.timeline, version.lsn});
  }
  PutRuns(plan, work.page, fold.split, end, out);
  return absl::OkStatus();
}

}  // namespace hexad::storage_node
