// Inputs, time, and what the volume writer says.
#include "compute/core/volume_core.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compute/core/user_error.h"
#include "quorum/base/check.h"

namespace hexad::compute {

using backtrack::OpenMode;

VolumeCore::VolumeCore(VolumeCoreOptions options)
    : options_(std::move(options)), prng_(options_.seed), marks_(options_.mark_every) {}

VolumeCore::~VolumeCore() = default;

void VolumeCore::Step(const VolumeInput& in, Instant now, Effects& out) {
  std::visit([&](const auto& input) { On(input, now, out); }, in);
}

void VolumeCore::Feed(const quorum::WriterInput& input, Instant now, Effects& out) {
  INVARIANT(writer_ != nullptr);
  std::vector<quorum::WriterEffect> effects;
  writer_->Step(input, now, effects);
  for (auto& effect : effects) {
    std::visit([&](auto& e) { Got(e, now, out); }, effect);
  }
}

void VolumeCore::FeedOpening(const backtrack::OpeningInput& input, Instant now, Effects& out) {
  INVARIANT(opening_ != nullptr);
  std::vector<backtrack::OpeningEffect> effects;
  opening_->Step(input, now, effects);
  for (auto& effect : effects) {
    if (auto* send = std::get_if<quorum::Send>(&effect)) {
      out.emplace_back(OpeningSend{std::move(*send)});
    } else if (auto* opened = std::get_if<backtrack::Opened>(&effect)) {
      Got(*opened, now, out);
    } else if (auto* readable = std::get_if<backtrack::OpenedReadOnly>(&effect)) {
      Got(*readable, now, out);
    } else {
      Got(std::get<backtrack::OpeningFailed>(effect), now, out);
    }
  }
}

template <class NodeInput>
void VolumeCore::FeedEither(const NodeInput& input, Instant now, Effects& out) {
  if (opening_ != nullptr) {
    FeedOpening(input, now, out);
  } else if (writer_ != nullptr && phase_ != Phase::kFenced) {
    Feed(input, now, out);
  }
}

// ---- inputs

void VolumeCore::On(const OpenVolume& open, Instant now, Effects& out) {
  INVARIANT(phase_ == Phase::kOpening && opening_ == nullptr);
  mode_ = open.mode;
  backtrack_ = open.backtrack;
  StartOpening(now, out);
}

void VolumeCore::On(const quorum::NodeUp& up, Instant now, Effects& out) {
  if (phase_ == Phase::kFenced) return;
  connected_[up.node] = up.incarnation;
  FeedEither(up, now, out);
  if (search_.has_value()) AskFor(*search_, up.node, out);
  if (going_back_.has_value()) AskFor(going_back_->lookup, up.node, out);
}

void VolumeCore::On(const quorum::NodeDown& down, Instant now, Effects& out) {
  if (connected_.erase(down.node) > 0) FeedEither(down, now, out);
}

void VolumeCore::On(const quorum::NodeAnswered& answered, Instant now, Effects& out) {
  // Somebody else opens the volume that we could open for reading only. If it writes we are fenced;
  // to find out, do not outnumber it: look whether it is heard.
  const auto* refused = std::get_if<quorum::Refused>(&answered.answer);
  if (refused != nullptr && refused->reason == quorum::RefusalReason::kStaleEpoch &&
      phase_ == Phase::kReadOnly && mode_ == OpenMode::kOperator && opening_ != nullptr) {
    mode_ = OpenMode::kAutomatic;
    StartOpening(now, out);
  }
  const auto* found = std::get_if<quorum::CommitFound>(&answered.answer);
  if (found == nullptr || opening_ != nullptr) return FeedEither(answered, now, out);
  if (search_.has_value()) {
    search_->Take(*found);
    if (const auto around = search_->Result()) {
      search_.reset();
      out.emplace_back(Located{*around});
    }
  }
  if (!going_back_.has_value()) return;
  going_back_->lookup.Take(*found);
  LookedUp(now, out);
}

void VolumeCore::On(const ReadRefused& read, Instant now, Effects& out) {
  if (writer_ == nullptr || phase_ == Phase::kFenced || read.refused.from.epoch != epoch_) return;
  Feed(quorum::NodeAnswered{read.node, read.refused}, now, out);
}

void VolumeCore::On(const quorum::SubmitMtr& submit, Instant now, Effects& out) {
  INVARIANT(phase_ == Phase::kWriting);
  // Commit times never fall along a history, whatever the clock does.
  quorum::SubmitMtr ordered = submit;
  ordered.commit_time = std::max(submit.commit_time, marks_.newest());
  uint64_t bytes = 0;
  for (const quorum::PageChange& change : submit.changes) {
    bytes += quorum::kRecordHeaderBytes + change.payload.size();
  }
  submitting_ = Submitting{ordered.commit_time, bytes};
  Feed(ordered, now, out);
}

void VolumeCore::On(const GrowTo& grow, Instant now, Effects& out) {
  growth_target_ = std::max(growth_target_, grow.pgs);
  GrowOn(now, out);
}

// The next PG is placed where rendezvous hashing of its id says; one at a time.
void VolumeCore::GrowOn(Instant now, Effects& out) {
  const bool writing = phase_ == Phase::kWriting || phase_ == Phase::kDraining;
  if (!writing || growing_ || manifest_.pgs.size() >= growth_target_) return;
  const quorum::Membership& first = manifest_.pgs.front();
  quorum::Membership added;
  added.pg = quorum::MakePgId(manifest_.timeline, static_cast<uint32_t>(manifest_.pgs.size()));
  added.write = first.write;
  auto members = quorum::PlaceSegments(added.pg.value(), options_.roster,
                                       static_cast<int>(first.members.size()));
  if (!members.ok()) {
    reason_ = std::string(members.status().message());
    return;
  }
  added.members = *std::move(members);
  growing_ = true;
  Feed(quorum::Grow{std::move(added)}, now, out);
}

void VolumeCore::On(const Locate& locate, Instant, Effects& out) {
  INVARIANT(phase_ == Phase::kWriting || (phase_ == Phase::kReadOnly && opening_ == nullptr));
  search_.emplace(LookUp(locate.target, std::nullopt));
  for (const auto& [node, incarnation] : connected_) AskFor(*search_, node, out);
}

// Along this epoch's history up to VDL, or along one of its branches up to its end.
backtrack::CommitLookup VolumeCore::LookUp(const backtrack::BacktrackTarget& target,
                                           std::optional<size_t> branch) const {
  Lsn up_to = vdl_;
  std::vector<backtrack::CommitLookup::Pg> pgs;
  for (size_t i = 0; i < manifest_.pgs.size(); ++i) {
    if (branch.has_value()) {
      const quorum::Branch& along = pg_paths_[i].branches[*branch];
      up_to = along.end.at;
      pgs.push_back({manifest_.pgs[i], quorum::PgPath::Of(along), along.end.tail});
    } else {
      pgs.push_back({manifest_.pgs[i], pg_paths_[i], CompleteTo(i, vdl_)});
    }
  }
  return backtrack::CommitLookup({manifest_.timeline, epoch_, up_to, target}, std::move(pgs));
}

void VolumeCore::AskFor(const backtrack::CommitLookup& lookup, const NodeId& node, Effects& out) {
  std::vector<quorum::Send> questions;
  lookup.Ask(node, questions);
  for (quorum::Send& question : questions) out.emplace_back(std::move(question));
}

void VolumeCore::On(const ChangeRetention& change, Instant now, Effects& out) {
  INVARIANT(phase_ == Phase::kWriting);
  marks_.SetRetention(change.retention);
  Feed(quorum::Retain{Lsn::None(), change.retention}, now, out);
}

void VolumeCore::On(const AskAgain&, Instant now, Effects& out) {
  if (phase_ == Phase::kReadOnly && opening_ == nullptr) StartOpening(now, out);
}

const VolumeCore::Gone* VolumeCore::FindGone(Lsn lsn) const {
  const auto found = std::ranges::find_if(
      gone_, [lsn](const Gone& gone) { return lsn > gone.kept && lsn <= gone.last; });
  return found == gone_.end() ? nullptr : &*found;
}

void VolumeCore::WaitFor(Lsn lsn, Instant now, CommitQueue::Done done, Effects& out) {
  const auto end = [&](absl::Status status) {
    CommitsEnded ended{{}, std::move(status)};
    ended.waiters.push_back({lsn, 0, now, std::move(done)});
    out.emplace_back(std::move(ended));
  };
  if (const Gone* gone = FindGone(lsn)) return end(gone->why);
  if (lsn <= vdl_) return end(absl::OkStatus());
  if (phase_ == Phase::kFenced) return end(MakeUserError(UserError::kFenced, reason_));
  if (lsn > (writer_ != nullptr ? writer_->last_issued() : issued_to_)) {
    return end(absl::InvalidArgumentError(
        absl::StrCat("LSN ", lsn.value(), " was never issued on ", Where())));
  }
  commits_.Wait(lsn, now, now + options_.commit_timeout, std::move(done));
}

void VolumeCore::Pin(Lsn read_point, Instant now, Effects& out) {
  if (pins_.Add(read_point)) PinsMoved(now, out);
}

void VolumeCore::Unpin(Lsn read_point, Instant now, Effects& out) {
  if (pins_.Remove(read_point)) PinsMoved(now, out);
}

void VolumeCore::PinsMoved(Instant now, Effects& out) {
  if (writer_ == nullptr || phase_ == Phase::kFenced) return;
  Feed(quorum::ReadPointsMoved{pins_.lowest()}, now, out);
}

// ---- time

Instant VolumeCore::NextDeadline(Instant now) const {
  Instant next = std::min(commits_.NextDeadline(), quorums_.NextDeadline(now));
  if (opening_ != nullptr) next = std::min(next, opening_->NextDeadline());
  if (writer_ != nullptr && phase_ != Phase::kFenced) {
    next = std::min(next, writer_->NextDeadline());
  }
  if (succeed_at_.has_value()) next = std::min(next, *succeed_at_);
  if (going_back_.has_value()) next = std::min(next, going_back_->until);
  return next;
}

void VolumeCore::On(const VolumeTick&, Instant now, Effects& out) {
  if (opening_ != nullptr && opening_->NextDeadline() <= now) {
    FeedOpening(backtrack::OpeningTick{}, now, out);
  }
  if (writer_ != nullptr && phase_ != Phase::kFenced && writer_->NextDeadline() <= now) {
    Feed(quorum::WriterTick{}, now, out);
  }
  CommitsEnded expired;
  commits_.Expire(now, expired.waiters);
  if (!expired.waiters.empty()) {
    expired.status = MakeUserError(UserError::kCommitUnknown,
                                   absl::StrCat(Where(), ": no write quorum confirmed it within ",
                                                options_.commit_timeout.millis(), " ms"));
    out.emplace_back(std::move(expired));
  }
  if (quorums_.ReadOnlyReason(now).has_value()) out.emplace_back(Changed{});
  if (going_back_.has_value() && going_back_->until <= now) return GoBack(now, out);
  if (!succeed_at_.has_value() || *succeed_at_ > now) return;
  succeed_at_.reset();
  if (phase_ == Phase::kDraining) return GiveUpDraining(now, out);
  if (phase_ == Phase::kWriting) phase_ = Phase::kDraining;
  Succeed(now, out);
}

// ---- the writer's effects

void VolumeCore::Got(quorum::Send& send, Instant, Effects& out) {
  out.emplace_back(std::move(send));
}

void VolumeCore::Got(quorum::MtrIssued& issued, Instant, Effects& out) {
  marks_.Issued(issued.commit_lsn, submitting_.time, submitting_.bytes);
  out.emplace_back(issued);
}

void VolumeCore::Got(quorum::MtrBlocked& blocked, Instant now, Effects& out) {
  out.emplace_back(blocked);
  if (blocked.why != quorum::MtrBlocked::Why::kNeedsGrowth) return;
  On(GrowTo{blocked.pgs_needed}, now, out);
}

void VolumeCore::Got(quorum::VdlMoved& moved, Instant now, Effects& out) {
  INVARIANT(moved.vdl >= vdl_);
  vdl_ = moved.vdl;
  out.emplace_back(moved);
  CommitsEnded durable;
  commits_.VdlMoved(vdl_, durable.waiters);
  if (!durable.waiters.empty()) out.emplace_back(std::move(durable));
  out.emplace_back(Changed{});
  if (phase_ == Phase::kDraining) return Succeed(now, out);
  RetainMore(now, out);
}

void VolumeCore::RetainMore(Instant now, Effects& out) {
  if (retaining_ || growing_) return;
  const auto retain = marks_.Due(vdl_);
  if (!retain.has_value()) return;
  retaining_ = true;
  Feed(*retain, now, out);
}

void VolumeCore::Got(quorum::Retained& retained, Instant, Effects& out) {
  manifest_ = std::move(retained.manifest);
  retaining_ = false;
  out.emplace_back(Changed{});
}

void VolumeCore::Got(quorum::Grown& grown, Instant now, Effects& out) {
  manifest_ = grown.manifest;
  growing_ = false;
  pg_paths_.push_back(quorum::WithoutRecords(pg_paths_.front()));
  quorums_.Expect(manifest_.pgs.back(), now);
  out.emplace_back(std::move(grown));
  out.emplace_back(Changed{});
  GrowOn(now, out);
}

void VolumeCore::Got(quorum::WriteQuorumChanged& changed, Instant now, Effects& out) {
  quorums_.Changed(changed, now);
  if (changed.ok) out.emplace_back(Changed{});
}

// While a write quorum still accepts, the one who promised may have died half-way. If it did not,
// it fences us within the grace; if it did, only a higher epoch gets its promises out of the way.
void VolumeCore::Got(quorum::Outbid& outbid, Instant now, Effects&) {
  if (succeed_at_.has_value() || phase_ != Phase::kWriting) return;
  reason_ = absl::StrCat("some segment promised epoch ", outbid.by.number, " to another writer");
  succeed_at_ = now + kOutbidGrace;
}

void VolumeCore::Got(quorum::Fenced& fenced, Instant, Effects& out) {
  Fence(absl::StrCat(Where(), " was taken by another writer with epoch ", fenced.by.number, ".",
                     absl::Hex(fenced.by.claimant)),
        out);
}

void VolumeCore::Got(quorum::AckTimed& acked, Instant, Effects& out) {
  out.emplace_back(std::move(acked));
}

// ---- pictures

Lsn VolumeCore::CompleteTo(size_t pg_index, Lsn read_point) const {
  if (writer_ != nullptr) return writer_->CompleteTo(pg_index, read_point);
  return pg_index < read_only_complete_to_.size() ? read_only_complete_to_[pg_index] : read_point;
}

bool VolumeCore::IsOnHistory(Lsn read_point) const {
  return !history_.has_value() || history_->path.CanForkAt(read_point);
}

absl::Status VolumeCore::WhyNoCommit(Instant now) const {
  std::optional<std::string> why = quorums_.ReadOnlyReason(now);
  if (phase_ == Phase::kFenced) return MakeUserError(UserError::kFenced, reason_);
  if (phase_ == Phase::kOpening) why = "it is not open";
  const bool offered = phase_ == Phase::kSucceeding && !read_only_complete_to_.empty();
  if (phase_ == Phase::kReadOnly || offered) why = reason_;
  if (!why.has_value()) return absl::OkStatus();
  return MakeUserError(UserError::kReadOnly, absl::StrCat(Where(), ": ", *why));
}

std::string VolumeCore::Where() const {
  return absl::StrCat("volume ", options_.named.name, " (timeline ",
                      absl::Hex(options_.named.timeline.value()), ", epoch ", epoch_.number, ".",
                      absl::Hex(epoch_.claimant), ", VDL ", vdl_.value(), ")");
}

// Without a writer, who is connected is all that is known.
std::vector<quorum::PgDescription> VolumeCore::Describe() const {
  if (writer_ != nullptr) return writer_->Describe();
  std::vector<quorum::PgDescription> pgs;
  for (const quorum::Membership& membership : manifest_.pgs) {
    quorum::PgDescription pg;
    pg.pg = membership.pg;
    pg.membership_epoch = membership.epoch;
    for (const quorum::Member& member : membership.members) {
      quorum::PgDescription::MemberState state;
      state.node = member.node;
      state.az = member.az;
      const auto connected = connected_.find(member.node);
      state.up = connected != connected_.end();
      state.trusted = !state.up || connected->second == member.incarnation;
      pg.members.push_back(std::move(state));
    }
    pgs.push_back(std::move(pg));
  }
  return pgs;
}

void VolumeCore::CheckInvariants() const {
  INVARIANT(opening_ == nullptr || writer_ == nullptr);
  INVARIANT(phase_ != Phase::kWriting || writer_ != nullptr);
  if (opening_ != nullptr) opening_->CheckInvariants();
  if (writer_ != nullptr) writer_->CheckInvariants();
  commits_.CheckInvariants();
}

}  // namespace hexad::compute
