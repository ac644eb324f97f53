// Which segment a page is read from (Verbitski 2018, section 3.1): one that is complete for the
// read point, the fastest first, now and then another so that its estimate stays fresh.
//
// Complete means SCL >= the PG's last LSN at or below the read point, not SCL >= read point: a
// quiet PG's SCL stays low while the volume's VDL runs ahead.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "quorum/base/instant.h"
#include "quorum/base/prng.h"
#include "quorum/base/types.h"
#include "quorum/quorum_set.h"

namespace hexad::quorum {

class SegmentSelector {
 public:
  SegmentSelector(int members, uint64_t seed);

  void SetScl(int member, Lsn scl);
  void SetUp(int member, bool up);
  // An answer came after `latency`: moves the member's estimate and its deviation.
  void Observe(int member, Duration latency);
  // No answer, or an error: the member is tried last until it answers again.
  void ObserveFailure(int member);

  // The member to ask for a page whose PG needs `complete_to`; `tried` are left out. Nothing if no
  // member that is up is complete.
  std::optional<int> Pick(Lsn complete_to, MemberSet tried);
  // How long to wait for this member before asking another as well: its mean plus four deviations,
  // within [kMinHedge, kMaxHedge].
  Duration HedgeAfter(int member) const;

  static constexpr Duration kMinHedge = Duration::Millis(2);
  static constexpr Duration kMaxHedge = Duration::Millis(200);
  static constexpr uint64_t kProbeOneIn = 64;

  std::string Describe() const;

 private:
  struct Estimate {
    Lsn scl;
    bool up = false;
    bool failed = false;
    Duration mean;
    Duration deviation;
    bool measured = false;
  };
  std::vector<Estimate> members_;
  Prng prng_;
};

}  // namespace hexad::quorum
