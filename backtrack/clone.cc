#include "backtrack/clone.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::backtrack {

static_assert(Core<Clone>);

using quorum::CommitFound;
using quorum::Manifest;
using quorum::MemberSet;
using quorum::RefusalReason;

Clone::Clone(CloneOptions options) : options_(std::move(options)), prng_(options_.seed) {
  INVARIANT(options_.parent.pgs.size() == 1);
  INVARIANT(options_.timeline != options_.parent.timeline);
  INVARIANT(quorum::CheckVolumeName(options_.name).ok());
  INVARIANT(options_.retry_after > Duration() && options_.answer_grace > Duration());
}

void Clone::Step(const Input& in, Instant now, Effects& out) {
  now_ = now;
  out_ = &out;
  std::visit([&](const auto& i) { On(i); }, in);
  if (phase_ != Phase::kIdle && phase_ != Phase::kDone) Advance();
  out_ = nullptr;
}

// --- inputs --------------------------------------------------------------------------------------

void Clone::On(const CloneStart&) {
  INVARIANT(phase_ == Phase::kIdle);
  started_at_ = now_;
  Restart();
}

void Clone::On(const quorum::NodeUp& up) {
  On(quorum::NodeDown{up.node});
  up_[up.node] = up.incarnation;
}

// What it answered stays true on its disk.
void Clone::On(const quorum::NodeDown& down) {
  up_.erase(down.node);
  for (Pg& pg : pgs_) {
    if (const auto index = pg.membership.IndexOf(down.node)) pg.members[*index].waiting = false;
  }
}

void Clone::On(const CloneTick&) {
  if (phase_ == Phase::kIdle || phase_ == Phase::kDone) return;
  if (now_ - started_at_ >= options_.give_up_after) {
    return Fail(absl::UnavailableError(
        absl::StrCat("volume ", options_.parent.name, ": no clone could be made: ", Describe())));
  }
  for (Pg& pg : pgs_) {
    for (Member& member : pg.members) {
      if (now_ - member.asked_at >= options_.retry_after) member.waiting = false;
    }
  }
}

void Clone::On(const quorum::NodeAnswered& answered) {
  if (phase_ == Phase::kIdle || phase_ == Phase::kDone) return;
  std::visit(
      [&](const auto& answer) {
        for (Pg& pg : pgs_) {
          if (pg.membership.pg != answer.from.pg) continue;
          const auto member = pg.membership.IndexOf(answered.node);
          if (!member.has_value() || !IsUp(pg, *member)) return;
          if constexpr (requires { OnAnswer(pg, *member, answer); }) {
            OnAnswer(pg, *member, answer);
          }
          return;
        }
      },
      answered.answer);
}

void Clone::OnAnswer(Pg& pg, int member, const quorum::Polled& polled) {
  const TimelineId parent = options_.parent.timeline;
  if (polled.round != poll_round_ || polled.from.timeline != parent) return;
  if (!polled.begun.Check().ok() || polled.begun.path.timeline() != parent) return;
  if (polled.manifest.has_value() &&
      (!polled.manifest->Check().ok() || polled.manifest->timeline != parent)) {
    return;
  }
  pg.members[member].waiting = false;
  pg.members[member].polled = polled;
}

void Clone::OnAnswer(Pg& pg, int member, const CommitFound& found) {
  if (phase_ != Phase::kLocating || found.from.timeline != options_.parent.timeline) return;
  if (found.target != search_.question()) return;  // of the first question, and late
  if (found.history != pg.history.path.epoch()) return;
  pg.members[member].waiting = false;
  pg.members[member].found = found;
}

void Clone::OnAnswer(Pg& pg, int member, const quorum::Created& created) {
  if (created.from.timeline != options_.timeline) return;
  pg.members[member].waiting = false;
  pg.members[member].made = true;
}

