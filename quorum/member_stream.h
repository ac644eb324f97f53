// One segment as its writer sees it: what it is known to hold, and how its stream stands.
//
//             NodeUp, right disk               Begun
//   [idle] ------------------> [beginning] ---------> [begun]      boxcars go to begun ones only
//     ^        a new PG |         ^   | Refused kUnknownSegment
//     |                 v Created |   v
//     |              [creating] --+<--+
//     +---- NodeDown, distrust, fence (from every state)
//
// Two things keep boxcars from a begun one. `brake`: it refused for want of space or of time; one
// boxcar is tried again from time to time. `lagging`: its window of unacknowledged bytes is full;
// it is left to gossip until its acks have emptied half of it and what follows its SCL is still
// retained here.
//
// Plain data and the questions that need nothing else; PgLane decides and sends.
#pragma once

#include <algorithm>
#include <string>

#include "quorum/base/instant.h"
#include "quorum/base/types.h"
#include "quorum/boxcar_queue.h"
#include "quorum/membership.h"

namespace hexad::quorum {

struct MemberStream {
  enum class State : uint8_t { kIdle, kCreating, kBeginning, kBegun };
  enum class Brake : uint8_t { kNone, kOverloaded, kDiskFull };
  using Seq = BoxcarQueue::Seq;

  // ---- who, from the membership; an incarnation of 0 is replaced by the first one that connects
  NodeId node;
  AzId az;
  Incarnation incarnation;

  // ---- for the whole epoch
  bool exists = true;       // false: of a new PG, to be created first
  bool distrusted = false;  // never counted again in this epoch, nothing is sent to it
  EpochId fenced_by;        // promised by it; Root() if nothing higher than this epoch was
  Lsn scl;                  // highest acknowledged in this epoch
  bool begun_once = false;  // it holds the epoch, durably
  GeometryEpoch manifest_held{0};
  Lsn retained_from;    // as it keeps R, durably
  std::string trouble;  // the last refusal, or why it is distrusted: for people

  // ---- of this connection
  bool up = false;
  bool stranger = false;  // another disk than the one that was admitted answers at its address
  State state = State::kIdle;
  Brake brake = Brake::kNone;
  bool lagging = false;
  Seq acked = 0;  // the first boxcar not wholly acknowledged, or the first retained one
  Seq next = 0;   // the next one to send; front() <= acked <= next <= end()
  // BytesBefore() of the first boxcar not acknowledged: below `acked` if that has been dropped, so
  // that what a slow segment still has to work off is not forgotten with it.
  uint64_t acked_bytes = 0;
  Instant retry_at = Instant::Never();  // what is unanswered goes out again
  Instant quiet_since;                  // its SCL has not moved since
  int resends = 0;                      // since its SCL moved: each waits longer
  int bad_rounds = 0;                   // rounds of refused bytes since it last acknowledged
  Instant bad_since;
  Duration last_ack;  // from sealing to acknowledging, of the last boxcar

  MemberStream(const Member& member, bool exists)
      : node(member.node), az(member.az), incarnation(member.incarnation), exists(exists) {}

  bool fenced() const { return fenced_by > EpochId::Root(); }
  bool trusted() const { return !distrusted && !stranger; }
  bool begun() const { return state == State::kBegun; }
  bool braked() const { return brake != Brake::kNone; }
  // Counts for "this PG can be written": overload passes by itself, a full disk does not.
  bool usable() const { return begun() && brake != Brake::kDiskFull; }
  bool may_send() const { return begun() && !braked() && !lagging; }

  // Bytes sent and not acknowledged.
  uint64_t Unacked(const BoxcarQueue& queue) const { return queue.BytesBefore(next) - acked_bytes; }
  // How many may be: few once a resend has been in vain, so that a node that is stuck does not wake
  // up to the same megabytes many times over. One acknowledgement opens the window again.
  uint64_t Window(uint64_t limit) const {
    return resends == 0 ? limit : std::min<uint64_t>(limit, kMaxBoxcarBytes);
  }
  // When what it was sent and has not acknowledged goes out again, if that matters: if a boxcar
  // among it lacks a write quorum, and the segment's SCL has reached what is retained. (One that is
  // further behind can be helped by gossip only, and gossip brings it the rest too.) Each
  // repetition waits twice as long, up to four times.
  Instant ResendAt(const BoxcarQueue& queue, Duration resend_after) const;

  // The stream ended, or is worth nothing any more.
  void Stop();
  // What it has not acknowledged is to be sent again.
  void Rewind(Instant now);
  // It answered Begun at this SCL.
  void Start(const BoxcarQueue& queue, Lsn at, Instant now);
  // REQUIRES: to > scl.
  void Advance(const BoxcarQueue& queue, Lsn to, Instant now);
  // The queue dropped boxcars in front.
  void Clip(const BoxcarQueue& queue);
};

}  // namespace hexad::quorum
