// The newest image of the pages that the writer works on, within a bound.
//
// Which pages may leave. A page here may be ahead of storage: its last record may not yet be
// durable, and then no segment can be asked for it. So a page leaves only if its page LSN <= VDL.
// (Verbitski 2017, section 4.2.3 prints the opposite sign; its stated purpose and 2018, section 3.1
// say this.) When everything is ahead of the VDL the cache exceeds its bound until the VDL moves;
// the host holds back new MTRs meanwhile (see crowded()).
//
//            Insert (read from storage at R <= VDL)
//   absent  -------------------------------------->  cached, page LSN <= VDL  --+  Apply
//      ^                                                  |        ^            |
//      +----------- second chance (CLOCK) ----------------+        | VdlMoved   v
//                                                              cached, page LSN > VDL: stays
//
// Truncates are kept as well until they are durable: a page that was not cached when it was
// truncated is still there in storage, and must come in as zeros.
//
// Deterministic: the same calls evict the same pages. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "quorum/record.h"

namespace hexad::compute {

struct CachedPage {
  Lsn page_lsn;  // of the last record applied; None() if never written
  std::string image;
};

class PageCache {
 public:
  PageCache(uint32_t page_size, size_t limit_bytes, Lsn vdl);

  // nullptr if absent. Gives the page its second chance. Valid until the next non-const call.
  const CachedPage* Find(PageNo page);
  bool Contains(PageNo page) const { return frame_of_.contains(page); }

  // A page as storage has it at `read_at`, the VDL of some earlier moment. Truncates issued above
  // `read_at` are applied to it. REQUIRES: absent, one page long, page_lsn <= read_at, and nothing
  // else was inserted for this page since `read_at` was chosen.
  void Insert(PageNo page, CachedPage read, Lsn read_at);
  // A record of an issued MTR. REQUIRES: image and delta: the page is cached; LSNs rise per page.
  void Apply(const quorum::RecordView& record);

  // A pinned page stays, whatever its LSN. Counted. REQUIRES: cached.
  void Pin(PageNo page);
  void Unpin(PageNo page);

  void VdlMoved(Lsn vdl);
  // No read from storage at or below `read_at` is under way any more: older truncates are
  // forgotten.
  void ForgetTruncatesUpTo(Lsn read_at);
  // The volume has grown; this is the first new page. What was truncated before has no record in
  // the new PG: its pages start without any.
  void Grown(PageNo first_new);
  bool has_truncates() const { return !truncates_.empty(); }

  // Far above its bound: take no more MTRs until VDL has moved.
  bool crowded() const { return size_bytes() > 2 * limit_bytes_ && nothing_to_evict_; }
  size_t size_bytes() const { return frame_of_.size() * page_size_; }
  size_t pages() const { return frame_of_.size(); }
  void CheckInvariants() const;

 private:
  struct Frame {
    PageNo page;
    CachedPage content;
    uint32_t pins = 0;
    bool used = false;  // since the hand passed last
    bool occupied = false;
  };
  struct PendingTruncate {
    PageNo from;
    Lsn lsn;
    std::optional<PageNo> end;  // the volume's end then, if it has grown since
  };

  bool MayLeave(const Frame& frame) const {
    return frame.pins == 0 && frame.content.page_lsn <= vdl_;
  }
  void EvictWhileAboveLimit();
  bool EvictOne();
  void Truncate(PageNo from, Lsn lsn);

  uint32_t page_size_;
  size_t limit_bytes_;
  Lsn vdl_;
  std::unordered_map<PageNo, size_t> frame_of_;  // looked up only, never walked
  std::vector<Frame> frames_;
  std::vector<size_t> free_;
  size_t hand_ = 0;
  std::vector<PendingTruncate> truncates_;  // by LSN
  bool nothing_to_evict_ = false;           // a whole round found none; reset when that may change
};

}  // namespace hexad::compute
