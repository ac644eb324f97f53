// Which read points are in use above the volume. The lowest one holds PGMRPL back, so that no
// segment merges away a version that somebody still reads (Verbitski 2017, section 4.2.3).
#pragma once

#include <cstddef>
#include <map>

#include "quorum/base/types.h"

namespace hexad::compute {

class ReadPins {
 public:
  // Both return true if lowest() changed. Counted: each Add needs its Remove.
  bool Add(Lsn read_point);
  bool Remove(Lsn read_point);  // REQUIRES: added before

  // None(): nothing is pinned that needs a version. A read point of None() needs none, there was
  // nothing yet; it must not hide the others.
  Lsn lowest() const {
    const auto lowest = pins_.upper_bound(Lsn::None());
    return lowest == pins_.end() ? Lsn::None() : lowest->first;
  }
  size_t size() const { return count_; }

 private:
  std::map<Lsn, size_t> pins_;
  size_t count_ = 0;
};

}  // namespace hexad::compute
