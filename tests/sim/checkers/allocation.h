// I3: a writer allocates no LSN further above its VDL than the LSN allocation limit (Verbitski
// 2017, section 4.2.1). The next epoch relies on it: it starts above everything that the one before
// can still issue, whatever of that it has seen.
#pragma once

#include <map>

#include "tests/sim/checker.h"

namespace hexad::sim {

class AllocationChecker : public Checker {
 public:
  explicit AllocationChecker(uint64_t lal) : lal_(lal) {}
  std::string name() const override { return "I3 allocation limit"; }
  void See(const Event& event) override;

 private:
  const uint64_t lal_;
  std::map<EpochId, Lsn> limits_;  // the highest LSN that the epoch's writer may issue now
};

}  // namespace hexad::sim
