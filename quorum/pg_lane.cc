// The log side of a lane: opening, sealing, sending, keeping. What its segments answer is in
// pg_lane_members.cc.
#include "quorum/pg_lane.h"

#include <algorithm>
#include <utility>

#include "quorum/base/check.h"
#include "quorum/base/marks.h"

namespace hexad::quorum {

PgLane::PgLane(const WriterOptions& options, LaneStart start)
    : options_(options),
      start_(std::move(start)),
      write_(start_.membership.Quorums().write),
      open_(start_.envelope.timeline, start_.envelope.pg, start_.envelope.epoch),
      queue_(start_.path.fork_tail()),
      pacer_(options.longest_wait),
      pgcl_(write_, static_cast<int>(start_.membership.members.size()), start_.path.fork_tail()),
      last_lsn_(start_.path.fork_tail()),
      told_(start_.path.fork_tail()) {
  INVARIANT(start_.path.Check().ok());
  INVARIANT(start_.path.path.epoch() == start_.envelope.epoch);
  INVARIANT(start_.membership.pg == start_.envelope.pg);
  for (const Member& member : start_.membership.members) {
    members_.emplace_back(member, /*exists=*/!start_.create);
  }
  in_use_ = !start_.create;
}

void PgLane::Add(RecordView record, LaneTurn& turn) {
  INVARIANT(record.lsn > last_lsn_);
  if (!open_.empty() && !open_.Fits(record.payload.size())) Seal(turn);
  record.pg_prev = last_lsn_;
  open_.Add(record);
  last_lsn_ = record.lsn;
  const bool full = open_.size() >= options_.boxcar_target_bytes;
  if (full || BUGGIFY(boxcar_sealed_early)) Seal(turn);
}

// Encoded once: the queue and all sends share the boxcar's bytes.
void PgLane::Seal(LaneTurn& turn) {
  if (!queue_.in_flight()) resend_at_ = Instant::Never();
  queue_.Push(open_.Seal(turn.vdl, turn.pgmrpl), turn.now);
  pacer_.Left();
  told_ = turn.vdl;
  announce_at_ = Instant::Never();
  for (MemberStream& member : members_) Pump(member, turn);
}

void PgLane::Pump(MemberStream& member, LaneTurn& turn) {
  while (member.may_send() && member.next < queue_.end()) {
    if (member.Unacked(queue_) > member.Window(options_.member_queue_limit_bytes)) {
      SOMETIMES(writer_leaves_a_segment_to_gossip);
      member.lagging = true;
    } else {
      SendNext(member, turn);
    }
  }
}

void PgLane::SendNext(MemberStream& member, LaneTurn& turn) {
  INVARIANT(member.begun() && member.trusted() && !member.fenced());
  const Boxcar& boxcar = queue_[member.next].boxcar;
  turn.out.emplace_back(
      Send{member.node, Append{start_.envelope, turn.vdl, turn.pgmrpl, boxcar.bytes}});
  ++member.next;
  resend_at_ = std::min(resend_at_, turn.now + options_.resend_after);
}

// To every segment that listens, those that lag or have no space too: it asks for no space, and its
// answer tells how far gossip has brought them.
void PgLane::SendEmptyAppends(LaneTurn& turn) {
  for (const MemberStream& member : members_) {
    if (!member.begun()) continue;
    turn.out.emplace_back(
        Send{member.node, Append{start_.envelope, turn.vdl, turn.pgmrpl, BytesRef()}});
  }
  told_ = turn.vdl;
  announce_at_ = Instant::Never();
}

// A boxcar is kept while it lacks its write quorum; after that while a connected segment lacks it,
// as far as the memory for that goes. A segment that is down gets it from its peers when it is
// back.
void PgLane::Trim() {
  const BoxcarQueue::Seq front = queue_.front();
  while (queue_.front() < queue_.quorum()) {
    const bool over =
        queue_.covered_bytes() > options_.retain_bytes || BUGGIFY(writer_forgets_early);
    if (!over && SomebodyLacks(queue_[queue_.front()])) break;
    if (over) SOMETIMES(writer_forgets_what_a_segment_lacks);
    queue_.PopFront();
  }
  if (queue_.front() == front) return;
  for (MemberStream& member : members_) member.Clip(queue_);
}

bool PgLane::SomebodyLacks(const BoxcarQueue::Entry& entry) const {
  return std::any_of(members_.begin(), members_.end(), [&entry](const MemberStream& member) {
    return member.state != MemberStream::State::kIdle && member.scl < entry.last_lsn();
  });
}

void PgLane::QuorumReached(Instant now) {
  const BoxcarQueue::Seq before = queue_.quorum();
  queue_.PgclMoved(pgcl());
  const BoxcarQueue::Seq after = queue_.quorum();
  if (after == before || queue_.in_flight()) return;
  size_t arrived = 0;
  for (BoxcarQueue::Seq seq = before; seq < after; ++seq) {
    arrived += queue_[seq].boxcar.header.record_count;
  }
  pacer_.QuorumReached(arrived, open_.record_count(), queue_[after - 1].sealed_at, now);
}

void PgLane::SealIfDue(LaneTurn& turn) {
  if (queue_.in_flight() || !pacer_.MayLeave(open_.record_count(), turn.now)) return;
  if (!open_.empty()) Seal(turn);
}

void PgLane::Settle(LaneTurn& turn) {
  SealIfDue(turn);
  for (MemberStream& member : members_) {
    if (member.next < queue_.end()) Pump(member, turn);
  }
  Trim();
  if (!members_changed_) return;
  members_changed_ = false;
  FindRetry();
  if (in_use_) TellWriteQuorum(turn);
}

void PgLane::FindRetry() {
  retry_at_ = Instant::Never();
  for (const MemberStream& member : members_) retry_at_ = std::min(retry_at_, member.retry_at);
}

void PgLane::TellWriteQuorum(LaneTurn& turn) {
  MemberSet usable;
  MemberSet full;
  for (size_t i = 0; i < members_.size(); ++i) {
    const int member = static_cast<int>(i);
    if (members_[i].usable()) usable.Add(member);
    if (members_[i].begun() && !members_[i].usable()) full.Add(member);
  }
  const bool ok = write_.SatisfiedBy(usable);
  if (ok) full = {};  // the quorum does without them
  if (ok == write_quorum_ok_ && full == disk_full_told_) return;
  if (write_quorum_ok_ && !ok) SOMETIMES(pg_loses_its_write_quorum);
  write_quorum_ok_ = ok;
  disk_full_told_ = full;
  WriteQuorumChanged changed{.ok = ok,
                             .pg = start_.envelope.pg,
                             .up = usable.size(),
                             .need = static_cast<int>(membership().write)};
  for (size_t i = 0; i < members_.size(); ++i) {
    if (full.Has(static_cast<int>(i))) changed.disk_full.push_back(membership().members[i].node);
  }
  turn.out.emplace_back(std::move(changed));
}

void PgLane::PlanAnnouncement(Instant now) {
  if (WantsVdl()) announce_at_ = now + options_.announce_after;
}

void PgLane::Tick(LaneTurn& turn) {
  if (retry_at_ <= turn.now) {
    for (MemberStream& member : members_) {
      if (member.retry_at <= turn.now) Retry(member, turn);
    }
    FindRetry();
  }
  if (queue_.in_flight() && resend_at_ <= turn.now) {
    for (MemberStream& member : members_) {
      if (member.ResendAt(queue_, options_.resend_after) > turn.now) continue;
      SOMETIMES(writer_resends);
      member.Rewind(turn.now);
      Pump(member, turn);
    }
    resend_at_ = Instant::Never();
    for (const MemberStream& member : members_) {
      resend_at_ = std::min(resend_at_, member.ResendAt(queue_, options_.resend_after));
    }
  }
  SealIfDue(turn);
  const bool heartbeat = heartbeat_at_ <= turn.now;
  if (heartbeat || announce_at_ <= turn.now) SendEmptyAppends(turn);
  if (heartbeat) {
    const bool heard = std::any_of(members_.begin(), members_.end(),
                                   [](const MemberStream& member) { return member.begun(); });
    heartbeat_at_ = heard ? turn.now + options_.heartbeat : Instant::Never();
  }
  INVARIANT(NextDeadline() > turn.now);
}

Instant PgLane::NextDeadline() const {
  const Instant resend = queue_.in_flight() ? resend_at_ : Instant::Never();
  return std::min({retry_at_, resend, announce_at_, heartbeat_at_, pacer_.deadline()});
}

// The end of a boxcar may lie above both the read point and PGCL, and no segment need ever come
// there: a read that asked for it could wait for ever. But for a read point at or below the VDL the
// PG's last record there has its write quorum, so it lies at or below PGCL, and PGCL is an answer
// that a write quorum has reached already.
Lsn PgLane::CompleteTo(Lsn read_point, Lsn vdl) const {
  if (read_point >= last_lsn_) return last_lsn_;
  if (!open_.empty() && read_point >= open_.first_lsn()) return read_point;
  const Lsn end = queue_.EndAt(read_point);
  return read_point <= vdl ? std::min(end, pgcl()) : end;
}

Lsn PgLane::FirstOutstanding() const {
  if (queue_.in_flight()) return std::max(queue_[queue_.quorum()].first_lsn(), pgcl().Next());
  return open_.empty() ? Lsn::Max() : open_.first_lsn();
}

PgDescription PgLane::Describe() const {
  PgDescription description{start_.envelope.pg, membership().epoch, pgcl(), last_lsn_, {}};
  for (const MemberStream& member : members_) {
    PgDescription::MemberState state;
    state.node = member.node;
    state.az = member.az;
    state.scl = member.scl;
    if (member.scl < last_lsn_) state.lag_lsns = last_lsn_.value() - member.scl.value();
    state.up = member.up;
    state.begun = member.begun();
    state.lagging = member.lagging;
    state.trusted = member.trusted();
    state.last_ack = member.last_ack;
    state.trouble = member.trouble;
    description.members.push_back(std::move(state));
  }
  return description;
}

void PgLane::CheckInvariants() const {
  queue_.CheckInvariants(pgcl());
  INVARIANT(last_lsn_ == (open_.empty() ? queue_.last_lsn() : open_.last_lsn()));
  // Records wait in the open boxcar only behind something that will come back with a quorum, or
  // for a while.
  INVARIANT(open_.empty() || queue_.last_lsn() < open_.first_lsn());
  INVARIANT(open_.empty() || queue_.in_flight() || pacer_.deadline() != Instant::Never());
  INVARIANT(pgcl() <= queue_.last_lsn());
  for (size_t i = 0; i < members_.size(); ++i) {
    const MemberStream& member = members_[i];
    INVARIANT(queue_.front() <= member.acked && member.acked <= member.next);
    INVARIANT(member.next <= queue_.end());
    INVARIANT(!member.begun() || member.acked_bytes <= queue_.BytesBefore(member.acked));
    INVARIANT(member.scl <= queue_.last_lsn());
    INVARIANT(member.acked == queue_.end() || queue_[member.acked].last_lsn() > member.scl ||
              !member.begun());
    // Nothing waits to be sent to a segment that could take it.
    INVARIANT(!member.may_send() || member.next == queue_.end());
    INVARIANT(member.state == MemberStream::State::kIdle ||
              (member.up && member.trusted() && !member.fenced()));
    const Lsn counted = pgcl_.scls()[i];
    INVARIANT(member.trusted() ? counted <= member.scl : counted.IsNone());
    INVARIANT(retry_at_ <= member.retry_at);
    INVARIANT(!queue_.in_flight() || resend_at_ <= member.ResendAt(queue_, options_.resend_after));
  }
}

}  // namespace hexad::quorum