void Clone::OnAnswer(Pg& pg, int member, const quorum::Refused& refused) {
  Member& m = pg.members[member];
  if (refused.from.timeline == options_.parent.timeline) {
    // It has promised something else since it was polled.
    if (phase_ == Phase::kLocating) m.polled.reset();
    return;  // asked again after retry_after
  }
  if (refused.from.timeline != options_.timeline || !clone_.has_value()) return;
  const bool out_of_range = refused.reason == RefusalReason::kOutOfRange;
  if (!out_of_range && refused.reason != RefusalReason::kBadRequest) return;
  m.refused = true;
  const MemberSet left = Those(pg, [](const Member&) { return true; }) -
                         Those(pg, [](const Member& other) { return other.refused; });
  if (pg.membership.Quorums().CanWrite(left)) return;
  const std::string why = absl::StrCat("volume ", options_.parent.name, ": ", refused.message);
  Fail(out_of_range ? absl::OutOfRangeError(why) : absl::FailedPreconditionError(why));
}

// --- moving on -----------------------------------------------------------------------------------

void Clone::Enter(Phase phase) {
  phase_ = phase;
  quorum_since_.reset();
  for (Pg& pg : pgs_) {
    for (Member& member : pg.members) member.waiting = false;
  }
}

void Clone::Restart() {
  pgs_.clear();
  parent_ = options_.parent;
  Pg first;
  first.membership = parent_.pgs.front();
  first.members.resize(first.membership.members.size());
  pgs_.push_back(std::move(first));
  vdl_.reset();
  poll_round_ = prng_.Next();
  Enter(Phase::kPolling);
}

void Clone::Fail(absl::Status status) {
  out_->push_back(CloneFailed{std::move(status), clone_});
  Enter(Phase::kDone);
}

void Clone::Advance() {
  for (Phase before = Phase::kIdle; before != phase_;) {
    before = phase_;
    switch (phase_) {
      case Phase::kPolling:
      case Phase::kPollingAgain:
        AfterPolls();
        break;
      case Phase::kLocating:
        AfterFound();
        break;
      case Phase::kPinning:
      case Phase::kInstalling:
        AfterMade();
        break;
      case Phase::kIdle:
      case Phase::kDone:
        break;
    }
  }
  AskAll();
}

void Clone::AfterPolls() {
  if (!ReadQuorums([](const Member& m) { return m.polled.has_value(); }) || TakeManifest()) return;
  if (absl::Status chosen = ChooseHistory(); !chosen.ok()) return Fail(std::move(chosen));
  if (phase_ == Phase::kPollingAgain) {
    // The head changed between the two.
    if (!pgs_.front().history.path.CanForkAt(*vdl_)) return Restart();
    return LookForFork();
  }
  vdl_ = HeardVdl();
  poll_round_ = prng_.Next();
  for (Pg& pg : pgs_) {
    for (Member& member : pg.members) member.polled.reset();
  }
  Enter(Phase::kPollingAgain);
}

bool Clone::TakeManifest() {
  const Manifest before = parent_;
  for (const Member& member : pgs_.front().members) {
    if (!member.polled.has_value() || !member.polled->manifest.has_value()) continue;
    Manifest offered = *member.polled->manifest;
    // The highest R bounds every GC floor, whichever manifest names it.
    const Lsn retained = std::max(parent_.retained_from, offered.retained_from);
    if (std::pair(offered.written_in, offered.geometry_epoch) >
        std::pair(parent_.written_in, parent_.geometry_epoch)) {
      parent_ = std::move(offered);
    }
    parent_.retained_from = retained;
  }
  if (parent_.pgs.size() < pgs_.size()) parent_ = before;  // of a segment that knows less
  const bool grown = parent_.pgs.size() > pgs_.size();
  for (size_t i = pgs_.size(); i < parent_.pgs.size(); ++i) {
    Pg pg;
    pg.membership = parent_.pgs[i];
    pg.members.resize(pg.membership.members.size());
    pgs_.push_back(std::move(pg));
  }
  if (grown) quorum_since_.reset();
  return grown;
}

absl::Status Clone::ChooseHistory() {
  std::vector<std::vector<const quorum::PgPath*>> answers;
  for (const Pg& pg : pgs_) {
    answers.emplace_back();
    for (const Member& member : pg.members) {
      if (member.polled.has_value()) answers.back().push_back(&member.polled->begun);
    }
  }
  auto histories = NewestCommonHistory(answers);
  if (!histories.ok()) return histories.status();
  for (size_t i = 0; i < pgs_.size(); ++i) pgs_[i].history = std::move((*histories)[i]);
  return absl::OkStatus();
}

