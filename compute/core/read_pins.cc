#include "compute/core/read_pins.h"

#include "quorum/base/check.h"

namespace hexad::compute {

bool ReadPins::Add(Lsn read_point) {
  const Lsn before = lowest();
  ++pins_[read_point];
  ++count_;
  return lowest() != before;
}

bool ReadPins::Remove(Lsn read_point) {
  const Lsn before = lowest();
  const auto at = pins_.find(read_point);
  INVARIANT(at != pins_.end());
  INVARIANT(at->second > 0 && count_ > 0);
  --count_;
  if (--at->second == 0) pins_.erase(at);
  return lowest() != before;
}

}  // namespace hexad::compute
