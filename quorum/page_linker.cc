#include "quorum/page_linker.h"

#include <bit>

#include "quorum/base/check.h"
#include "quorum/base/prng.h"

namespace hexad::quorum {

void PageLinker::Start(size_t records) {
  alone_ = records <= 1;
  ++mtr_;
  if (alone_ || slots_.size() >= 2 * records) return;
  slots_.assign(std::bit_ceil(2 * records), Slot{});
}

Lsn PageLinker::Link(PageNo page, Lsn given, Lsn lsn) {
  INVARIANT(given < lsn);
  if (alone_) return given;
  const size_t mask = slots_.size() - 1;
  size_t at = Mix64(page.value()) & mask;
  while (slots_[at].mtr == mtr_ && slots_[at].page != page) at = (at + 1) & mask;
  Slot& slot = slots_[at];
  const Lsn prev = slot.mtr == mtr_ ? slot.lsn : given;
  slot = Slot{mtr_, page, lsn};
  return prev;
}

}  // namespace hexad::quorum
