#include "compute/core/redo_generator.h"

#include <algorithm>

#include "quorum/base/check.h"

namespace hexad::compute {

using quorum::PageChange;
using quorum::RecordKind;

std::vector<PageNo> PagesWritten(const Mtr& mtr) {
  std::vector<PageNo> pages;
  pages.reserve(mtr.changes().size());
  for (const Mtr::Change& change : mtr.changes()) {
    if (change.kind != RecordKind::kTruncate) pages.push_back(change.page);
  }
  std::sort(pages.begin(), pages.end());
  pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
  return pages;
}

RedoGenerator::RedoGenerator(uint32_t page_size, uint32_t pages_per_pg)
    : page_size_(page_size),
      pages_per_pg_(pages_per_pg),
      canvas_(page_size, '\0'),
      touched_(page_size, '\0') {
  INVARIANT(pages_per_pg > 0);
}

std::span<const PageChange> RedoGenerator::Generate(const Mtr& mtr, PageCache& cache,
                                                    size_t pg_count) {
  INVARIANT(!mtr.empty());
  INVARIANT(mtr.page_size() == page_size_);
  changes_.clear();
  payloads_.clear();
  truncated_ = false;
  const auto& all = mtr.changes();
  size_t from = 0;
  for (size_t i = 0; i <= all.size(); ++i) {
    if (i < all.size() && all[i].kind != RecordKind::kTruncate) continue;
    order_.clear();
    for (size_t k = from; k < i; ++k) order_.push_back(static_cast<uint32_t>(k));
    AddStretch(mtr, order_, cache);
    if (i < all.size()) AddTruncate(all[i].page, pg_count);
    from = i + 1;
  }
  if (changes_.empty())
    changes_.push_back(PageChange{PageNo(0), RecordKind::kNop, Lsn::None(), {}});
  return changes_;
}

void RedoGenerator::AddStretch(const Mtr& mtr, std::span<const uint32_t> order, PageCache& cache) {
  const auto& all = mtr.changes();
  std::stable_sort(order_.begin(), order_.end(),
                   [&](uint32_t a, uint32_t b) { return all[a].page < all[b].page; });
  for (size_t first = 0; first < order.size();) {
    size_t end = first + 1;
    while (end < order.size() && all[order[end]].page == all[order[first]].page) ++end;
    AddPage(mtr, order.subspan(first, end - first), cache);
    first = end;
  }
}

void RedoGenerator::AddPage(const Mtr& mtr, std::span<const uint32_t> writes, PageCache& cache) {
  const auto& all = mtr.changes();
  const PageNo page = all[writes.front()].page;
  const CachedPage* cached = cache.Find(page);
  INVARIANT(cached != nullptr);
  // What an earlier image of the same MTR is written over by later bytes is one image.
  const bool has_image = std::any_of(writes.begin(), writes.end(), [&](uint32_t w) {
    return all[w].kind == RecordKind::kPageImage;
  });
  std::string& payload = payloads_.emplace_back();
  if (!has_image && !JoinRising(mtr, writes, payload)) JoinPainted(mtr, writes, payload);
  if (!has_image && payload.size() < page_size_) {
    changes_.push_back(PageChange{page, RecordKind::kDelta, cached->page_lsn, payload});
    return;
  }
  const bool zeroed = truncated_ && page >= truncated_from_;
  canvas_.assign(page_size_, '\0');
  if (!zeroed) canvas_ = cached->image;
  Paint(mtr, writes);
  payload = canvas_;
  changes_.push_back(PageChange{page, RecordKind::kPageImage, cached->page_lsn, payload});
}

void RedoGenerator::AddTruncate(PageNo new_page_count, size_t pg_count) {
  truncated_from_ = truncated_ ? std::min(truncated_from_, new_page_count) : new_page_count;
  truncated_ = true;
  for (uint64_t pg = new_page_count.value() / pages_per_pg_; pg < pg_count; ++pg) {
    const auto first = static_cast<uint32_t>(pg * pages_per_pg_);
    const PageNo from = std::max(new_page_count, PageNo(first));
    changes_.push_back(PageChange{from, RecordKind::kTruncate, Lsn::None(), {}});
  }
}

bool RedoGenerator::JoinRising(const Mtr& mtr, std::span<const uint32_t> writes,
                               std::string& payload) const {
  uint32_t end = 0;
  for (const uint32_t w : writes) {
    if (mtr.changes()[w].offset < end) return false;
    end = mtr.changes()[w].offset + static_cast<uint32_t>(mtr.changes()[w].length);
  }
  for (const uint32_t w : writes) {
    quorum::AppendDeltaRange(mtr.changes()[w].offset, mtr.BytesOf(mtr.changes()[w]), payload);
  }
  return true;
}

void RedoGenerator::Paint(const Mtr& mtr, std::span<const uint32_t> writes) {
  touched_.assign(page_size_, '\0');
  for (const uint32_t w : writes) {
    const Mtr::Change& change = mtr.changes()[w];
    canvas_.replace(change.offset, change.length, mtr.BytesOf(change));
    touched_.replace(change.offset, change.length, change.length, '\1');
  }
}

void RedoGenerator::JoinPainted(const Mtr& mtr, std::span<const uint32_t> writes,
                                std::string& payload) {
  Paint(mtr, writes);
  for (size_t at = touched_.find('\1'); at != std::string::npos;) {
    size_t end = touched_.find('\0', at);
    if (end == std::string::npos) end = page_size_;
    quorum::AppendDeltaRange(static_cast<uint32_t>(at),
                             std::string_view(canvas_).substr(at, end - at), payload);
    at = touched_.find('\1', end);
  }
}

}  // namespace hexad::compute
