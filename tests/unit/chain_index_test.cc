// The chain index against a list of every record: commits around any LSN and any time, tails, on
// any history, however the records are spread over the page store and the hot log.
#include "storage-node/core/chain_index.h"

#include <rapidcheck.h>

#include <algorithm>
#include <map>

#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"

namespace hexad::storage_node {
namespace {

using quorum::Boxcar;
using quorum::CommitPoint;

const TimelineId kTimeline{0xA};
const PgId kPg = quorum::MakePgId(kTimeline, 0);

struct Written {
  std::vector<ChainRecord> records;
  std::vector<Boxcar> boxcars;
};

// Records with gaps (other PGs' records), some of them CPLs, in boxcars of random lengths; times
// never fall, and often stand still.
Written AnyLog(EpochId epoch, Lsn first) {
  Written log;
  const int count = *rc::gen::inRange(1, 60);
  Lsn lsn = first;
  Lsn prev;
  int64_t time = 1000;
  quorum::BoxcarBuilder builder(kTimeline, kPg, epoch);
  for (int i = 0; i < count; ++i) {
    const bool is_cpl = *rc::gen::inRange(0, 3) == 0;
    quorum::RecordView record;
    record.lsn = lsn;
    record.volume_prev = record.pg_prev = prev;
    record.epoch_number = epoch.number;
    record.flags = quorum::RecordFlags::kMtrBegin;
    if (is_cpl) {
      time += *rc::gen::inRange(0, 4);
      record.flags = quorum::RecordFlags::kAll;
      record.commit_time = CommitTime(time);
    }
    builder.Add(record);
    log.records.push_back({lsn, is_cpl, record.commit_time});
    prev = lsn;
    lsn = lsn.Plus(static_cast<uint64_t>(*rc::gen::inRange(1, 5)));
    if (i + 1 == count || *rc::gen::inRange(0, 4) == 0) {
      log.boxcars.push_back(builder.Seal(Lsn(), Lsn()));
    }
  }
  return log;
}

// The page store's part of it: the newest entry at or below an LSN.
class Entries {
 public:
  void Coalesce(const std::vector<Boxcar>& boxcars, const std::vector<LsnRange>& visible) {
    CoalescePlan plan;
    plan.pg = kPg;
    plan.timeline = kTimeline;
    plan.visible = visible;
    plan.boxcars = boxcars;
    StoreBatch batch;
    PutChain(plan, batch);
    for (auto& op : batch.ops) {
      auto& put = std::get<PutVersion>(op);
      RC_ASSERT(put.page == kChainPage);
      entries_[put.lsn] = put.bytes;
    }
  }
  ReadChainEntry Reader(const std::vector<LsnRange>& visible) const {
    return [this, visible](Lsn lsn) -> absl::StatusOr<std::optional<PageVersion>> {
      for (auto at = entries_.rbegin(); at != entries_.rend(); ++at) {
        const bool seen = std::any_of(visible.begin(), visible.end(), [&](const LsnRange& range) {
          return range.first <= at->first && at->first <= range.last;
        });
        if (at->first <= lsn && seen) {
          return PageVersion{kTimeline, at->first, VersionKind::kImage, BytesRef::Own(at->second)};
        }
      }
      return std::nullopt;
    };
  }

