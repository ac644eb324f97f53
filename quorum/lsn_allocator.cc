#include "quorum/lsn_allocator.h"

#include <algorithm>

#include "quorum/base/check.h"

namespace hexad::quorum {

// Early in an epoch its VDL is still the fork, far below its first LSN; counting from there would
// leave nothing to allocate.
Lsn AllocationBound(Lsn vdl, Lsn first_lsn, uint64_t lal) {
  return std::max(vdl, first_lsn.Prev()).Plus(lal);
}

LsnAllocator::LsnAllocator(Lsn first_lsn, Lsn vdl, uint64_t lal)
    : first_lsn_(first_lsn), next_(first_lsn), vdl_(vdl), lal_(lal) {
  INVARIANT(vdl < first_lsn);
  INVARIANT(lal > 0);
}

std::optional<Lsn> LsnAllocator::Allocate(uint64_t count) {
  INVARIANT(count > 0);
  // The end of the LSN space is no LSN: Max() stands for "open" in paths, and Plus() saturates
  // there.
  if (count > Lsn::Max().value() - next_.value()) return std::nullopt;
  if (next_.Plus(count - 1) > limit()) return std::nullopt;
  const Lsn first = next_;
  next_ = next_.Plus(count);
  return first;
}

void LsnAllocator::VdlMoved(Lsn vdl) {
  INVARIANT(vdl_ <= vdl && vdl < next_);
  vdl_ = vdl;
}

}  // namespace hexad::quorum
