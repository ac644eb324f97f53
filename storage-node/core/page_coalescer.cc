// What a coalescing writes of one page (page_builder.h).
#include <algorithm>
#include <utility>

#include "quorum/base/check.h"
#include "quorum/base/marks.h"
#include "storage-node/core/page_builder.h"
#include "storage-node/core/page_chain.h"

namespace hexad::storage_node {

using quorum::RecordCursor;
using quorum::RecordView;

namespace {

// Below the floor a page's chain becomes an image once its records are longer than page size /
// kImageFraction: the image takes their place.
constexpr uint32_t kImageFraction = 4;

using RecordIter = std::span<const PageRecord>::iterator;

RecordView ViewOf(const PageRecord& record) {
  RecordView view;
  INVARIANT(RecordCursor(record.bytes).Next(view));  // of a verified boxcar
  return view;
}

// The last truncate of `page` at or below `up_to` that `visible` sees, None() if there is none.
Lsn LastTruncate(const CoalescePlan& plan, PageNo page, Lsn up_to,
                 const std::vector<LsnRange>& visible) {
  Lsn last;
  for (const TruncateMark& mark : plan.truncates) {
    if (mark.from_page > page || mark.lsn > up_to) continue;
    const bool seen = std::any_of(visible.begin(), visible.end(), [&](const LsnRange& range) {
      return range.first <= mark.lsn && mark.lsn <= range.last;
    });
    if (seen) last = std::max(last, mark.lsn);
  }
  return last;
}

// Records as runs, in the order of the log. A new run starts after each truncate of the page, so
// that a read above it finds whole runs or none; after an image, which may not fall inside a run;
// and with each epoch: a run lies under its first record's LSN, and a history that does not hold
// that one looks for no other in it.
class Runs {
 public:
  Runs(const CoalescePlan& plan, PageNo page, StoreBatch& out)
      : plan_(plan), page_(page), out_(out) {}

  void Add(const PageRecord& record, uint32_t epoch) {
    const Lsn cut = LastTruncate(plan_, page_, record.lsn, plan_.visible);
    if (!open_ || cut != truncated_ || epoch != epoch_) {
      out_.ops.push_back(
          PutVersion{plan_.pg, page_, plan_.timeline, record.lsn, VersionKind::kRun, {}});
      open_ = true;
      first_ = record.lsn;
      truncated_ = cut;
      epoch_ = epoch;
    }
    std::get<PutVersion>(out_.ops.back()).bytes.append(record.bytes);
  }

  void EndWithImage(Lsn lsn, std::string page) {
    if (open_ && first_ == lsn) out_.ops.pop_back();  // a run of this record alone: the same key
    open_ = false;
    out_.ops.push_back(
        PutVersion{plan_.pg, page_, plan_.timeline, lsn, VersionKind::kImage, std::move(page)});
  }

