#include "compute/core/commit_queue.h"

#include <algorithm>
#include <utility>

#include "quorum/base/check.h"

namespace hexad::compute {
namespace {

bool Before(const CommitQueue::Waiter& a, const CommitQueue::Waiter& b) {
  return a.lsn != b.lsn ? a.lsn < b.lsn : a.arrival < b.arrival;
}

}  // namespace

void CommitQueue::Wait(Lsn lsn, Instant now, Instant deadline, Done done) {
  INVARIANT(lsn > vdl_);
  INVARIANT(done != nullptr);
  Waiter waiter{lsn, arrivals_++, now, std::move(done)};
  deadlines_.push(Deadline{deadline, lsn, waiter.arrival});
  ++waiting_count_;
  // Commits come in LSN order but for small races between threads: nearly always at the end.
  auto at = waiters_.end();
  while (at != waiters_.begin() && Before(waiter, *std::prev(at))) --at;
  waiters_.insert(at, std::move(waiter));
}

void CommitQueue::VdlMoved(Lsn vdl, std::vector<Waiter>& durable) {
  INVARIANT(vdl >= vdl_);
  vdl_ = vdl;
  while (!waiters_.empty() && waiters_.front().lsn <= vdl) {
    if (waiters_.front().done) {
      durable.push_back(std::move(waiters_.front()));
      --waiting_count_;
    }
    waiters_.pop_front();
  }
  // Timeouts are mostly alike, so the deadlines of ended waits are on top: they go with them.
  while (!deadlines_.empty() && deadlines_.top().lsn <= vdl) deadlines_.pop();
}

std::deque<CommitQueue::Waiter>::iterator CommitQueue::Find(Lsn lsn, uint64_t arrival) {
  const auto at =
      std::lower_bound(waiters_.begin(), waiters_.end(), Waiter{lsn, arrival, {}, {}}, Before);
  const bool found = at != waiters_.end() && at->lsn == lsn && at->arrival == arrival;
  return found ? at : waiters_.end();
}

void CommitQueue::Expire(Instant now, std::vector<Waiter>& expired) {
  const size_t first = expired.size();
  while (!deadlines_.empty() && deadlines_.top().at <= now) {
    const auto at = Find(deadlines_.top().lsn, deadlines_.top().arrival);
    deadlines_.pop();
    if (at == waiters_.end() || !at->done) continue;  // woken before its time
    expired.push_back(*at);
    at->done = nullptr;
    --waiting_count_;
  }
  std::sort(expired.begin() + static_cast<ptrdiff_t>(first), expired.end(), Before);
}

void CommitQueue::TakeAll(std::vector<Waiter>& all) {
  for (Waiter& waiter : waiters_) {
    if (waiter.done) all.push_back(std::move(waiter));
  }
  waiters_.clear();
  deadlines_ = {};
  waiting_count_ = 0;
}

Instant CommitQueue::NextDeadline() const {
  return waiting_count_ == 0 || deadlines_.empty() ? Instant::Never() : deadlines_.top().at;
}

void CommitQueue::CheckInvariants() const {
  INVARIANT(std::is_sorted(waiters_.begin(), waiters_.end(), Before));
  INVARIANT(waiters_.empty() || waiters_.front().lsn > vdl_);
  INVARIANT(deadlines_.size() >= waiting_count_);
  const auto waiting = std::count_if(waiters_.begin(), waiters_.end(),
                                     [](const Waiter& w) { return w.done != nullptr; });
  INVARIANT(static_cast<size_t>(waiting) == waiting_count_);
}

}  // namespace hexad::compute
