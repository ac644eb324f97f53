// Which PGs lack a write quorum, and for how long. A moment without one (a node restarts) is waited
// out; after the grace new commits are refused with READ_ONLY, at once and honestly: nothing
// happened.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quorum/base/instant.h"
#include "quorum/membership.h"
#include "quorum/volume_writer.h"

namespace hexad::compute {

class QuorumWatch {
 public:
  static constexpr Duration kGrace = Duration::Seconds(2);

  // A PG is there from now on and has not had its write quorum yet: only changes are told, so one
  // that never has it would never be heard of.
  void Expect(const quorum::Membership& pg, Instant now);
  void Changed(const quorum::WriteQuorumChanged& change, Instant now);
  // A new epoch starts with nothing known.
  void Clear() { lost_.clear(); }

  // Why new commits must be refused now; nothing while they may go on.
  std::optional<std::string> ReadOnlyReason(Instant now) const;
  // When ReadOnlyReason may change by itself.
  Instant NextDeadline(Instant now) const;

 private:
  struct Loss {
    Instant since;
    std::optional<int> up;  // nothing: it was not told yet
    int need = 0;
    std::vector<NodeId> disk_full = {};
  };
  std::map<PgId, Loss> lost_;
};

}  // namespace hexad::compute
