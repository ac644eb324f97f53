#include "quorum/seal_pacer.h"

#include <algorithm>

namespace hexad::quorum {
namespace {

constexpr int kWaitFraction = 4;  // of the time that the last round took
constexpr int kMaxRoundsWithout = 64;

}  // namespace

void SealPacer::QuorumReached(size_t arrived, size_t open, Instant sealed_at, Instant now) {
  if (longest_wait_ <= Duration() || open + arrived <= 1) return;  // a client alone is never held
  if (rounds_without_ > 0) {
    --rounds_without_;
    return;
  }
  enough_ = open + arrived - arrived / 8;
  worth_it_ = open + (arrived + 1) / 2;
  until_ =
      now + std::min(longest_wait_, Duration::Nanos((now - sealed_at).nanos() / kWaitFraction));
}

bool SealPacer::MayLeave(size_t open, Instant now) {
  if (until_ == Instant::Never()) return true;
  if (open < enough_ && now < until_) return false;
  if (open >= worth_it_) {
    next_without_ = 1;
  } else {
    rounds_without_ = next_without_;
    next_without_ = std::min(2 * next_without_, kMaxRoundsWithout);
  }
  until_ = Instant::Never();
  return true;
}

}  // namespace hexad::quorum
