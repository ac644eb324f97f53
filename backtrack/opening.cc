// Opening: polls, promises, and the walk from one phase to the next.
#include "backtrack/opening.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "backtrack/opening_run.h"
#include "quorum/base/check.h"

namespace hexad::backtrack {

using quorum::Envelope;
using quorum::MemberSet;
using quorum::RefusalReason;
using quorum::Refused;

Opening::Opening(OpeningOptions options) : run_(std::make_unique<OpeningRun>(std::move(options))) {}
Opening::~Opening() = default;
void Opening::Step(const Input& in, Instant now, Effects& out) { run_->Step(in, now, out); }
Instant Opening::NextDeadline() const { return run_->NextDeadline(); }
void Opening::CheckInvariants() const { run_->CheckInvariants(); }
std::string Opening::Describe() const { return run_->Describe(); }

namespace {

// An epoch that sent a record had its Begin, with its manifest, on a write quorum of the first PG;
// so any read quorum shows a manifest that was written at least as late.
bool IsNewer(const quorum::Manifest& a, const quorum::Manifest& b) {
  return std::pair(a.written_in, a.geometry_epoch) > std::pair(b.written_in, b.geometry_epoch);
}

}  // namespace

OpeningRun::OpeningRun(OpeningOptions options)
    : options_(std::move(options)), prng_(options_.seed) {
  INVARIANT(options_.named.pgs.size() == 1);
}

void OpeningRun::Step(const OpeningInput& in, Instant now, Opening::Effects& out) {
  now_ = now;
  out_ = &out;
  std::visit([&](const auto& i) { On(i); }, in);
  if (phase_ != Phase::kIdle && phase_ != Phase::kDone) Advance();
  out_ = nullptr;
}

// --- inputs --------------------------------------------------------------------------------------

void OpeningRun::On(const OpeningStart&) {
  INVARIANT(phase_ == Phase::kIdle);
  StartOver(Duration());
}

void OpeningRun::On(const quorum::NodeUp& up) {
  up_[up.node] = up.incarnation;
  // It may have restarted: what it answered stays true on its disk, but what it holds in memory for
  // this opening is gone. It walks the line again.
  for (Pg& pg : pgs_) {
    const auto member = pg.membership.IndexOf(up.node);
    if (member.has_value()) pg.members[*member] = Member{};
  }
}

void OpeningRun::On(const quorum::NodeDown& down) {
  up_.erase(down.node);
  for (Pg& pg : pgs_) {
    const auto index = pg.membership.IndexOf(down.node);
    if (!index.has_value()) continue;
    pg.members[*index].waiting = false;
    pg.members[*index].source.reset();
    for (Member& target : pg.members) {
      if (target.source != *index) continue;
      target.source.reset();
      target.waiting = false;
    }
  }
}

void OpeningRun::On(const OpeningTick&) {
  if (phase_ == Phase::kBackingOff && now_ >= resume_at_) {
    Enter(Phase::kPolling);
  }
  for (Pg& pg : pgs_) {
    for (Member& member : pg.members) {
      // A refill moves megabytes: it gets longer before it is given up.
      const Duration patience = options_.retry_after * (member.source.has_value() ? 10 : 1);
      if (member.waiting && now_ - member.asked_at >= patience) {
        member.waiting = false;
        member.source.reset();
      }
    }
  }
}

void OpeningRun::On(const quorum::NodeAnswered& answered) {
  if (phase_ == Phase::kIdle || phase_ == Phase::kDone || phase_ == Phase::kBackingOff) return;
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

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::Polled& polled) {
  highest_seen_ = std::max(highest_seen_, polled.from.epoch.number);
  if (phase_ != Phase::kPolling) return;
  pg.members[member].waiting = false;
  pg.members[member].polled = polled;
}

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::Promised& promised) {
  if (promised.from.epoch != epoch_ || phase_ < Phase::kSealing) return;
  pg.members[member].waiting = false;
  pg.members[member].promised = promised;
}

void OpeningRun::OnAnswer(Pg& pg, int member, const Refused& refused) {
  highest_seen_ = std::max(highest_seen_, refused.promised.number);
  Member& m = pg.members[member];
  if (refused.reason == RefusalReason::kStaleEpoch) {
    if (refused.from.epoch != epoch_) return;
    // Outbid. Contenders that keep outnumbering each other part by random pauses.
    StartOver(Duration::Millis(20 + static_cast<int64_t>(prng_.Below(200))));
  } else if (refused.reason == RefusalReason::kNotPromised) {
    m = Member{};
  }
  // Every other refusal leaves `waiting` set: the member is asked again after retry_after.
}

// --- moving on -----------------------------------------------------------------------------------

void OpeningRun::Enter(Phase phase) {
  phase_ = phase;
  phase_since_ = now_;
  quorum_since_.reset();
  for (Pg& pg : pgs_) {
    for (Member& member : pg.members) {
      member.waiting = false;
      member.source.reset();
    }
  }
}

void OpeningRun::StartOver(Duration pause) {
  pgs_.clear();
  manifest_ = options_.named;
  Pg first;
  first.membership = manifest_.pgs.front();
  first.members.resize(first.membership.members.size());
  pgs_.push_back(std::move(first));
  recovered_.reset();
  offered_read_only_ = false;
  resume_at_ = now_ + pause;
  Enter(pause == Duration() ? Phase::kPolling : Phase::kBackingOff);
}

void OpeningRun::Fail(absl::Status status) {
  out_->push_back(OpeningFailed{std::move(status)});
  Enter(Phase::kDone);
}

