#include "quorum/member_stream.h"

#include <algorithm>

#include "quorum/base/check.h"

namespace hexad::quorum {
namespace {

constexpr int kMaxResendDoublings = 2;

}  // namespace

Instant MemberStream::ResendAt(const BoxcarQueue& queue, Duration resend_after) const {
  if (!begun() || braked() || scl < queue.attach_lsn()) return Instant::Never();
  const Seq oldest = std::max(acked, queue.quorum());
  if (oldest >= next) return Instant::Never();
  // A segment may have been quiet for long because there was nothing to acknowledge.
  const Instant since = std::max(quiet_since, queue[oldest].sealed_at);
  return since + resend_after * (1 << std::min(resends, kMaxResendDoublings));
}

void MemberStream::Rewind(Instant now) {
  next = acked;
  lagging = false;
  quiet_since = now;
  ++resends;
}

void MemberStream::Stop() {
  state = State::kIdle;
  brake = Brake::kNone;
  lagging = false;
  next = acked;
  retry_at = Instant::Never();
  resends = 0;
  bad_rounds = 0;
}

void MemberStream::Start(const BoxcarQueue& queue, Lsn at, Instant now) {
  state = State::kBegun;
  exists = true;
  begun_once = true;
  brake = Brake::kNone;
  lagging = false;
  acked = next = queue.FirstAbove(at);
  acked_bytes = queue.BytesBefore(acked);
  retry_at = Instant::Never();
  quiet_since = now;
  resends = 0;
}

void MemberStream::Advance(const BoxcarQueue& queue, Lsn to, Instant now) {
  INVARIANT(to > scl);
  scl = to;
  while (acked < queue.end() && queue[acked].last_lsn() <= scl) ++acked;
  next = std::max(next, acked);
  if (scl >= queue.attach_lsn()) acked_bytes = queue.BytesBefore(acked);
  quiet_since = now;
  resends = 0;
  bad_rounds = 0;
}

void MemberStream::Clip(const BoxcarQueue& queue) {
  acked = std::max(acked, queue.front());
  next = std::max(next, acked);
}

}  // namespace hexad::quorum
