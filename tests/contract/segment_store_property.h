// Random batches against the model (store_model.h), with restarts and, where the store can, power
// cuts. A property of any segment store; included once by each store's test program.
#pragma once

#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "tests/contract/segment_store_contract.h"

namespace hexad::storage_node {

inline Universe SmallUniverse() {
  return Universe{{PgId(1), PgId(2)}, {TimelineId(1), TimelineId(2)}, {PageNo(0), PageNo(1)}};
}

inline rc::Gen<StoreOp> GenOp() {
  const Universe u = SmallUniverse();
  const auto pg = rc::gen::elementOf(u.pgs);
  const auto timeline = rc::gen::elementOf(u.timelines);
  const auto page = rc::gen::elementOf(u.pages);
  const auto lsn =
      rc::gen::map(rc::gen::inRange<uint64_t>(1, 30), [](uint64_t n) { return Lsn(n); });
  const auto bytes = rc::gen::container<std::string>(rc::gen::character<char>());
  const auto key = rc::gen::map(rc::gen::pair(pg, rc::gen::inRange(0, 4)), [](const auto& pair) {
    if (pair.second == 3) return TimelineMetaPrefix(pair.first, TimelineId(1)) + "path";
    return pair.second == 0 ? std::string("node")
                            : SegmentMetaPrefix(pair.first) + char('a' + pair.second);
  });
  const auto as_op = [](auto gen) { return rc::gen::cast<StoreOp>(gen); };
  return rc::gen::weightedOneOf<StoreOp>({
      {6, as_op(rc::gen::build<PutBoxcar>(
              rc::gen::set(&PutBoxcar::pg, pg), rc::gen::set(&PutBoxcar::timeline, timeline),
              rc::gen::set(&PutBoxcar::first_lsn, lsn),
              rc::gen::set(&PutBoxcar::bytes, rc::gen::map(bytes, &BytesRef::Own))))},
      {3, as_op(rc::gen::build<DropLog>(rc::gen::set(&DropLog::pg, pg),
                                        rc::gen::set(&DropLog::timeline, timeline),
                                        rc::gen::set(&DropLog::below, lsn)))},
      {6, as_op(rc::gen::build<PutVersion>(
              rc::gen::set(&PutVersion::pg, pg), rc::gen::set(&PutVersion::page, page),
              rc::gen::set(&PutVersion::timeline, timeline), rc::gen::set(&PutVersion::lsn, lsn),
              rc::gen::set(&PutVersion::kind,
                           rc::gen::element(VersionKind::kImage, VersionKind::kRun)),
              rc::gen::set(&PutVersion::bytes, bytes)))},
      {3,
       as_op(rc::gen::build<DropVersion>(
           rc::gen::set(&DropVersion::pg, pg), rc::gen::set(&DropVersion::page, page),
           rc::gen::set(&DropVersion::timeline, timeline), rc::gen::set(&DropVersion::lsn, lsn)))},
      {1, as_op(rc::gen::build<DropPage>(rc::gen::set(&DropPage::pg, pg),
                                         rc::gen::set(&DropPage::page, page),
                                         rc::gen::set(&DropPage::timeline, timeline)))},
      {3, as_op(rc::gen::build<PutMeta>(rc::gen::set(&PutMeta::key, key),
                                        rc::gen::set(&PutMeta::value, bytes)))},
      {1, as_op(rc::gen::build<DropMeta>(rc::gen::set(&DropMeta::key, key)))},
      {1, as_op(rc::gen::build<DropSegment>(rc::gen::set(&DropSegment::pg, pg)))},
      {1, as_op(rc::gen::build<DropTimeline>(rc::gen::set(&DropTimeline::pg, pg),
                                             rc::gen::set(&DropTimeline::timeline, timeline)))},
  });
}

// Disjoint ranges, newest first, as a path gives them.
inline rc::Gen<std::vector<LsnRange>> GenVisible() {
  const auto one =
      rc::gen::tuple(rc::gen::inRange<uint64_t>(1, 3), rc::gen::inRange<uint64_t>(1, 30),
                     rc::gen::inRange<uint64_t>(0, 12));
  return rc::gen::map(
      rc::gen::container<std::vector<std::tuple<uint64_t, uint64_t, uint64_t>>>(one),
      [](const auto& drawn) {
        std::vector<LsnRange> ranges;
        uint64_t below = 31;
        for (const auto& [timeline, last, length] : drawn) {
          const uint64_t end = std::min(last, below - 1);
          if (end == 0) break;
          const uint64_t first = end > length ? end - length : 1;
          ranges.push_back({TimelineId(timeline), Lsn(first), Lsn(end)});
          below = first;
        }
        return ranges;
      });
}

inline void CheckReads(const SegmentStore& store, const StoreModel& model) {
  const Universe universe = SmallUniverse();
  const auto visible = *GenVisible();
  const PgId pg = *rc::gen::elementOf(universe.pgs);
  const PageNo page = *rc::gen::elementOf(universe.pages);
  const auto read = store.ReadVersions(pg, page, visible);
  RC_ASSERT(read.ok());
  const auto expected = model.Read(pg, page, visible);
  RC_ASSERT(read->size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    RC_ASSERT((*read)[i].timeline == expected[i].timeline);
    RC_ASSERT((*read)[i].lsn == expected[i].lsn);
    RC_ASSERT((*read)[i].kind == expected[i].kind);
    RC_ASSERT((*read)[i].bytes == expected[i].bytes);
  }
}

// One run: random steps on a fresh store. `reached` holds the model after each write that a power
// cut may go back to: the last synced one first, the present one last.
inline void CheckRandomRun(StoreFixture& fixture) {
  std::vector<StoreModel> reached(1);
  const int steps = *rc::gen::inRange(1, 40);
  for (int step = 0; step < steps; ++step) {
    const int what = *rc::gen::inRange(0, 12);
    if (what == 0) {
      RC_ASSERT(fixture.Reopen().ok());
    } else if (what == 1) {
      RC_ASSERT(fixture.Settle().ok());
    } else if (what == 2 && fixture.CutPower()) {
      const auto all = ReadAll(fixture.store(), SmallUniverse());
      RC_ASSERT(all.ok());
      const auto found = std::find(reached.begin(), reached.end(), *all);
      RC_ASSERT(found != reached.end());
      reached = {*found};
    } else {
      const auto batches = *rc::gen::container<std::vector<std::vector<StoreOp>>>(
          2, rc::gen::container<std::vector<StoreOp>>(GenOp()));
      const StoreBatch first{batches[0]}, second{batches[1]};
      const bool synced = *rc::gen::arbitrary<bool>();
      RC_ASSERT(fixture.store()
                    .Write({&first, &second}, synced ? Durability::kSynced : Durability::kOrdered)
                    .ok());
      reached.push_back(reached.back());
      reached.back().Apply(first);
      reached.back().Apply(second);
      if (synced) reached.erase(reached.begin(), reached.end() - 1);
    }
    const auto all = ReadAll(fixture.store(), SmallUniverse());
    RC_ASSERT(all.ok());
    if (*all != reached.back()) RC_FAIL(Difference(reached.back(), *all));
    CheckReads(fixture.store(), reached.back());
  }
}

TEST_P(SegmentStoreContract, RandomBatchesLeaveWhatTheModelHolds) {
  const MakeFixture make = GetParam();
  EXPECT_TRUE(rc::check("a store equals its model", [&] { CheckRandomRun(*make()); }));
}

}  // namespace hexad::storage_node
