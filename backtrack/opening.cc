// Opening: polls, promises, and the walk from one phase to the next.
#include "backtrack/opening.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backtrack/opening_run.h"
#include "quorum/base/check.h"
#include "quorum/base/core.h"
#include "quorum/base/marks.h"

namespace hexad::backtrack {

static_assert(Core<Opening>);

using quorum::RefusalReason;
using quorum::Refused;

Opening::Opening(OpeningOptions options) : run_(std::make_unique<OpeningRun>(std::move(options))) {}
Opening::~Opening() = default;
void Opening::Step(const Input& in, Instant now, Effects& out) { run_->Step(in, now, out); }
Instant Opening::NextDeadline() const { return run_->NextDeadline(); }
void Opening::CheckInvariants() const { run_->CheckInvariants(); }
std::string Opening::Describe() const { return run_->Describe(); }
std::vector<OpeningCount> Opening::Count() const { return run_->Count(); }

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
  INVARIANT(options_.retry_after > Duration() && options_.answer_grace > Duration());
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
  Restart();
  Enter(Phase::kPolling);
}

void OpeningRun::On(const quorum::NodeUp& up) {
  On(quorum::NodeDown{up.node});
  up_[up.node] = up.incarnation;
  distrusted_.erase(up.node);
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
    pg.members[*index].refill.reset();
    for (Member& target : pg.members) {
      if (target.refill.has_value() && target.refill->source == *index) target.refill.reset();
    }
  }
}

