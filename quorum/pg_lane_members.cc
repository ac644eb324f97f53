// The segments' side of a lane: connections, answers, and whom to believe. The log side is in
// pg_lane.cc.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "quorum/base/marks.h"
#include "quorum/pg_lane.h"

namespace hexad::quorum {
namespace {

using State = MemberStream::State;

// A request that a segment calls bad was damaged on its way, or the bug is ours. It is sent again
// at once; refusals within a resend's time are echoes of the same. A segment that still refuses
// after this many rounds, without acknowledging anything between them, is not worth more.
constexpr int kMaxBadRounds = 2;

const char* NameOf(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kStaleEpoch:
      return "stale epoch";
    case RefusalReason::kStaleMembership:
      return "stale membership";
    case RefusalReason::kUnknownSegment:
      return "unknown segment";
    case RefusalReason::kAmnesiac:
      return "amnesiac";
    case RefusalReason::kNeedsBegin:
      return "needs begin";
    case RefusalReason::kNotPromised:
      return "not promised";
    case RefusalReason::kBadRequest:
      return "bad request";
    case RefusalReason::kDiskFull:
      return "disk full";
    case RefusalReason::kOutOfRange:
      return "out of range";
    case RefusalReason::kDamaged:
      return "damaged";
    case RefusalReason::kOverloaded:
      return "overloaded";
  }
  return "unknown reason";
}

}  // namespace

void PgLane::NodeUp(int index, Incarnation incarnation, LaneTurn& turn) {
  MemberStream& member = members_[index];
  member.Stop();
  member.up = true;
  members_changed_ = true;
  if (member.incarnation == Incarnation()) member.incarnation = incarnation;
  member.stranger = member.incarnation != incarnation;
  if (member.stranger) {
    SOMETIMES(writer_meets_another_disk);
    // Whatever the admitted disk had acknowledged is not on this one.
    member.trouble = absl::StrCat("disk ", absl::Hex(incarnation.value()),
                                  " answers, admitted was ", absl::Hex(member.incarnation.value()));
    pgcl_.Distrust(index);
    return;
  }
  if (member.distrusted || member.fenced()) return;
  member.trouble.clear();
  member.state = member.exists ? State::kBeginning : State::kCreating;
  Ask(member, turn);
}

void PgLane::NodeDown(int index) {
  members_[index].Stop();
  members_[index].up = false;
  members_changed_ = true;
}

void PgLane::Fence(int index, EpochId by) {
  MemberStream& member = members_[index];
  member.Stop();
  member.fenced_by = std::max(member.fenced_by, by);
  members_changed_ = true;
}

void PgLane::Distrust(int index, std::string why) {
  MemberStream& member = members_[index];
  member.Stop();
  SOMETIMES(writer_distrusts_a_segment);
  member.distrusted = true;
  member.trouble = std::move(why);
  pgcl_.Distrust(index);
  members_changed_ = true;
}

bool PgLane::CouldWrite() const {
  MemberSet left;
  for (size_t i = 0; i < members_.size(); ++i) {
    if (!members_[i].fenced()) left.Add(static_cast<int>(i));
  }
  return write_.SatisfiedBy(left);
}

bool PgLane::BegunAtWriteQuorum() const {
  MemberSet begun;
  for (size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].begun_once && members_[i].trusted()) begun.Add(static_cast<int>(i));
  }
  return write_.SatisfiedBy(begun);
}

bool PgLane::ManifestAtWriteQuorum() const {
  MemberSet holders;
  for (size_t i = 0; i < members_.size(); ++i) {
    const MemberStream& member = members_[i];
    if (member.trusted() && member.manifest_held >= manifest_wanted_) {
      holders.Add(static_cast<int>(i));
    }
  }
  return write_.SatisfiedBy(holders);
}

Lsn PgLane::RetainedAtWriteQuorum() const {
  Lsn retained;
  for (const MemberStream& candidate : members_) {
    MemberSet holders;
    for (size_t i = 0; i < members_.size(); ++i) {
      const MemberStream& member = members_[i];
      if (member.trusted() && member.retained_from >= candidate.retained_from) {
        holders.Add(static_cast<int>(i));
      }
    }
    if (write_.SatisfiedBy(holders)) retained = std::max(retained, candidate.retained_from);
  }
  return retained;
}

