// Tenures: what the end of an opening means, following oneself with a higher epoch, going back,
// being fenced.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/core/user_error.h"
#include "compute/core/volume_core.h"
#include "quorum/base/check.h"
#include "quorum/base/marks.h"

namespace hexad::compute {

using backtrack::OpenMode;

void VolumeCore::StartOpening(Instant now, Effects& out) {
  backtrack::OpeningOptions opening;
  opening.mode = mode_;
  opening.backtrack = backtrack_;
  opening.named = options_.named;
  opening.claimant = prng_.Next();
  opening.seed = prng_.Next();
  opening.lal = options_.lal;
  if (mode_ == OpenMode::kSnapshot) opening.at_least = vdl_;
  if (backtrack_.has_value()) moved_ = true;
  opening_ = std::make_unique<backtrack::Opening>(std::move(opening));
  FeedOpening(backtrack::OpeningStart{}, now, out);
  for (const auto& [node, incarnation] : connected_) {
    if (opening_ == nullptr) break;  // it ended by one of these
    FeedOpening(quorum::NodeUp{node, incarnation}, now, out);
  }
}

// Once everything issued is durable the next epoch forks exactly there, and the page cache stays
// true.
void VolumeCore::Succeed(Instant now, Effects& out) {
  if (phase_ == Phase::kDraining) {
    if (writer_->vdl() != writer_->last_issued()) {
      succeed_at_ = now + kDrainPatience;
      return;
    }
    EndTenure();
  }
  const bool waits = phase_ == Phase::kSucceeding || phase_ == Phase::kReadOnly;
  if (waits && opening_ == nullptr) StartOpening(now, out);
}

void VolumeCore::EndTenure() {
  phase_ = Phase::kSucceeding;
  if (going_back_.has_value()) backtrack_ = std::exchange(going_back_, std::nullopt)->target;
  issued_to_ = writer_->last_issued();
  writer_.reset();
  search_.reset();
  read_only_complete_to_.clear();
  succeed_at_.reset();
  growing_ = retaining_ = false;
}

// An opening would find a target that cannot be gone back to as well, but only after it had fenced
// this writer: a user's mistake shall not cost anybody a tenure.
void VolumeCore::On(const Backtrack& back, Instant now, Effects& out) {
  INVARIANT(phase_ == Phase::kWriting && !going_back());
  const auto branch =
      backtrack::BranchOf(pg_paths_.front(), vdl_, back.target, options_.named.name);
  if (!branch.ok()) {
    SOMETIMES(backtrack_refused_at_once);
    out.emplace_back(BacktrackEnded{branch.status(), {}, std::nullopt});
    return;
  }
  going_back_.emplace(GoingBack{back.target, LookUp(back.target, *branch), now + kLookUpPatience});
  for (const auto& [node, incarnation] : connected_) AskFor(going_back_->lookup, node, out);
}

void VolumeCore::LookedUp(Instant now, Effects& out) {
  const auto around = going_back_->lookup.Result();
  if (!around.has_value()) return;
  if (auto status = backtrack::CheckFork(around->before, around->after, manifest_); !status.ok()) {
    SOMETIMES(backtrack_refused_after_a_look);
    going_back_.reset();
    out.emplace_back(BacktrackEnded{std::move(status), {}, std::nullopt});
    return;
  }
  GoBack(now, out);
}

// The opening looks once more: it may recover commits that this writer did not know to be durable.
void VolumeCore::GoBack(Instant now, Effects& out) {
  reason_ = "the volume goes back";
  EndTenure();
  out.emplace_back(Changed{});
  StartOpening(now, out);
}

// What is issued and not durable may be cut off by the next epoch, and pages that hold such changes
// with it. Who waits for such a commit goes on waiting: only the opening knows its fate.
void VolumeCore::GiveUpDraining(Instant now, Effects& out) {
  reason_ = "the next epoch is opened without waiting for what was not durable";
  EndTenure();
  RestartReads({epoch_, sealed_, vdl_, /*keep_cache=*/false, {}}, out);
  out.emplace_back(Changed{});
  Succeed(now, out);
}

void VolumeCore::RestartReads(ReadsRestart restart, Effects& out) {
  ++tenure_;
  out.emplace_back(std::move(restart));
}

// Did an epoch between ours and the new one issue anything? Then this handle's idea of the volume
// is out of date, although it has just won. (The first LSN of any other epoch lies more than a LAL
// above its fork, so above all that we could have issued.)
bool VolumeCore::WroteInBetween(const quorum::WriterStart& start) const {
  if (!CouldBeOurs(start.vdl)) return true;
  const auto& steps = start.pg_paths.front().path.steps();
  for (size_t i = steps.size() - 1; i-- > 0;) {
    if (steps[i].epoch == written_epoch_) return false;
    if (!steps[i].is_empty()) return true;
  }
  return true;
}

absl::Status VolumeCore::Annulled() const {
  return MakeUserError(
      UserError::kCommitUnknown,
      absl::StrCat("volume ", options_.named.name, ": it had found no write quorum when this ",
                   "writer had to follow itself with a higher epoch"));
}

// REQUIRES: vdl_ is where the new epoch starts. What the last one issued above it is in no history.
void VolumeCore::SettleCommits(Effects& out) {
  CommitsEnded durable;
  commits_.VdlMoved(vdl_, durable.waiters);
  if (!durable.waiters.empty()) out.emplace_back(std::move(durable));
  if (issued_to_ <= vdl_) return;
  gone_.push_back({vdl_, issued_to_, Annulled()});
  CommitsEnded lost{{}, Annulled()};
  commits_.TakeAll(lost.waiters);
  if (!lost.waiters.empty()) out.emplace_back(std::move(lost));
}

// The new history may have left the last tenure's below what was issued, by going back: what it
// still holds of it is durable, the rest is gone. VDL may be lower than before.
void VolumeCore::SettleMoved(const quorum::WriterStart& start, Effects& out) {
  const quorum::Path& path = start.pg_paths.front().path;
  const quorum::PathStep* ours = path.Find(path.timeline(), written_epoch_);
  const Lsn kept = ours == nullptr || ours->is_empty() ? Lsn::None() : ours->last_lsn;
  CommitQueue waiting = std::exchange(commits_, CommitQueue());
  CommitsEnded durable;
  // Up to the last VDL nobody waits any more.
  if (kept > vdl_) waiting.VdlMoved(kept, durable.waiters);
  CommitsEnded undone;
  waiting.TakeAll(undone.waiters);
  undone.status = MakeUserError(
      UserError::kRetry, absl::StrCat("volume ", options_.named.name, " went back to LSN ",
                                      start.vdl.value(), "; this commit is not visible any more"));
  // What was undone before may be visible again, up to where the new history leaves its branch.
  for (Gone& gone : gone_) {
    if (gone.undone) gone.kept = std::max(gone.kept, path.NewestAtOrBelow(gone.last));
  }
  std::erase_if(gone_, [](const Gone& gone) { return gone.kept >= gone.last; });
  const quorum::Branch* left = quorum::BranchLeftBy(start.pg_paths.front(), start.epoch);
  const Lsn from = std::max(kept, start.vdl);
  const Lsn end = std::max(from, left == nullptr ? Lsn::None() : left->end.at);
  if (end > from) gone_.push_back({from, end, undone.status, /*undone=*/true});
  // What no quorum was found for is on no branch either.
  if (issued_to_ > end) gone_.push_back({end, issued_to_, undone.status});
  if (!durable.waiters.empty()) out.emplace_back(std::move(durable));
  if (!undone.waiters.empty()) out.emplace_back(std::move(undone));
}

void VolumeCore::Got(backtrack::Opened& opened, Instant now, Effects& out) {
  const bool moved = std::exchange(moved_, false);
  const bool succeeding = phase_ == Phase::kSucceeding;
  opening_.reset();
  if (!succeeding) issued_to_ = opened.start.vdl;
  if (succeeding && !moved && WroteInBetween(opened.start)) {
    return Fence(absl::StrCat(Where(), ": another writer wrote before epoch ",
                              opened.start.epoch.number, " could follow"),
                 out);
  }
  out.emplace_back(TenureBegan{opened.start});
  const bool keep_cache = tenure_ > 0 && !moved && opened.start.vdl == vdl_;
  if (succeeding && moved) SettleMoved(opened.start, out);
  epoch_ = written_epoch_ = opened.start.epoch;
  sealed_ = false;
  vdl_ = opened.start.vdl;
  manifest_ = opened.start.manifest;
  pg_paths_ = opened.start.pg_paths;
  history_ = pg_paths_.front();
  if (succeeding && !moved) SettleCommits(out);
  RestartReads({epoch_, sealed_, vdl_, keep_cache, std::move(opened.scls)}, out);
  if (std::exchange(backtrack_, std::nullopt).has_value() && opened.forked_at.has_value()) {
    out.emplace_back(BacktrackEnded{absl::OkStatus(), *opened.forked_at, opened.first_left});
  }
  BeginTenure(std::move(opened.start), now, out);
  if (!std::exchange(opened_once_, true)) out.emplace_back(OpenEnded{absl::OkStatus()});
  out.emplace_back(Changed{});
}

void VolumeCore::BeginTenure(quorum::WriterStart start, Instant now, Effects& out) {
  quorums_.Clear();
  for (const quorum::Membership& pg : manifest_.pgs) quorums_.Expect(pg, now);
  marks_.Restart(manifest_, vdl_);
  growing_ = retaining_ = false;
  phase_ = Phase::kWriting;
  mode_ = OpenMode::kOperator;  // what follows a tenure of ours is ours
  reason_.clear();
  read_only_complete_to_.clear();
  writer_ = std::make_unique<quorum::VolumeWriter>(options_.writer, std::move(start));
  for (const auto& [node, incarnation] : connected_) {
    Feed(quorum::NodeUp{node, incarnation}, now, out);
  }
  if (!pins_.lowest().IsNone()) PinsMoved(now, out);
}

void VolumeCore::Got(backtrack::OpenedReadOnly& opened, Instant now, Effects& out) {
  const bool succeeding = phase_ == Phase::kSucceeding;
  // After a backtrack that did not come about, or did, only the next epoch tells what is visible.
  if (succeeding && moved_) return;
  if (succeeding && !CouldBeOurs(opened.read_point)) {
    return Fence(absl::StrCat(Where(), ": another writer wrote meanwhile"), out);
  }
  if (phase_ == Phase::kOpening) phase_ = Phase::kReadOnly;
  const Lsn before = vdl_;
  const bool first = tenure_ == 0;
  epoch_ = opened.epoch;
  sealed_ = opened.sealed;
  manifest_ = opened.manifest;
  pg_paths_ = std::move(opened.histories);
  history_ = pg_paths_.front();
  // Fewer than a write quorum may hold what lies above our VDL: no commit is acknowledged by that.
  if (!succeeding) vdl_ = opened.read_point;
  read_only_complete_to_ = opened.complete_to;
  // A segment that holds everything up to the read point is complete whatever came after it.
  for (Lsn& tail : read_only_complete_to_) tail = std::min(tail, vdl_);
  snapshot_at_ = now;
  RestartReads({epoch_, sealed_, vdl_, !first && vdl_ == before, std::move(opened.scls)}, out);
  if (mode_ == OpenMode::kSnapshot) {
    reason_ = "opened read-only";
    opening_.reset();
  } else {
    reason_ = absl::StrCat("no write quorum; it becomes writable by itself when enough nodes are ",
                           "back: ", opening_->Describe());
  }
  if (!std::exchange(opened_once_, true)) out.emplace_back(OpenEnded{absl::OkStatus()});
  out.emplace_back(Changed{});
}

void VolumeCore::Got(backtrack::OpeningFailed& failed, Instant now, Effects& out) {
  opening_.reset();
  reason_ = std::string(failed.status.message());
  if (!std::exchange(opened_once_, true)) {
    out.emplace_back(OpenEnded{failed.status});
    return;
  }
  out.emplace_back(OpeningGaveUp{failed.status});
  if (std::exchange(backtrack_, std::nullopt).has_value()) {
    out.emplace_back(BacktrackEnded{failed.status, {}, std::nullopt});
    return StartOpening(now, out);  // as it was
  }
  if (mode_ == OpenMode::kSnapshot) {
    out.emplace_back(Changed{});
    return;
  }
  if (mode_ == OpenMode::kAutomatic && absl::IsUnavailable(failed.status)) {
    return Fence(absl::StrCat(Where(), ": ", reason_), out);
  }
  // It was open before: keep trying, as a volume without a write quorum does.
  succeed_at_ = now + kRetryOpening;
}

void VolumeCore::Fence(std::string why, Effects& out) {
  phase_ = Phase::kFenced;
  reason_ = std::move(why);
  opening_.reset();
  search_.reset();
  succeed_at_.reset();
  ++tenure_;  // reads under way are nobody's any more
  CommitsEnded ended;
  commits_.TakeAll(ended.waiters);
  ended.status = MakeUserError(UserError::kFenced,
                               absl::StrCat(reason_, "; this commit may be in its history or not"));
  if (!ended.waiters.empty()) out.emplace_back(std::move(ended));
  if (going_back()) {
    going_back_.reset();
    backtrack_.reset();
    out.emplace_back(BacktrackEnded{MakeUserError(UserError::kFenced, reason_), {}, std::nullopt});
  }
  out.emplace_back(BecameFenced{});
  if (!std::exchange(opened_once_, true)) {
    out.emplace_back(OpenEnded{MakeUserError(UserError::kFenced, reason_)});
  }
  out.emplace_back(Changed{});
}

}  // namespace hexad::compute