void OpeningRun::On(const OpeningTick&) {
  if (phase_ == Phase::kBackingOff && now_ >= resume_at_) {
    Enter(Phase::kPolling);
  }
  for (Pg& pg : pgs_) {
    for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
      Member& member = pg.members[i];
      const bool late = now_ - member.asked_at >= options_.retry_after;
      if (late || BUGGIFY(opening_asks_again_early)) member.waiting = false;
      // A refill moves megabytes: it gets longer before it is given up.
      if (!member.refill.has_value()) continue;
      const bool given_up = now_ - member.refill->since >= RefillPatience();
      if (!given_up && !BUGGIFY(opening_gives_up_a_refill_early)) continue;
      if (member.refill->storing) {
        RefuseRefill(pg, i);
      } else {
        FailRefill(pg, i);
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

bool OpeningRun::IsUsable(const quorum::PgPath& begun,
                          const std::optional<quorum::Manifest>& manifest) const {
  if (!begun.Check().ok() || begun.path.timeline() != options_.named.timeline) return false;
  return !manifest.has_value() ||
         (manifest->Check().ok() && manifest->timeline == options_.named.timeline);
}

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::Polled& polled) {
  Member& m = pg.members[member];
  if (!IsUsable(polled.begun, polled.manifest)) return;
  highest_seen_ =
      std::max({highest_seen_, polled.from.epoch.number, polled.begun.path.epoch().number});
  if (phase_ != Phase::kPolling && phase_ != Phase::kPollingAgain) return;
  if (polled.round != poll_round_) {
    SOMETIMES(opening_leaves_out_a_stale_poll);
    return;
  }
  // What is complete is judged by the highest SCL of a read quorum: it needs members that still
  // hold all that they acknowledged. This one is asked again until its peers have refilled it.
  if (phase_ == Phase::kPollingAgain && polled.damaged) {
    SOMETIMES(snapshot_leaves_out_a_damaged_segment);
    return;
  }
  m.waiting = false;
  m.polled = polled;
}

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::Promised& promised) {
  if (promised.from.epoch != epoch_ || phase_ < Phase::kSealing) return;
  if (!IsUsable(promised.begun, promised.manifest)) return;
  pg.members[member].waiting = false;
  pg.members[member].promised = promised;
}

void OpeningRun::OnAnswer(Pg& pg, int member, const Refused& refused) {
  highest_seen_ = std::max(highest_seen_, refused.promised.number);
  Member& m = pg.members[member];
  const bool polling = phase_ == Phase::kPolling || phase_ == Phase::kPollingAgain;
  if (refused.from.epoch != epoch_) return;
  if (refused.reason == RefusalReason::kStaleEpoch) {
    if (polling) return;
    SOMETIMES(opening_outbid);
    StartOver();
    return;
  }
  RefuseRefill(pg, member);
  if (refused.reason == RefusalReason::kNotPromised) {
    m.promised.reset();
    m.inventory.reset();
  } else if (refused.reason == RefusalReason::kUnknownSegment) {
    if (std::exchange(m.created, false)) return;  // and lost it again: not at once
    if (std::exchange(m.unknown, true)) return;
    SOMETIMES(opening_meets_segment_that_was_never_created);
    // From here on it is created, at once. Before the inventories nothing is: a segment that was
    // made a moment ago would tell a read quorum nothing.
    if (recovered_.has_value()) m.waiting = false;
  }
  // Every other refusal leaves `waiting` set: the member is asked again after retry_after.
}

// --- moving on -----------------------------------------------------------------------------------

void OpeningRun::Enter(Phase phase) {
  phase_ = phase;
  phase_since_ = now_;
  poll_round_ = prng_.Next();
  quorum_since_.reset();
  for (Pg& pg : pgs_) {
    for (Member& member : pg.members) {
      member.waiting = false;
      member.refill.reset();
    }
  }
}

// Contenders that keep outnumbering each other part by random pauses. Each pause may be twice as
// long as the one before, so that however slow an opening is, one of them has the time for it.
void OpeningRun::StartOver() {
  const auto spread = static_cast<uint64_t>(pause_.millis());
  resume_at_ = now_ + Duration::Millis(20 + static_cast<int64_t>(prng_.Below(spread)));
  pause_ = std::min(pause_ * 2, kLongestPause);
  Restart();
  Enter(Phase::kBackingOff);
}

void OpeningRun::Restart() {
  pgs_.clear();
  manifest_ = options_.named;
  Pg first;
  first.membership = manifest_.pgs.front();
  first.members.resize(first.membership.members.size());
  pgs_.push_back(std::move(first));
  recovered_.reset();
  left_.reset();
  branch_.reset();
  search_ = CommitSearch(options_.backtrack.value_or(Lsn()));
  offered_read_only_ = false;
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
      case Phase::kPollingAgain:
        AfterSecondPolls();
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
      case Phase::kLocating:
        AfterFound();
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
  if (options_.mode == OpenMode::kSnapshot) return ChooseReadPoint();
  if (options_.mode == OpenMode::kAutomatic) {
    for (const Member& member : pgs_.front().members) {
      if (!member.polled.has_value()) continue;
      const int64_t silent = member.polled->writer_silent_ms;
      if (silent >= 0 && silent < options_.writer_silence.millis()) {
        SOMETIMES(opening_keeps_off_a_living_writer);
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
  std::vector<quorum::Manifest> offered;
  for (const Member& member : pgs_.front().members) {
    if (!member.promised.has_value() || !member.promised->manifest.has_value()) continue;
    offered.push_back(*member.promised->manifest);
  }
  const Geometry geometry = TakeNewest(offered);
  if (geometry == Geometry::kOther) return StartOver();
  if (geometry == Geometry::kGrown) {
    SOMETIMES(opening_seals_pgs_that_grew);
    return;
  }
  if (absl::Status chosen = ChooseParent(); !chosen.ok()) return Fail(std::move(chosen));
  Enter(Phase::kInventory);
}

OpeningRun::Geometry OpeningRun::TakeNewest(const std::vector<quorum::Manifest>& manifests) {
  const auto newest = std::max_element(
      manifests.begin(), manifests.end(),
      [](const quorum::Manifest& a, const quorum::Manifest& b) { return IsNewer(b, a); });
  if (newest == manifests.end() || !IsNewer(*newest, manifest_)) return Geometry::kSame;
  quorum::Manifest offered = *newest;
  // A clone's fork holds R back where it is known: the highest one bounds every GC floor.
  for (const quorum::Manifest& other : manifests) {
    offered.retained_from = std::max(offered.retained_from, other.retained_from);
  }
  if (offered.pgs.size() < pgs_.size()) return Geometry::kOther;
  for (size_t i = 0; i < pgs_.size(); ++i) {
    if (!(offered.pgs[i] == pgs_[i].membership)) return Geometry::kOther;
  }
  manifest_ = std::move(offered);
  if (pgs_.size() == manifest_.pgs.size()) return Geometry::kSame;
  for (size_t i = pgs_.size(); i < manifest_.pgs.size(); ++i) {
    Pg pg;
    pg.membership = manifest_.pgs[i];
    pg.members.resize(pg.membership.members.size());
    pgs_.push_back(std::move(pg));
  }
  quorum_since_.reset();
  return Geometry::kGrown;
}

absl::Status OpeningRun::ChooseParent() {
  std::vector<std::vector<const quorum::PgPath*>> answers;
  for (const Pg& pg : pgs_) {
    answers.emplace_back();
    for (const Member& member : pg.members) {
      if (member.promised.has_value()) answers.back().push_back(&member.promised->begun);
    }
  }
  const auto lost = [this](const std::string& why) {
    return absl::DataLossError(absl::StrCat("volume ", manifest_.name, ": ", why));
  };
  auto histories = NewestCommonHistory(answers);
  if (!histories.ok()) return lost(std::string(histories.status().message()));
  if (histories->front().path.epoch() >= epoch_) {
    return lost("a segment promised an epoch that began long ago");
  }
  for (size_t i = 0; i < pgs_.size(); ++i) pgs_[i].parent = std::move((*histories)[i]);
  return absl::OkStatus();
}

}  // namespace hexad::backtrack