void PgLane::WriteManifest(const Manifest& manifest, LaneTurn& turn) {
  INVARIANT(start_.manifest.has_value());
  INVARIANT(manifest.geometry_epoch > start_.manifest->geometry_epoch);
  start_.manifest = manifest;
  manifest_wanted_ = manifest.geometry_epoch;
  for (MemberStream& member : members_) {
    if (member.begun() || member.state == State::kBeginning) SendBegin(member, turn);
  }
}

bool PgLane::OwesManifest(const MemberStream& member) const {
  return member.begun() && member.manifest_held < manifest_wanted_;
}

// ---- what is asked until it is answered

void PgLane::Ask(MemberStream& member, LaneTurn& turn) {
  INVARIANT(member.state == State::kCreating || member.state == State::kBeginning);
  if (member.state == State::kBeginning) return SendBegin(member, turn);
  const CreateSegment create{start_.envelope, start_.membership, start_.page_size,
                             start_.first_page, start_.page_count};
  turn.out.emplace_back(Send{member.node, CreationOf(create, start_.path, start_.index)});
  RetryAt(member, turn.now + options_.resend_after);
}

void PgLane::SendBegin(MemberStream& member, LaneTurn& turn) {
  turn.out.emplace_back(Send{member.node, Begin{start_.envelope, start_.path, start_.manifest}});
  RetryAt(member, turn.now + options_.resend_after);
}

void PgLane::RetryAt(MemberStream& member, Instant at) {
  member.retry_at = at;
  retry_at_ = std::min(retry_at_, at);
}

void PgLane::Retry(MemberStream& member, LaneTurn& turn) {
  member.retry_at = Instant::Never();
  if (member.state == State::kCreating || member.state == State::kBeginning) Ask(member, turn);
  if (OwesManifest(member)) SendBegin(member, turn);
  if (member.begun() && member.braked() && member.acked < queue_.end()) {
    // One boxcar, to learn whether there is room again.
    member.next = member.acked;
    SendNext(member, turn);
    RetryAt(member, turn.now + options_.resend_after);
  }
}

// ---- answers

bool PgLane::Answered(int index, const SegmentAnswer& answer, LaneTurn& turn) {
  MemberStream& member = members_[index];
  if (member.state == State::kIdle) return false;  // down, fenced, or not believed
  if (const auto* ack = std::get_if<Ack>(&answer)) return OnAck(index, *ack, turn);
  if (const auto* begun = std::get_if<Begun>(&answer)) return OnBegun(index, *begun, turn);
  if (const auto* refused = std::get_if<Refused>(&answer)) OnRefused(index, *refused, turn);
  if (std::holds_alternative<Created>(answer) && member.state == State::kCreating) {
    member.exists = true;
    member.state = State::kBeginning;
    Ask(member, turn);
  }
  return false;
}

bool PgLane::OnBegun(int index, const Begun& begun, LaneTurn& turn) {
  MemberStream& member = members_[index];
  if (member.state == State::kCreating) return false;  // it has forgotten since
  if (member.state == State::kBeginning) {
    // Same disk, same epoch, and less than it had fsynced: its disk has lost data, or lies.
    if (begun.scl < member.scl) {
      Distrust(index,
               absl::StrCat("SCL went back from ", member.scl.value(), " to ", begun.scl.value()));
      return false;
    }
    member.Start(queue_, begun.scl, turn.now);
    members_changed_ = true;
    // The first one soon: it tells the segments that the epoch is in use (GossipFill::in_use).
    if (heartbeat_at_ == Instant::Never()) heartbeat_at_ = turn.now + options_.announce_after;
  }
  member.manifest_held = std::max(member.manifest_held, begun.geometry_epoch);
  member.retained_from = std::max(member.retained_from, begun.retained_from);
  if (OwesManifest(member) && member.retry_at == Instant::Never()) {
    RetryAt(member, turn.now + options_.resend_after);
  }
  return Hear(index, begun.scl, turn.now);
}