 private:
  const CoalescePlan& plan_;
  const PageNo page_;
  StoreBatch& out_;
  bool open_ = false;
  Lsn first_;
  Lsn truncated_;
  uint32_t epoch_ = 0;
};

void PutRuns(const CoalescePlan& plan, const PageWork& work, RecordIter from, StoreBatch& out) {
  Runs runs(plan, work.page, out);
  for (auto record = from; record != work.records.end(); ++record) {
    runs.Add(*record, ViewOf(*record).epoch_number);
  }
}

// Which of a page's versions and records may become an image, and which stay runs.
struct Fold {
  std::vector<PageVersion> base;          // versions of the head that still count
  RecordIter begin;                       // the first record that no version holds
  RecordIter split;                       // the first record that may not be merged
  std::span<const PageRecord> inherited;  // those that no truncate cut off
  size_t mergeable_bytes = 0;
  size_t chain_bytes = 0;  // of runs, since the newest image of `base`
  absl::Status status;     // of the versions' bytes
};

// The last record that some versions hold.
absl::StatusOr<Lsn> LastIn(const std::vector<PageVersion>& versions,
                           const std::vector<LsnRange>& visible) {
  Lsn last;
  for (const PageVersion& version : versions) {
    last = std::max(last, version.lsn);
    if (version.kind != VersionKind::kRun) continue;
    const auto end = LastOfRun(version, visible);
    if (!end.ok()) return end.status();
    last = std::max(last, *end);
  }
  return last;
}

// A coalescing that a crash cut short may have done this page already: what its versions hold is
// not written again (a run under an image's key would take the image's place).
absl::StatusOr<Lsn> Covered(const CoalescePlan& plan, const StoredPage& stored) {
  auto covered = LastIn(*stored.head, plan.head);
  if (!covered.ok() || !stored.all.has_value()) return covered;
  const auto all = LastIn(**stored.all, plan.visible);
  if (!all.ok()) return all;
  return std::max(*covered, *all);
}

Fold PlanFold(const CoalescePlan& plan, const PageWork& work, const StoredPage& stored) {
  Fold fold;
  // What a truncate at or below the floor cut off, nobody can read any more.
  const Lsn cut = LastTruncate(plan, work.page, plan.floor, plan.head);
  // An image may not fall inside a run: a run that reaches above the floor keeps everything after
  // it in runs as well.
  Lsn merge_to = plan.floor;
  for (const PageVersion& version : *stored.head) {
    if (version.lsn <= cut) continue;
    fold.base.push_back(version);
    if (version.kind != VersionKind::kRun) {
      fold.chain_bytes = 0;
      continue;
    }
    const auto last = LastOfRun(version, plan.head);
    if (!last.ok()) {
      fold.status = last.status();
      continue;
    }
    if (*last > plan.floor) merge_to = std::min(merge_to, version.lsn.Prev());
    fold.mergeable_bytes += version.bytes.size();
    fold.chain_bytes += version.bytes.size();
  }
  const auto covered = Covered(plan, stored);
  if (!covered.ok()) fold.status = covered.status();
  const auto above = [](Lsn lsn) { return [lsn](const PageRecord& r) { return r.lsn > lsn; }; };
  const auto end = work.records.end();
  const auto uncut = std::find_if(work.inherited.begin(), work.inherited.end(), above(cut));
  fold.inherited = {uncut, work.inherited.end()};
  fold.begin = std::find_if(work.records.begin(), end, above(std::max(cut, covered.value_or(cut))));
  fold.split = std::find_if(fold.begin, end, above(merge_to));
  for (auto record = fold.begin; record != fold.split; ++record) {
    fold.mergeable_bytes += record->bytes.size();
  }
  return fold;
}

// A page's records lie all over the hot log, most of it long out of the processor's caches: asked
// for all at once they come side by side, not one after the other.
void Prefetch(RecordIter begin, RecordIter end) {
  constexpr size_t kCacheLine = 64;
  constexpr size_t kMaxBytes = 1024;  // beyond that the processor sees by itself where it goes
  for (auto record = begin; record != end; ++record) {
    const size_t bytes = std::min(record->bytes.size(), kMaxBytes);
    for (size_t at = 0; at < bytes; at += kCacheLine) __builtin_prefetch(record->bytes.data() + at);
  }
}

// Records that stay: runs, and along the head an image wherever the chain since the last one is
// longer than a page. The runs below it stay for whoever reads in the past.
absl::Status PutTail(const CoalescePlan& plan, const PageWork& work, RecordIter from,
                     PageChain page, size_t chain_bytes, StoreBatch& out) {
  Runs runs(plan, work.page, out);
  absl::Status status;  // once it is not ok, what follows is kept in runs
  for (auto record = from; record != work.records.end(); ++record) {
    const RecordView view = ViewOf(*record);
    runs.Add(*record, view.epoch_number);
    if (!status.ok() || !InRanges(plan.head, plan.timeline, view.lsn)) continue;
    if (LastTruncate(plan, work.page, view.lsn, plan.head) > page.at()) {
      page = PageChain(work.page, plan.page_size, /*truncated=*/true);
      chain_bytes = 0;
    }
    chain_bytes += record->bytes.size();
    status = page.Apply(view);
    if (!status.ok() || chain_bytes <= plan.page_size) continue;
    SOMETIMES(image_above_the_floor);
    runs.EndWithImage(view.lsn, page.Page());
    chain_bytes = 0;
  }
  return status;
}

// Nothing is merged: all records stay, with images between them where the chain is long.
absl::Status PutAll(const CoalescePlan& plan, const PageWork& work, Fold& fold, StoreBatch& out) {
  const auto on_head = [&](const PageRecord& record) {
    return InRanges(plan.head, plan.timeline, record.lsn);
  };
  size_t chain_bytes = fold.chain_bytes;
  for (auto record = fold.begin; record != work.records.end(); ++record) {
    if (on_head(*record)) chain_bytes += record->bytes.size();
  }
  if (chain_bytes <= plan.page_size) {
    PutRuns(plan, work, fold.begin, out);
    return absl::OkStatus();
  }
  // What a truncate cut off, above the floor too, is not what the page goes on from.
  const Lsn cut = LastTruncate(plan, work.page, fold.begin->lsn, plan.head);
  std::erase_if(fold.base, [&](const PageVersion& version) { return version.lsn <= cut; });
  const auto uncut = std::find_if(fold.inherited.begin(), fold.inherited.end(),
                                  [&](const PageRecord& record) { return record.lsn > cut; });
  PageChain page(work.page, plan.page_size, !cut.IsNone());
  auto status = page.Apply({fold.base, plan.head, {uncut, fold.inherited.end()}});
  if (!status.ok()) {
    PutRuns(plan, work, fold.begin, out);
    return status;
  }
  return PutTail(plan, work, fold.begin, std::move(page), fold.chain_bytes, out);
}

// What lies below the floor, merged: the page after it becomes an image and takes its place.
absl::Status Merge(const CoalescePlan& plan, const Fold& fold, PageChain& page) {
  Prefetch(fold.begin, fold.split);
  auto status = page.Apply({fold.base, plan.head, fold.inherited});
  for (auto record = fold.begin; status.ok() && record != fold.split; ++record) {
    status = page.Apply(ViewOf(*record));
  }
  return status;
}

}  // namespace

absl::Status CoalescePage(const CoalescePlan& plan, const PageWork& work, const StoredPage& stored,
                          StoreBatch& out) {
  const auto end = work.records.end();
  const bool unreadable = stored.all.has_value() && !stored.all->ok();
  if (!stored.head.ok() || unreadable) {
    PutRuns(plan, work, work.records.begin(), out);
    return unreadable ? stored.all->status() : stored.head.status();
  }
  Fold fold = PlanFold(plan, work, stored);
  if (!fold.status.ok() || fold.begin == end) {
    PutRuns(plan, work, fold.begin, out);
    return fold.status;
  }
  const bool merge = fold.mergeable_bytes > plan.page_size / kImageFraction;
  if (fold.begin == fold.split || !merge) return PutAll(plan, work, fold, out);
  PageChain page(work.page, plan.page_size,
                 !LastTruncate(plan, work.page, plan.floor, plan.head).IsNone());
  if (auto status = Merge(plan, fold, page); !status.ok()) {
    PutRuns(plan, work, fold.begin, out);
    return status;
  }
  const Lsn lsn = page.at();
  out.ops.push_back(PutVersion{plan.pg, work.page, plan.timeline, lsn, VersionKind::kImage,
                               fold.split == end ? page.Take() : page.Page()});
  // All that lay below it, down to the image that ended the read.
  for (const PageVersion& version : *stored.head) {
    if (version.timeline != plan.timeline || version.lsn >= lsn) continue;
    out.ops.push_back(DropVersion{plan.pg, work.page, plan.timeline, version.lsn});
  }
  return PutTail(plan, work, fold.split, std::move(page), 0, out);
}

}  // namespace hexad::storage_node
