#include "compute/core/quorum_watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hexad::compute {

void QuorumWatch::Expect(const quorum::Membership& pg, Instant now) {
  lost_[pg.pg] = Loss{now, std::nullopt, static_cast<int>(pg.write)};
}

void QuorumWatch::Changed(const quorum::WriteQuorumChanged& change, Instant now) {
  if (change.ok) {
    lost_.erase(change.pg);
    return;
  }
  Loss& loss = lost_.try_emplace(change.pg, Loss{now, std::nullopt, 0}).first->second;
  loss.up = change.up;
  loss.need = change.need;
}

std::optional<std::string> QuorumWatch::ReadOnlyReason(Instant now) const {
  for (const auto& [pg, loss] : lost_) {
    if (now - loss.since < kGrace) continue;
    const std::string up = loss.up.has_value() ? absl::StrCat(*loss.up, " of") : "fewer than";
    return absl::StrCat("no write quorum: PG ", absl::Hex(pg.value()), " has ", up, " the ",
                        loss.need, " segments that a write needs, since ",
                        (now - loss.since).millis(), " ms");
  }
  return std::nullopt;
}

Instant QuorumWatch::NextDeadline(Instant now) const {
  Instant next = Instant::Never();
  for (const auto& [pg, loss] : lost_) {
    if (loss.since + kGrace > now) next = std::min(next, loss.since + kGrace);
  }
  return next;
}

}  // namespace hexad::compute