bool PgLane::OnAck(int index, const Ack& ack, LaneTurn& turn) {
  MemberStream& member = members_[index];
  if (!member.begun()) return false;
  const BoxcarQueue::Seq before = member.acked;
  const bool moved = Hear(index, ack.scl, turn.now);
  if (member.acked == member.next) member.bad_rounds = 0;
  if (member.acked == before) return moved;

  // One sample per ack: of the newest boxcar that it covers.
  const BoxcarQueue::Entry& newest = queue_[member.acked - 1];
  const auto& scls = pgcl_.scls();
  const auto rank = std::count_if(scls.begin(), scls.end(),
                                  [&newest](Lsn scl) { return scl >= newest.last_lsn(); });
  member.last_ack = turn.now - newest.sealed_at;
  turn.out.emplace_back(AckTimed{static_cast<int>(rank), membership().pg, member.node,
                                 newest.last_lsn(), member.last_ack});
  return moved;
}

// The segment has said, durably, that its chain is whole up to `scl`. True if PGCL moved.
bool PgLane::Hear(int index, Lsn scl, Instant now) {
  MemberStream& member = members_[index];
  if (scl > queue_.last_lsn()) {
    Distrust(index, absl::StrCat("acknowledged ", scl.value(), ", but the log was sent up to ",
                                 queue_.last_lsn().value()));
    return false;
  }
  if (scl > member.scl) {
    member.Advance(queue_, scl, now);
    // Its next resend may have been far off, after several in vain.
    resend_at_ = std::min(resend_at_, now + options_.resend_after);
    members_changed_ |= member.braked();
    member.brake = MemberStream::Brake::kNone;
  }
  const bool attached = member.scl >= queue_.attach_lsn();
  if (member.lagging && attached &&
      member.Unacked(queue_) <= options_.member_queue_limit_bytes / 2) {
    member.lagging = false;
  }
  if (!pgcl_.Ack(index, scl)) return false;
  QuorumReached(now);
  return true;
}

void PgLane::OnRefused(int index, const Refused& refused, LaneTurn& turn) {
  MemberStream& member = members_[index];
  member.trouble = absl::StrCat(NameOf(refused.reason), ": ", refused.message);
  switch (refused.reason) {
    case RefusalReason::kStaleEpoch:  // a real one became Fence(); this one is from the past
      return;
    case RefusalReason::kUnknownSegment:
      if (member.state == State::kCreating) return;
      // Creating it anew is safe only where nothing was: this disk (the admitted one) has lost it.
      if (member.begun_once || !member.scl.IsNone()) {
        return Distrust(index, "lost a segment that it had begun");
      }
      member.Stop();
      member.state = State::kCreating;
      members_changed_ = true;
      return Ask(member, turn);
    case RefusalReason::kNeedsBegin:
      if (!member.begun()) return;  // a Begin is on its way
      member.Stop();
      member.state = State::kBeginning;
      members_changed_ = true;
      return Ask(member, turn);
    case RefusalReason::kDiskFull:
    case RefusalReason::kOverloaded:
      if (member.begun() && member.acked == queue_.end()) return;  // gossip was faster
      members_changed_ = true;
      member.brake = refused.reason == RefusalReason::kDiskFull ? MemberStream::Brake::kDiskFull
                                                                : MemberStream::Brake::kOverloaded;
      member.next = member.acked;
      return RetryAt(member, turn.now + options_.resend_after);
    case RefusalReason::kStaleMembership:
    case RefusalReason::kAmnesiac:
      return Distrust(index, member.trouble);
    case RefusalReason::kNotPromised:
    case RefusalReason::kBadRequest:
    case RefusalReason::kOutOfRange:
    case RefusalReason::kDamaged:
      return OnBadRequest(index, turn);
  }
}

void PgLane::OnBadRequest(int index, LaneTurn& turn) {
  MemberStream& member = members_[index];
  if (member.bad_rounds > 0 && turn.now < member.bad_since + options_.resend_after) return;
  if (member.bad_rounds == kMaxBadRounds) return Distrust(index, member.trouble);
  ++member.bad_rounds;
  member.bad_since = turn.now;
  if (!member.begun()) return Ask(member, turn);
  if (OwesManifest(member)) SendBegin(member, turn);
  if (!member.braked()) member.Rewind(turn.now);
}

}  // namespace hexad::quorum
