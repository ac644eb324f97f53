// The commit queue against a list that is searched from end to end.
#include "compute/core/commit_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace hexad::compute {
namespace {

Instant At(int64_t ms) { return Instant() + Duration::Millis(ms); }

std::vector<uint64_t> LsnsOf(const std::vector<CommitQueue::Waiter>& waiters) {
  std::vector<uint64_t> lsns;
  for (const auto& waiter : waiters) lsns.push_back(waiter.lsn.value());
  return lsns;
}

TEST(CommitQueue, WakesAtOrBelowTheVdlInLsnOrder) {
  CommitQueue queue;
  for (const uint64_t lsn : {30, 10, 20}) {
    queue.Wait(Lsn(lsn), At(0), At(1000), [](const absl::Status&) {});
  }
  std::vector<CommitQueue::Waiter> woken;
  queue.VdlMoved(Lsn(9), woken);
  EXPECT_TRUE(woken.empty()) << "a commit is durable if and only if VDL >= its LSN";
  queue.VdlMoved(Lsn(20), woken);
  EXPECT_EQ(LsnsOf(woken), (std::vector<uint64_t>{10, 20}));
  EXPECT_EQ(queue.size(), 1u);
}

TEST(CommitQueue, OneLsnWakesInOrderOfArrival) {
  CommitQueue queue;
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) {
    queue.Wait(Lsn(5), At(0), At(1000), [&order, i](const absl::Status&) { order.push_back(i); });
  }
  std::vector<CommitQueue::Waiter> woken;
  queue.VdlMoved(Lsn(5), woken);
  for (const auto& waiter : woken) waiter.done(absl::OkStatus());
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(CommitQueue, AWaitEndsOnce) {
  CommitQueue queue;
  queue.Wait(Lsn(5), At(0), At(10), [](const absl::Status&) {});
  queue.Wait(Lsn(6), At(0), At(20), [](const absl::Status&) {});
  EXPECT_EQ(queue.NextDeadline(), At(10));
  std::vector<CommitQueue::Waiter> expired;
  queue.Expire(At(9), expired);
  EXPECT_TRUE(expired.empty());
  queue.Expire(At(10), expired);
  EXPECT_EQ(LsnsOf(expired), (std::vector<uint64_t>{5}));
  std::vector<CommitQueue::Waiter> woken;
  queue.VdlMoved(Lsn(6), woken);
  EXPECT_EQ(LsnsOf(woken), (std::vector<uint64_t>{6})) << "5 was told COMMIT_UNKNOWN already";
  queue.Expire(At(100), expired);
  EXPECT_EQ(expired.size(), 1u);
  EXPECT_EQ(queue.NextDeadline(), Instant::Never());
}

// The dumb twin.
struct PlainWait {
  uint64_t lsn;
  int64_t deadline;
  int id;
};

RC_GTEST_PROP(CommitQueueTwin, EveryWaitEndsAsInAPlainList, ()) {
  CommitQueue queue;
  std::vector<PlainWait> plain;  // in order of arrival
  std::map<int, int> ended;      // id -> how often
  uint64_t vdl = 0;
  int64_t now = 0;
  int next_id = 0;
  const auto ids_of = [&](const std::vector<CommitQueue::Waiter>& waiters) {
    std::vector<int> before;
    for (const auto& waiter : waiters) {
      const auto counts = ended;
      waiter.done(absl::OkStatus());
      for (const auto& [id, count] : ended) {
        if (!counts.contains(id) || counts.at(id) != count) before.push_back(id);
      }
    }
    return before;
  };
  const auto take_plain = [&](auto which) {
    std::vector<PlainWait> taken;
    std::copy_if(plain.begin(), plain.end(), std::back_inserter(taken), which);
    std::erase_if(plain, which);
    std::stable_sort(taken.begin(), taken.end(),
                     [](const auto& a, const auto& b) { return a.lsn < b.lsn; });
    std::vector<int> ids;
    for (const auto& wait : taken) ids.push_back(wait.id);
    return ids;
  };
  const auto steps = *rc::gen::inRange(1, 80);
  for (int i = 0; i < steps; ++i) {
    std::vector<CommitQueue::Waiter> out;
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        vdl += *rc::gen::inRange<uint64_t>(0, 8);
        queue.VdlMoved(Lsn(vdl), out);
        RC_ASSERT(ids_of(out) == take_plain([&](const auto& w) { return w.lsn <= vdl; }));
        break;
      case 1:
        now += *rc::gen::inRange(0, 20);
        queue.Expire(At(now), out);
        RC_ASSERT(ids_of(out) == take_plain([&](const auto& w) { return w.deadline <= now; }));
        break;
      default: {
        const uint64_t lsn = vdl + *rc::gen::inRange<uint64_t>(1, 20);
        const int64_t deadline = now + *rc::gen::inRange(0, 30);
        const int id = next_id++;
        queue.Wait(Lsn(lsn), At(now), At(deadline),
                   [&ended, id](const absl::Status&) { ++ended[id]; });
        plain.push_back({lsn, deadline, id});
      }
    }
    queue.CheckInvariants();
    RC_ASSERT(queue.size() == plain.size());
    for (const auto& wait : plain) RC_ASSERT(queue.NextDeadline() <= At(wait.deadline));
  }
}

}  // namespace
}  // namespace hexad::compute
