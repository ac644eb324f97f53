#include "compute/core/page_cache.h"

#include <algorithm>
#include <utility>

#include "quorum/base/check.h"

namespace hexad::compute {

PageCache::PageCache(uint32_t page_size, size_t limit_bytes, Lsn vdl)
    : page_size_(page_size), limit_bytes_(limit_bytes), vdl_(vdl) {
  INVARIANT(page_size > 0);
}

const CachedPage* PageCache::Find(PageNo page) {
  const auto at = frame_of_.find(page);
  if (at == frame_of_.end()) return nullptr;
  Frame& frame = frames_[at->second];
  frame.used = true;
  return &frame.content;
}

void PageCache::Insert(PageNo page, CachedPage read, Lsn read_at) {
  INVARIANT(read.image.size() == page_size_);
  INVARIANT(read.page_lsn <= read_at);
  INVARIANT(read_at <= vdl_);
  for (const PendingTruncate& truncate : truncates_) {
    if (truncate.lsn <= read_at || page < truncate.from) continue;
    if (truncate.end.has_value() && page >= *truncate.end) continue;
    read.image.assign(page_size_, '\0');
    read.page_lsn = truncate.lsn;
  }
  size_t index = frames_.size();
  if (free_.empty()) {
    frames_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  const bool fresh = frame_of_.emplace(page, index).second;
  INVARIANT(fresh);
  frames_[index] = Frame{page, std::move(read), 0, true, true};
  // Pinned while room is made, so that the page that was asked for is not the one to go.
  frames_[index].pins = 1;
  nothing_to_evict_ = nothing_to_evict_ && frames_[index].content.page_lsn > vdl_;
  EvictWhileAboveLimit();
  frames_[index].pins = 0;
}

void PageCache::Apply(const quorum::RecordView& record) {
  if (record.kind == quorum::RecordKind::kNop) return;
  if (record.kind == quorum::RecordKind::kTruncate) return Truncate(record.page, record.lsn);
  const auto at = frame_of_.find(record.page);
  INVARIANT(at != frame_of_.end());
  Frame& frame = frames_[at->second];
  INVARIANT(record.lsn > frame.content.page_lsn);
  quorum::ApplyRecord(record, frame.content.image);
  frame.content.page_lsn = record.lsn;
  frame.used = true;
}

void PageCache::Truncate(PageNo from, Lsn lsn) {
  for (Frame& frame : frames_) {
    if (!frame.occupied || frame.page < from) continue;
    frame.content.image.assign(page_size_, '\0');
    frame.content.page_lsn = lsn;
  }
  truncates_.push_back(PendingTruncate{from, lsn, std::nullopt});
}

void PageCache::Pin(PageNo page) {
  const auto at = frame_of_.find(page);
  INVARIANT(at != frame_of_.end());
  ++frames_[at->second].pins;
}

void PageCache::Unpin(PageNo page) {
  const auto at = frame_of_.find(page);
  INVARIANT(at != frame_of_.end());
  INVARIANT(frames_[at->second].pins > 0);
  if (--frames_[at->second].pins == 0) nothing_to_evict_ = false;
}

void PageCache::VdlMoved(Lsn vdl) {
  INVARIANT(vdl >= vdl_);
  vdl_ = vdl;
  nothing_to_evict_ = false;
  EvictWhileAboveLimit();
}

void PageCache::ForgetTruncatesUpTo(Lsn read_at) {
  std::erase_if(truncates_, [&](const PendingTruncate& t) { return t.lsn <= read_at; });
}

void PageCache::Grown(PageNo first_new) {
  for (PendingTruncate& truncate : truncates_) {
    if (!truncate.end.has_value()) truncate.end = first_new;
  }
}

void PageCache::EvictWhileAboveLimit() {
  while (size_bytes() > limit_bytes_ && !nothing_to_evict_) nothing_to_evict_ = !EvictOne();
}

// Two rounds at most: the first takes second chances away, the second finds what may leave.
bool PageCache::EvictOne() {
  for (size_t steps = 2 * frames_.size(); steps > 0; --steps) {
    const size_t index = hand_++ % frames_.size();
    Frame& frame = frames_[index];
    if (!frame.occupied || !MayLeave(frame)) continue;
    if (std::exchange(frame.used, false)) continue;
    INVARIANT(frame.content.page_lsn <= vdl_);
    frame_of_.erase(frame.page);
    frame = Frame{};
    free_.push_back(index);
    return true;
  }
  return false;
}

void PageCache::CheckInvariants() const {
  INVARIANT(frames_.size() == frame_of_.size() + free_.size());
  for (size_t i = 0; i < frames_.size(); ++i) {
    const Frame& frame = frames_[i];
    if (!frame.occupied) continue;
    INVARIANT(frame.content.image.size() == page_size_);
    const auto at = frame_of_.find(frame.page);
    INVARIANT(at != frame_of_.end() && at->second == i);
  }
}

}  // namespace hexad::compute
