#include "storage-node/core/page_builder.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <optional>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "quorum/boxcar.h"
#include "storage-node/core/timeline_log.h"

namespace hexad::storage_node {

using quorum::DecodeRecord;
using quorum::RecordCursor;
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
      : page_(page), page_size_(page_size), check_chain_(!truncated) {}

  void StartFrom(const PageVersion& image) {
    bytes_.assign(image.bytes.view());
    at_ = image.lsn;
    check_chain_ = true;
  }

  absl::Status Apply(std::string_view encoded) {
    auto decoded = DecodeRecord(encoded);
    return decoded.ok() ? Apply(decoded->record) : decoded.status();
  }

  absl::Status Apply(const RecordView& record) {
    if (record.lsn <= at_) return absl::OkStatus();  // in an image or a run already
    if (check_chain_ && record.page_prev != at_) {
      return absl::DataLossError(absl::StrCat("page ", page_.value(), ": record ",
                                              record.lsn.value(), " follows ",
                                              record.page_prev.value(), ", but ", at_.value(),
                                              " is the last one here: a hole in its history"));
    }
    if (auto status = quorum::CheckPayload(record, page_size_); !status.ok()) return status;
    StartFromZeros();
    quorum::ApplyRecord(record, bytes_);
    at_ = record.lsn;
    check_chain_ = true;
    return absl::OkStatus();
  }

  Lsn at() const { return at_; }
  std::string Take() {
    StartFromZeros();
    return std::move(bytes_);
  }

 private:
  void StartFromZeros() {
    if (bytes_.empty()) bytes_.assign(page_size_, '\0');
  }

