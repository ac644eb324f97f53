// Hands out LSNs, contiguous per MTR, never above the LSN allocation limit (Verbitski 2017, 4.2.1).
//
// The limit is what makes recovery's bound provable: no LSN above max(VDL, first_lsn - 1) + LAL was
// ever issued in an epoch, so the next epoch may start right above that.
#pragma once

#include <cstdint>
#include <optional>

#include "quorum/base/types.h"

namespace hexad::quorum {

// The LSN Allocation Limit (Verbitski 2017, section 4.2.1). Openings prove with it which LSNs a
// dead writer cannot have issued, so it is the same for everybody; a writer may keep to less.
inline constexpr uint64_t kMaxLal = 10'000'000;

// The highest LSN that an epoch with this VDL can have issued.
Lsn AllocationBound(Lsn vdl, Lsn first_lsn, uint64_t lal);

class LsnAllocator {
 public:
  // The first LSN handed out will be `first_lsn`.
  LsnAllocator(Lsn first_lsn, Lsn vdl, uint64_t lal);

  // The first of `count` contiguous LSNs; nothing if that would pass the limit (back-pressure).
  // REQUIRES: count > 0.
  std::optional<Lsn> Allocate(uint64_t count);
  void VdlMoved(Lsn vdl);

  Lsn next() const { return next_; }
  Lsn limit() const { return AllocationBound(vdl_, first_lsn_, lal_); }

 private:
  Lsn first_lsn_;
  Lsn next_;
  Lsn vdl_;
  uint64_t lal_;
};

}  // namespace hexad::quorum