// A VDL that was told was true, on the history that the segment knew; and what an epoch forked at
// had been refilled before it began.
Lsn Clone::HeardVdl() const {
  const quorum::Path& head = pgs_.front().history.path;
  Lsn vdl = head.fork_lsn();
  for (const Pg& pg : pgs_) {
    for (const Member& member : pg.members) {
      if (!member.polled.has_value()) continue;
      const Lsn shared = quorum::SharedUpTo(head, member.polled->begun.path);
      vdl = std::max(vdl, std::min(shared, member.polled->vdl_heard));
    }
  }
  return head.CanForkAt(options_.at_least) ? std::max(vdl, options_.at_least) : vdl;
}

void Clone::LookForFork() {
  ForkTarget target = *vdl_;
  if (const auto* lsn = std::get_if<Lsn>(&options_.at)) target = *lsn;
  if (const auto* time = std::get_if<CommitTime>(&options_.at)) target = *time;
  if (std::holds_alternative<CloneNow>(options_.at) && vdl_->IsNone()) {
    return Plan({}, std::vector<Lsn>(pgs_.size()));
  }
  const auto branch = BranchOf(pgs_.front().history, *vdl_, target, parent_.name);
  if (!branch.ok()) return Fail(branch.status());
  if (branch->has_value()) {
    vdl_ = pgs_.front().history.branches[**branch].end.at;
    for (Pg& pg : pgs_) pg.history = quorum::PgPath::Of(pg.history.branches[**branch]);
  }
  search_ = CommitSearch(target);
  for (Pg& pg : pgs_) {
    for (Member& member : pg.members) member.found.reset();
  }
  Enter(Phase::kLocating);
}

// What is durable up to the VDL is whole on a write quorum of each PG. So of a read quorum's
// answers some one is whole up to the target, and no other one names anything later.
void Clone::AfterFound() {
  if (!ReadQuorums([](const Member& m) { return m.found.has_value(); })) return;
  std::vector<CommitFound> exact;
  for (Pg& pg : pgs_) {
    exact.emplace_back();
    for (Member& member : pg.members) {
      if (!member.found.has_value()) continue;
      const auto& before = member.found->before;
      if (before.has_value() && (!exact.back().before || before->lsn > exact.back().before->lsn)) {
        exact.back().before = before;
      }
      const auto& after = member.found->after;
      if (after.has_value() && (!exact.back().after || after->lsn < exact.back().after->lsn)) {
        exact.back().after = after;
      }
      exact.back().tail = std::max(exact.back().tail, member.found->tail);
    }
  }
  const auto done = search_.Take(exact, parent_);
  if (!done.ok()) return Fail(done.status());
  if (*done) return Plan(*search_.fork(), search_.tails());
  for (Pg& pg : pgs_) {
    for (Member& member : pg.members) member.found.reset();
  }
  Enter(Phase::kLocating);
}

void Clone::Plan(quorum::CommitPoint fork, const std::vector<Lsn>& tails) {
  for (size_t i = 0; i < pgs_.size(); ++i) {
    auto root = pgs_[i].history.TryClone(options_.timeline, {fork.lsn, tails[i]});
    if (!root.ok()) {
      return Fail(absl::DataLossError(
          absl::StrCat("volume ", parent_.name, ", PG ", i,
                       ": what its segments hold is no history of it: ", root.status().message())));
    }
    pgs_[i].root = *std::move(root);
  }
  forked_at_ = fork;
  clone_ = parent_;
  clone_->timeline = options_.timeline;
  clone_->name = options_.name;
  clone_->geometry_epoch = GeometryEpoch(parent_.geometry_epoch.value() + 1);
  clone_->retained_from = fork.lsn;
  clone_->written_in = EpochId::Root();
  Enter(Phase::kPinning);
}

void Clone::AfterMade() {
  for (const Pg& pg : pgs_) {
    MemberSet made;
    for (size_t i = 0; i < pg.members.size(); ++i) {
      if (pg.members[i].made) made.Add(static_cast<int>(i));
    }
    if (Concerns(pg) && !pg.membership.Quorums().CanWrite(made)) return;
  }
  if (phase_ == Phase::kPinning) return Enter(Phase::kInstalling);
  out_->push_back(Cloned{*clone_, forked_at_});
  Enter(Phase::kDone);
}

}  // namespace hexad::backtrack
