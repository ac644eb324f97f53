#include "compute/core/quorum_watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace hexad::compute {

namespace {

// A user with full disks must learn that, and where: nothing else that they do will help.
std::string WhyNot(const std::vector<NodeId>& disk_full) {
  if (disk_full.empty()) return "no write quorum";
  const auto name = [](std::string* out, const NodeId& node) { out->append(node.value()); };
  return absl::StrCat("no write quorum, ", disk_full.size() == 1 ? "disk is" : "disks are",
                      " full (", absl::StrJoin(disk_full, ", ", name), ")");
}

}  // namespace

void QuorumWatch::Expect(const quorum::Membership& pg, Instant now) {
  lost_[pg.pg] = Loss{.since = now, .up = std::nullopt, .need = static_cast<int>(pg.write)};
}

void QuorumWatch::Changed(const quorum::WriteQuorumChanged& change, Instant now) {
  if (change.ok) {
    lost_.erase(change.pg);
    return;
  }
  Loss& loss = lost_.try_emplace(change.pg, Loss{.since = now, .up = std::nullopt}).first->second;
  loss.up = change.up;
  loss.need = change.need;
  loss.disk_full = change.disk_full;
}

std::optional<std::string> QuorumWatch::ReadOnlyReason(Instant now) const {
  for (const auto& [pg, loss] : lost_) {
    if (now - loss.since < kGrace) continue;
    const std::string up = loss.up.has_value() ? absl::StrCat(*loss.up, " of") : "fewer than";
    return absl::StrCat(WhyNot(loss.disk_full), ": PG ", absl::Hex(pg.value()), " has ", up,
                        " the ", loss.need, " segments that a write needs, since ",
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