  PageNo page_;
  uint32_t page_size_;
  std::string bytes_;  // empty: nothing applied yet, so zeros
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

// What a page is made of: versions, and records of hot logs that may be in none of them yet. Of a
// clone's ancestor, these may belong between two versions.
struct Material {
  const std::vector<PageVersion>& versions;
  const std::vector<LsnRange>& visible;
  std::span<const PageRecord> records;
};

absl::Status Apply(const Material& material, uint32_t page_size, Builder& builder) {
  auto record = material.records.begin();
  const auto apply_below = [&](Lsn lsn) {
    absl::Status status;
    for (; status.ok() && record != material.records.end() && record->lsn < lsn; ++record) {
      status = builder.Apply(record->bytes);
    }
    return status;
  };
  for (const PageVersion& version : material.versions) {
    if (version.kind == VersionKind::kImage) {
      if (version.bytes.size() != page_size) {
        return absl::DataLossError(absl::StrCat("a page image of ", version.bytes.size(),
                                                " bytes, page size ", page_size));
      }
      builder.StartFrom(version);  // what came before it may be gone
      continue;
    }
    if (auto status = apply_below(version.lsn); !status.ok()) return status;
    auto status = ForEachInRun(version, [&](const RecordView& record, std::string_view bytes) {
      return InRanges(material.visible, version.timeline, record.lsn) ? builder.Apply(bytes)
                                                                      : absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
  return apply_below(Lsn::Max());
}

// Of those that are seen: an ancestor's run may go on above the fork, with LSNs that mean other
// records here.
absl::StatusOr<Lsn> LastOfRun(const PageVersion& run, const std::vector<LsnRange>& visible) {
  Lsn last = run.lsn;
  auto status = ForEachInRun(run, [&](const RecordView& record, std::string_view) {
    if (InRanges(visible, run.timeline, record.lsn)) last = record.lsn;
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

using RecordIter = std::span<const PageRecord>::iterator;

// Records as runs; a new one starts after each truncate of the page, so that a read above a
// truncate finds whole runs or none, and with each epoch: a run lies under its first record's LSN,
// and a history that does not hold that one looks for no other in it.
void PutRuns(const CoalescePlan& plan, PageNo page, RecordIter from, RecordIter end,
             StoreBatch& out) {
  Lsn truncated;
  uint32_t epoch = 0;
  PutVersion* run = nullptr;
  for (auto record = from; record != end; ++record) {
    const Lsn cut = LastTruncate(plan, page, record->lsn);
    RecordView view;
    INVARIANT(RecordCursor(record->bytes).Next(view));  // of a verified boxcar
    if (run == nullptr || cut != truncated || view.epoch_number != epoch) {
      out.ops.push_back(
          PutVersion{plan.pg, page, plan.timeline, record->lsn, VersionKind::kRun, {}});
      run = &std::get<PutVersion>(out.ops.back());
      truncated = cut;
      epoch = view.epoch_number;
    }
    run->bytes.append(record->bytes);
  }
}

// Which of a page's versions and records may become an image, and which stay runs.
struct Fold {
  std::vector<PageVersion> base;          // versions that still count
  RecordIter begin;                       // the first record that no version holds
  RecordIter split;                       // the first record that may not be merged
  std::span<const PageRecord> inherited;  // those that no truncate cut off
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
    if (version.lsn <= cut) continue;
    fold.base.push_back(version);
    covered = std::max(covered, version.lsn);
    if (version.kind != VersionKind::kRun) continue;
    const auto last = LastOfRun(version, plan.visible);
    if (!last.ok()) {
      fold.status = last.status();
      continue;
    }
    covered = std::max(covered, *last);
    if (*last > plan.floor) merge_to = std::min(merge_to, version.lsn.Prev());
    fold.mergeable_bytes += version.bytes.size();
  }
  const auto above = [](Lsn lsn) { return [lsn](const PageRecord& r) { return r.lsn > lsn; }; };
  const auto end = work.records.end();
  const auto uncut = std::find_if(work.inherited.begin(), work.inherited.end(), above(cut));
  fold.inherited = {uncut, work.inherited.end()};
  fold.begin = std::find_if(work.records.begin(), end, above(covered));
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

absl::Status BuildImage(const CoalescePlan& plan, const Fold& fold, Builder& builder) {
  Prefetch(fold.begin, fold.split);
  auto status = Apply({fold.base, plan.visible, fold.inherited}, plan.page_size, builder);
  for (auto record = fold.begin; status.ok() && record != fold.split; ++record) {
    RecordView view;
    INVARIANT(RecordCursor(record->bytes).Next(view));  // of a verified boxcar
    status = builder.Apply(view);
  }
  return status;
}

// Sorts by the upper 32 bits, and leaves equal ones in their order: digit by digit from the lowest,
// which for a round's hundreds of thousands of records takes a tenth of the time of comparing them.
void SortByPage(std::vector<uint64_t>& keys) {
  constexpr int kDigitBits = 11;
  constexpr uint64_t kDigit = (1 << kDigitBits) - 1;
  uint64_t used = 0;
  for (const uint64_t key : keys) used |= key;
  std::vector<uint64_t> sorted(keys.size());
  for (int shift = 32; shift < 64 && used >> shift != 0; shift += kDigitBits) {
    std::array<uint32_t, kDigit + 2> starts{};
    for (const uint64_t key : keys) ++starts[(key >> shift & kDigit) + 1];
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    for (const uint64_t key : keys) sorted[starts[key >> shift & kDigit]++] = key;
    keys.swap(sorted);
  }
}

}  // namespace

absl::StatusOr<quorum::PageRead> BuildPage(const ReadPlan& plan,
                                           const std::vector<PageVersion>& versions) {
  Builder builder(plan.page, plan.page_size, plan.truncated);
  std::vector<PageRecord> hot;
  hot.reserve(plan.hot.size());
  for (const HotRecord& record : plan.hot) hot.push_back({record.lsn, record.bytes.view()});
  if (auto status = Apply({versions, plan.visible, hot}, plan.page_size, builder); !status.ok()) {
    return status;
  }
  quorum::PageRead read;
  read.page_lsn = builder.at();
  read.scl = plan.scl;
  read.page = BytesRef::Own(builder.Take());
  return read;
}

PlanWork GroupByPage(const CoalescePlan& plan) {
  size_t count = 0;
  for (const auto* boxcars : {&plan.inherited, &plan.boxcars}) {
    for (const quorum::Boxcar& boxcar : *boxcars) count += boxcar.header.record_count;
  }
  std::vector<PageRecord> by_lsn;
  by_lsn.reserve(count);
  std::vector<uint64_t> by_page;  // page number, then place in by_lsn
  by_page.reserve(count);
  const auto add = [&](const quorum::Boxcar& boxcar) {
    RecordCursor cursor(boxcar);
    for (RecordView record; cursor.Next(record);) {
      if (record.kind == quorum::RecordKind::kNop || record.kind == quorum::RecordKind::kTruncate) {
        continue;
      }
      if (!InRanges(plan.visible, boxcar.header.timeline, record.lsn)) continue;
      INVARIANT(by_lsn.size() <= UINT32_MAX);
      INVARIANT(by_lsn.empty() || by_lsn.back().lsn < record.lsn);
      by_page.push_back(uint64_t{record.page.value()} << 32 | by_lsn.size());
      const size_t size = quorum::kRecordHeaderBytes + record.payload.size();
      by_lsn.push_back({record.lsn, boxcar.records().substr(cursor.offset(), size)});
    }
  };
  for (const quorum::Boxcar& boxcar : plan.inherited) add(boxcar);
  const size_t inherited = by_lsn.size();
  for (const quorum::Boxcar& boxcar : plan.boxcars) add(boxcar);
  SortByPage(by_page);
  PlanWork work;
  work.records.reserve(by_page.size());
  for (const uint64_t key : by_page) work.records.push_back(by_lsn[key & UINT32_MAX]);
  for (size_t from = 0, end = 0; from < by_page.size(); from = end) {
    const uint64_t page = by_page[from] >> 32;
    size_t own = from;  // the page's first record that is the plan's own
    while (end < by_page.size() && by_page[end] >> 32 == page) {
      if ((by_page[end++] & UINT32_MAX) < inherited) own = end;
    }
    if (own == end) continue;
    work.works.push_back({PageNo(static_cast<uint32_t>(page)),
                          std::span(work.records).subspan(own, end - own),
                          std::span(work.records).subspan(from, own - from)});
  }
  return work;
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
