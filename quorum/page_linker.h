// Links the records of one page inside one MTR: the second change of a page follows the first,
// which the engine could not know when it made them, because neither had an LSN.
//
// A hash table that is cleared by counting up: no allocation per MTR once it has its size.
#pragma once

#include <cstdint>
#include <vector>

#include "quorum/base/types.h"

namespace hexad::quorum {

class PageLinker {
 public:
  // Forgets the MTR before. At most `records` calls of Link follow.
  void Start(size_t records);
  // The back-link of the record `lsn` of `page`: `given` if it is the first of this MTR.
  Lsn Link(PageNo page, Lsn given, Lsn lsn);

 private:
  struct Slot {
    uint64_t mtr = 0;  // the slot is free unless this is the current MTR
    PageNo page;
    Lsn lsn;
  };
  std::vector<Slot> slots_;  // a power of two, at most half full; linear probing
  uint64_t mtr_ = 0;
  bool alone_ = false;  // an MTR of one record has nothing to link
};

}  // namespace hexad::quorum
