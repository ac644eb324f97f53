// Whom the making of a clone asks what, and who has answered (clone.h).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "backtrack/clone.h"
#include "quorum/base/check.h"

namespace hexad::backtrack {

using quorum::MemberSet;

bool Clone::Concerns(const Pg& pg) const { return phase_ != Phase::kPinning || &pg == pgs_.data(); }

bool Clone::HasAnswered(const Member& member) const {
  switch (phase_) {
    case Phase::kPolling:
    case Phase::kPollingAgain:
      return member.polled.has_value();
    case Phase::kLocating:
      return member.found.has_value();
    case Phase::kPinning:
    case Phase::kInstalling:
      return member.made || member.refused;
    case Phase::kIdle:
    case Phase::kDone:
      return true;
  }
  return true;
}

std::optional<quorum::SegmentRequest> Clone::NextFor(const Pg& pg, const Member& member) const {
  quorum::Envelope to{parent_.timeline, pg.membership.pg, EpochId::Root(), pg.membership.epoch};
  if (clone_.has_value()) {
    to.timeline = options_.timeline;
    quorum::CreateTimeline create{to, pg.root, std::nullopt};
    if (&pg == pgs_.data()) create.manifest = clone_;
    return create;
  }
  if (phase_ != Phase::kLocating || !member.polled.has_value()) {
    return quorum::Poll{to, poll_round_};
  }
  // Nothing here depends on who is promised what: it only must not be a stranger's epoch.
  to.epoch = member.polled->from.epoch;
  return quorum::FindCommit{to, pg.history, *vdl_, search_.question()};
}

void Clone::AskAll() {
  for (Pg& pg : pgs_) {
    if (!Concerns(pg)) continue;
    for (size_t i = 0; i < pg.members.size(); ++i) {
      Member& member = pg.members[i];
      if (member.waiting || !IsUp(pg, static_cast<int>(i)) || HasAnswered(member)) continue;
      auto request = NextFor(pg, member);
      if (!request.has_value()) continue;
      member.waiting = true;
      member.asked_at = now_;
      out_->push_back(quorum::Send{pg.membership.members[i].node, *std::move(request)});
    }
  }
}

// --- questions -----------------------------------------------------------------------------------

bool Clone::IsUp(const Pg& pg, int member) const {
  const quorum::Member& m = pg.membership.members[member];
  const auto up = up_.find(m.node);
  if (up == up_.end()) return false;
  return m.incarnation == Incarnation() || m.incarnation == up->second;
}

// Of all members, up or not: what was answered stays true.
MemberSet Clone::Those(const Pg& pg, Has has) const {
  MemberSet those;
  for (size_t i = 0; i < pg.members.size(); ++i) {
    if (has(pg.members[i])) those.Add(static_cast<int>(i));
  }
  return those;
}

bool Clone::ReadQuorums(Has has) {
  bool everyone = true;
  for (const Pg& pg : pgs_) {
    const MemberSet those = Those(pg, has);
    if (!pg.membership.Quorums().CanRead(those)) {
      quorum_since_.reset();
      return false;
    }
    for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
      everyone = everyone && (those.Has(i) || !IsUp(pg, i));
    }
  }
  if (!quorum_since_.has_value()) quorum_since_ = now_;
  return everyone || now_ - *quorum_since_ >= options_.answer_grace;
}

Instant Clone::NextDeadline() const {
  if (phase_ == Phase::kIdle || phase_ == Phase::kDone) return Instant::Never();
  Instant next = started_at_ + options_.give_up_after;
  if (quorum_since_.has_value()) next = std::min(next, *quorum_since_ + options_.answer_grace);
  for (const Pg& pg : pgs_) {
    for (const Member& member : pg.members) {
      if (member.waiting) next = std::min(next, member.asked_at + options_.retry_after);
    }
  }
  return next;
}

void Clone::CheckInvariants() const {
  INVARIANT(out_ == nullptr);
  for (const Pg& pg : pgs_) {
    INVARIANT(pg.members.size() == pg.membership.members.size());
    if (phase_ != Phase::kPinning && phase_ != Phase::kInstalling) continue;
    INVARIANT(clone_.has_value() && clone_->pgs.size() == pgs_.size());
    INVARIANT(pg.root.path == pgs_.front().root.path);
    INVARIANT(pg.root.path.fork_lsn() == forked_at_.lsn);
  }
}

std::string Clone::Describe() const {
  static constexpr const char* kNames[] = {
      "not started", "polling",    "polling again", "looking for the commit",
      "pinning",     "installing", "done"};
  std::string text = kNames[static_cast<int>(phase_)];
  for (size_t i = 0; i < pgs_.size(); ++i) {
    const Pg& pg = pgs_[i];
    if (!Concerns(pg)) continue;
    std::string answered, down;
    int count = 0;
    for (int m = 0; m < static_cast<int>(pg.members.size()); ++m) {
      const std::string& node = pg.membership.members[m].node.value();
      if (HasAnswered(pg.members[m])) {
        absl::StrAppend(&answered, " ", node);
        ++count;
      } else if (!IsUp(pg, m)) {
        absl::StrAppend(&down, " ", node);
      }
    }
    const bool writing = clone_.has_value();
    const size_t need = writing ? pg.membership.write : pg.members.size() - pg.membership.write + 1;
    absl::StrAppend(&text, i == 0 ? ": " : "; ", "PG ", i, ": ", count, " of ", need, " answers");
    if (!answered.empty()) absl::StrAppend(&text, " (", answered.substr(1), ")");
    if (!down.empty()) absl::StrAppend(&text, ", down or another disk:", down);
  }
  return text;
}

}  // namespace hexad::backtrack
