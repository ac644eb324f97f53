// The writer's small parts against twins that have no cleverness: the boxcar queue, the linker of
// pages inside an MTR, and the tree of deadlines.
#include <algorithm>
#include <map>
#include <vector>

#include "gtest/gtest.h"
#include "quorum/boxcar_queue.h"
#include "quorum/deadline_tree.h"
#include "quorum/page_linker.h"
#include "rapidcheck.h"
#include "rapidcheck/gtest.h"

namespace hexad::quorum {
namespace {

constexpr TimelineId kTimeline{1};
constexpr PgId kPg{2};
constexpr EpochId kEpoch{3, 4};

// A boxcar of nops at these LSNs, attached to `prev`.
Boxcar BoxcarOf(Lsn prev, const std::vector<Lsn>& lsns) {
  BoxcarBuilder builder(kTimeline, kPg, kEpoch);
  for (const Lsn lsn : lsns) {
    RecordView record;
    record.lsn = lsn;
    record.pg_prev = prev;
    record.volume_prev = lsn.Prev();
    record.epoch_number = kEpoch.number;
    builder.Add(record);
    prev = lsn;
  }
  return builder.Seal(Lsn(), Lsn());
}

RC_GTEST_PROP(BoxcarQueue, AnswersAsAListOfRecordsWould, ()) {
  BoxcarQueue queue(Lsn(10));
  std::vector<Lsn> records{Lsn(10)};  // of this PG, others lie between
  Lsn pgcl(10);
  const int boxcars = *rc::gen::inRange(0, 12);
  for (int i = 0; i < boxcars; ++i) {
    std::vector<Lsn> lsns;
    Lsn next = records.back();
    const int count = *rc::gen::inRange(1, 4);
    for (int j = 0; j < count; ++j) lsns.push_back(next = next.Plus(*rc::gen::inRange(1, 4)));
    queue.Push(BoxcarOf(records.back(), lsns), Instant(i));
    records.insert(records.end(), lsns.begin(), lsns.end());
    // PGCL comes to the end of some boxcar; what has its quorum may be dropped.
    if (*rc::gen::arbitrary<bool>()) {
      const auto seq = queue.front() + *rc::gen::inRange<uint64_t>(0, queue.end() - queue.front());
      pgcl = std::max(pgcl, queue[seq].last_lsn());
      queue.PgclMoved(pgcl);
    }
    if (queue.front() < queue.quorum() && *rc::gen::arbitrary<bool>()) queue.PopFront();
    queue.CheckInvariants(pgcl);
    RC_ASSERT(queue.in_flight() == (queue.last_lsn() > pgcl));
  }
  for (Lsn point; point <= records.back().Plus(2); point = point.Next()) {
    // The PG's last record at or below the point.
    Lsn tail;
    for (const Lsn record : records) {
      if (record <= point) tail = record;
    }
    const Lsn end = queue.EndAt(point);
    RC_ASSERT(tail <= end && end <= std::max(point, tail));
    const BoxcarQueue::Seq above = queue.FirstAbove(point);
    RC_ASSERT((above == queue.end() || queue[above].last_lsn() > point));
    RC_ASSERT((above == queue.front() || queue[above - 1].last_lsn() <= point));
  }
}

TEST(BoxcarQueue, CountsBytesOfWhatIsInFlightAndOfWhatIsKept) {
  BoxcarQueue queue(Lsn(0));
  queue.Push(BoxcarOf(Lsn(0), {Lsn(1)}), Instant(0));
  queue.Push(BoxcarOf(Lsn(1), {Lsn(2), Lsn(5)}), Instant(0));
  constexpr uint64_t kOne = kBoxcarHeaderBytes + kRecordHeaderBytes;
  constexpr uint64_t kTwo = kOne + kRecordHeaderBytes;
  EXPECT_EQ(queue.in_flight_bytes(), kOne + kTwo);
  queue.PgclMoved(Lsn(1));
  EXPECT_EQ(queue.in_flight_bytes(), kTwo);
  EXPECT_EQ(queue.covered_bytes(), kOne);
  queue.PopFront();
  EXPECT_EQ(queue.covered_bytes(), 0u);
  EXPECT_EQ(queue.attach_lsn(), Lsn(1));
  queue.PgclMoved(Lsn(5));
  queue.PopFront();
  EXPECT_EQ(queue.attach_lsn(), Lsn(5)) << "the end of the chain, when nothing is kept";
}

RC_GTEST_PROP(PageLinker, LinksAsAMapWould, ()) {
  PageLinker linker;
  uint64_t lsn = 100;
  const int mtrs = *rc::gen::inRange(1, 5);
  for (int mtr = 0; mtr < mtrs; ++mtr) {
    const auto pages = *rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange(0u, 30u));
    std::map<uint32_t, Lsn> twin;
    linker.Start(pages.size());
    for (const uint32_t page : pages) {
      const Lsn given(page);
      const Lsn expected = twin.contains(page) ? twin[page] : given;
      RC_ASSERT(linker.Link(PageNo(page), given, Lsn(++lsn)) == expected);
      twin[page] = Lsn(lsn);
    }
  }
}

RC_GTEST_PROP(DeadlineTree, FindsTheEarliestAsAScanWould, ()) {
  DeadlineTree tree;
  EXPECT_EQ(tree.earliest(), Instant::Never());
  std::vector<Instant> twin;
  const int steps = *rc::gen::inRange(1, 60);
  for (int step = 0; step < steps; ++step) {
    if (twin.empty() || *rc::gen::inRange(0, 4) == 0) {
      twin.resize(twin.size() + *rc::gen::inRange<size_t>(1, 4), Instant::Never());
      tree.Resize(twin.size());
    }
    const auto index = *rc::gen::inRange<size_t>(0, twin.size());
    const auto draw = *rc::gen::inRange<int64_t>(0, 20);
    twin[index] = draw == 0 ? Instant::Never() : Instant(draw);
    tree.Set(index, twin[index]);
    const auto earliest = std::min_element(twin.begin(), twin.end());
    RC_ASSERT(tree.earliest() == *earliest);
    if (*earliest == Instant::Never()) continue;
    RC_ASSERT(tree.EarliestIndex() == static_cast<size_t>(earliest - twin.begin()));
  }
}

}  // namespace
}  // namespace hexad::quorum