 private:
  std::map<Lsn, std::string> entries_;
};

struct Expected {
  std::optional<CommitPoint> before;
  std::optional<CommitPoint> after;
  Lsn tail;
};

template <class IsAtOrBefore>
Expected Walk(const std::vector<ChainRecord>& records, Lsn up_to, IsAtOrBefore is) {
  Expected expected;
  for (const ChainRecord& record : records) {
    if (record.lsn > up_to) break;
    const CommitPoint commit{record.lsn, record.commit_time};
    if (is(record)) {
      expected.tail = record.lsn;
      if (record.is_cpl) expected.before = commit;
    } else if (record.is_cpl && !expected.after.has_value()) {
      expected.after = commit;
    }
  }
  return expected;
}

RC_GTEST_PROP(ChainIndex, FindsWhatAWalkFinds, ()) {
  Written log = AnyLog(EpochId{1, 1}, Lsn(static_cast<uint64_t>(*rc::gen::inRange(1, 10))));
  const Lsn last = log.records.back().lsn;
  // A second epoch forks somewhere; only what it sees counts.
  const Lsn fork(static_cast<uint64_t>(*rc::gen::inRange<uint64_t>(0, last.value() + 1)));
  Written second = AnyLog(EpochId{2, 2}, last.Plus(100));
  const std::vector<LsnRange> kept = {{kTimeline, second.records[0].lsn, Lsn::Max()},
                                      {kTimeline, Lsn(1), last}};
  std::vector<ChainRecord> seen;
  for (const auto& record : log.records) {
    if (record.lsn <= fork) seen.push_back(record);
  }
  for (auto& record : second.records) seen.push_back(record);

  std::vector<Boxcar> all = log.boxcars;
  all.insert(all.end(), second.boxcars.begin(), second.boxcars.end());
  const auto cold = static_cast<size_t>(*rc::gen::inRange<size_t>(0, all.size() + 1));
  const std::vector<Boxcar> coalesced(all.begin(), all.begin() + static_cast<ptrdiff_t>(cold));
  Entries entries;
  entries.Coalesce(coalesced, kept);

  FindPlan plan;
  plan.up_to = second.records.back().lsn.Plus(static_cast<uint64_t>(*rc::gen::inRange(0, 3)));
  plan.visible = {{kTimeline, second.records[0].lsn, plan.up_to}};
  if (!fork.IsNone()) plan.visible.push_back({kTimeline, Lsn(1), fork});
  plan.coalesced = cold == 0 ? Lsn() : coalesced.back().header.last_lsn;
  plan.hot.assign(all.begin() + static_cast<ptrdiff_t>(cold), all.end());

  Expected expected;
  if (*rc::gen::arbitrary<bool>()) {
    const Lsn target(*rc::gen::inRange<uint64_t>(0, plan.up_to.value() + 3));
    plan.target = target;
    expected = Walk(seen, plan.up_to, [&](const ChainRecord& r) { return r.lsn <= target; });
  } else {
    // Times of the two epochs overlap, so "at or before" is told by the first commit that is later.
    const CommitTime target(*rc::gen::inRange<int64_t>(990, 1100));
    plan.target = target;
    bool later = false;
    expected = Walk(seen, plan.up_to, [&](const ChainRecord& r) {
      later = later || (r.is_cpl && r.commit_time > target);
      return !later;
    });
    for (size_t i = 1; i < seen.size(); ++i) {  // only rising times have one answer
      for (size_t j = 0; j < i; ++j) {
        if (seen[i].is_cpl && seen[j].is_cpl) RC_PRE(seen[j].commit_time <= seen[i].commit_time);
      }
    }
  }
  const auto found = FindInChain(plan, entries.Reader(plan.visible));
  RC_ASSERT(found.ok());
  RC_ASSERT(found->before == expected.before);
  RC_ASSERT(found->after == expected.after);
  if (std::holds_alternative<Lsn>(plan.target)) RC_ASSERT(found->tail == expected.tail);
}

RC_GTEST_PROP(ChainIndex, AnyBytesAreAnEntryOrRefused, (const std::string& bytes)) {
  const auto records = DecodeChainEntry(Lsn(5), bytes);
  if (records.ok()) RC_ASSERT(records->front().lsn == Lsn(5));
}

TEST(ChainIndex, AnEntryHoldsAThousandRecordsInAFewKilobytes) {
  quorum::BoxcarBuilder builder(kTimeline, kPg, EpochId{1, 1});
  for (uint64_t lsn = 1; lsn <= kChainEntryRecords + 1; ++lsn) {
    quorum::RecordView record;
    record.lsn = Lsn(lsn);
    record.volume_prev = record.pg_prev = Lsn(lsn - 1);
    record.epoch_number = 1;
    record.flags = quorum::RecordFlags::kAll;
    record.commit_time = CommitTime(static_cast<int64_t>(1'700'000'000'000'000 + 90 * lsn));
    builder.Add(record);
  }
  CoalescePlan plan;
  plan.timeline = kTimeline;
  plan.visible = {{kTimeline, Lsn(1), Lsn::Max()}};
  plan.boxcars = {builder.Seal(Lsn(), Lsn())};
  StoreBatch batch;
  PutChain(plan, batch);
  ASSERT_EQ(batch.ops.size(), 2u);
  EXPECT_LT(std::get<PutVersion>(batch.ops[0]).bytes.size(), 4 * kChainEntryRecords);
}

// A commit per millisecond of a clock that only this test has, for so long: how many entries the
// question for a commit time reads. (The page store is one look per entry, whatever its size.)
int EntriesReadIn(int64_t seconds, CommitTime target) {
  constexpr int64_t kAtOnce = 1000;
  const EpochId epoch{1, 1};
  const std::vector<LsnRange> visible = {{kTimeline, Lsn(1), Lsn::Max()}};
  Entries entries;
  Lsn prev;
  for (int64_t second = 0; second < seconds; ++second) {
    quorum::BoxcarBuilder builder(kTimeline, kPg, epoch);
    for (int64_t i = 0; i < kAtOnce; ++i) {
      quorum::RecordView record;
      record.lsn = prev.Next();
      record.volume_prev = record.pg_prev = prev;
      record.epoch_number = epoch.number;
      record.flags = quorum::RecordFlags::kAll;
      record.commit_time = CommitTime((second * kAtOnce + i) * 1000);
      builder.Add(record);
      prev = record.lsn;
    }
    entries.Coalesce({builder.Seal(Lsn(), Lsn())}, visible);
  }
  FindPlan plan;
  plan.visible = visible;
  plan.up_to = plan.coalesced = prev;
  plan.target = target;
  int reads = 0;
  const auto found = FindInChain(plan, [&, read = entries.Reader(visible)](Lsn lsn) {
    ++reads;
    return read(lsn);
  });
  EXPECT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found.ok() ? found->before.value_or(CommitPoint{}).time : CommitTime(), target);
  return reads;
}

TEST(ChainIndexWindow, AnHourCostsTwelveHalvingsMoreThanASecond) {
  const int of_a_second = EntriesReadIn(1, CommitTime(500'000));
  const int of_an_hour = EntriesReadIn(3600, CommitTime(1'800'500'000));
  EXPECT_LE(of_an_hour, of_a_second + 2 * 12 + 2) << "two searches, each halving the window";
  EXPECT_LE(of_an_hour, 50);
}

}  // namespace
}  // namespace hexad::storage_node