void OpeningRun::Advance() {
  for (Phase before = Phase::kIdle; before != phase_;) {
    before = phase_;
    switch (phase_) {
      case Phase::kPolling:
        AfterPolls();
        break;
      case Phase::kSealing:
        AfterPromises();
        break;
      case Phase::kInventory:
        AfterInventories();
        break;
      case Phase::kRefilling:
        AfterRefills();
        break;
      case Phase::kBeginning:
        AfterBegins();
        break;
      case Phase::kIdle:
      case Phase::kBackingOff:
      case Phase::kDone:
        break;
    }
  }
  AskAll();
}

void OpeningRun::AfterPolls() {
  if (!ReadQuorums([](const Member& m) { return m.polled.has_value(); })) return;
  if (options_.mode == OpenMode::kSnapshot) return OpenSnapshot();
  if (options_.mode == OpenMode::kAutomatic) {
    for (const Member& member : pgs_.front().members) {
      if (!member.polled.has_value()) continue;
      const int64_t silent = member.polled->writer_silent_ms;
      if (silent >= 0 && silent < options_.writer_silence.millis()) {
        return Fail(absl::UnavailableError(
            absl::StrCat("another writer holds volume ", manifest_.name, ": it was heard ", silent,
                         " ms ago (epoch ", member.polled->begun.path.epoch().number, ")")));
      }
    }
  }
  if (highest_seen_ == UINT32_MAX) {
    return Fail(absl::DataLossError(
        absl::StrCat("volume ", manifest_.name, ": a segment names the last epoch there is")));
  }
  epoch_ = EpochId{highest_seen_ + 1, options_.claimant};
  Enter(Phase::kSealing);
}

// The first PG's promises name the manifest; every PG it lists is sealed as well. The old writer
// can add no PG after that: writing the manifest needs a write quorum of the first PG, which is
// fenced.
void OpeningRun::AfterPromises() {
  if (!ReadQuorums([](const Member& m) { return m.promised.has_value(); })) return;
  for (const Member& member : pgs_.front().members) {
    if (!member.promised.has_value() || !member.promised->manifest.has_value()) continue;
    if (IsNewer(*member.promised->manifest, manifest_)) manifest_ = *member.promised->manifest;
  }
  bool added = false;
  for (size_t i = pgs_.size(); i < manifest_.pgs.size(); ++i) {
    Pg pg;
    pg.membership = manifest_.pgs[i];
    pg.members.resize(pg.membership.members.size());
    pgs_.push_back(std::move(pg));
    added = true;
  }
  if (added) {
    quorum_since_.reset();
    return;
  }
  if (!ChooseParent()) {
    return Fail(absl::DataLossError(
        absl::StrCat("volume ", manifest_.name, ": the PGs' segments share no history")));
  }
  Enter(Phase::kInventory);
}

// The newest epoch that some segment of every PG has on its history. An epoch that sent a record
// had begun at a write quorum of every PG, so every read quorum shows it: nothing above the choice
// ever sent one. (What is above are leaves of openings that did not finish.)
bool OpeningRun::ChooseParent() {
  const auto knows = [](const Member& m, TimelineId timeline, EpochId epoch) {
    return m.promised.has_value() && m.promised->begun.path.Find(timeline, epoch) != nullptr;
  };
  std::optional<EpochId> best;
  const TimelineId timeline = manifest_.timeline;
  for (const Member& candidate : pgs_.front().members) {
    if (!candidate.promised.has_value()) continue;
    for (const auto& step : candidate.promised->begun.path.steps()) {
      if (step.timeline != timeline || (best.has_value() && step.epoch <= *best)) continue;
      const bool everywhere = std::all_of(pgs_.begin(), pgs_.end(), [&](const Pg& pg) {
        return std::any_of(pg.members.begin(), pg.members.end(),
                           [&](const Member& m) { return knows(m, timeline, step.epoch); });
      });
      if (everywhere) best = step.epoch;
    }
  }
  if (!best.has_value()) return false;
  for (Pg& pg : pgs_) {
    for (const Member& member : pg.members) {
      if (!knows(member, timeline, *best)) continue;
      pg.parent = quorum::PrefixTo(member.promised->begun, *best);
      break;
    }
  }
  return true;
}

// --- snapshots -----------------------------------------------------------------------------------

void OpeningRun::OpenSnapshot() {
  for (const Member& member : pgs_.front().members) {
    if (!member.polled.has_value() || !member.polled->manifest.has_value()) continue;
    if (IsNewer(*member.polled->manifest, manifest_)) manifest_ = *member.polled->manifest;
  }
  if (pgs_.size() < manifest_.pgs.size()) {
    for (size_t i = pgs_.size(); i < manifest_.pgs.size(); ++i) {
      Pg pg;
      pg.membership = manifest_.pgs[i];
      pg.members.resize(pg.membership.members.size());
      pgs_.push_back(std::move(pg));
    }
    quorum_since_.reset();
    return;
  }
  OpenedReadOnly snapshot;
  snapshot.manifest = manifest_;
  for (const Pg& pg : pgs_) {
    Lsn complete_to;
    std::vector<std::optional<Lsn>> scls;
    for (const Member& member : pg.members) {
      scls.emplace_back();
      if (!member.polled.has_value()) continue;
      snapshot.epoch = std::max(snapshot.epoch, member.polled->from.epoch);
      snapshot.read_point = std::max(snapshot.read_point, member.polled->vdl_heard);
      complete_to = std::max(complete_to, member.polled->scl);
      scls.back() = member.polled->scl;
    }
    snapshot.complete_to.push_back(complete_to);
    snapshot.scls.push_back(std::move(scls));
  }
  out_->push_back(std::move(snapshot));
  Enter(Phase::kDone);
}

}  // namespace hexad::backtrack
