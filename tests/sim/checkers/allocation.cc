#include "tests/sim/checkers/allocation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void AllocationChecker::See(const Event& event) {
  if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    limits_[opened->start->epoch] = opened->start->first_lsn.Prev().Plus(lal_);
  } else if (const auto* moved = std::get_if<VdlMoved>(&event)) {
    Lsn& limit = limits_[moved->epoch];
    limit = std::max(limit, moved->vdl.Plus(lal_));
  } else if (const auto* issued = std::get_if<MtrIssued>(&event)) {
    const Lsn limit = limits_[issued->epoch];
    Expect(issued->commit <= limit, "epoch ", issued->epoch.number, " issues LSN ",
           issued->commit.value(), ", and its limit is ", limit.value());
  }
}

}  // namespace hexad::sim
