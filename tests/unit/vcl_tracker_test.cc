// VCL and VDL beside a dumb twin that walks over every record ever issued.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "quorum/trackers.h"

namespace hexad::quorum {
namespace {

struct Run {
  size_t pg;
  uint64_t first, last;
};

// The dumb twin keeps every record ever issued, with its PG, and walks over them.
struct EveryRecord {
  uint64_t start;
  std::map<uint64_t, size_t> pg_of;  // LSN -> PG
  std::map<size_t, uint64_t> pgcl;   // PG -> PGCL
  std::vector<Run> runs;

  uint64_t Vcl() const {
    uint64_t vcl = start;
    for (const auto& [lsn, pg] : pg_of) {
      if (Pgcl(pg) < lsn) return vcl;
      vcl = lsn;
    }
    return vcl;
  }

  // The same, knowing only the ends of runs: what the tracker can know. A run that its PGCL has
  // entered is taken to go on with the very next LSN.
  uint64_t VclByRuns() const {
    uint64_t lowest = pg_of.empty() ? 0 : pg_of.rbegin()->first + 1;
    for (const Run& run : runs) {
      if (Pgcl(run.pg) < run.last) lowest = std::min(lowest, std::max(run.first, Pgcl(run.pg) + 1));
    }
    return pg_of.empty() || lowest == pg_of.begin()->first ? start : lowest - 1;
  }

  uint64_t Pgcl(size_t pg) const {
    const auto known = pgcl.find(pg);
    return known == pgcl.end() ? 0 : known->second;
  }

  // An MTR of `records` records dealt to PGs below `pgs` at random; its runs, one per PG.
  std::vector<Run> IssueMtr(uint64_t first, int records, size_t pgs) {
    std::map<size_t, Run> mtr;
    for (uint64_t lsn = first; lsn < first + records; ++lsn) {
      const size_t pg = *rc::gen::inRange<size_t>(0, pgs);
      pg_of[lsn] = pg;
      mtr.try_emplace(pg, Run{pg, lsn, lsn}).first->second.last = lsn;
    }
    std::vector<Run> issued;
    for (const auto& [pg, run] : mtr) issued.push_back(run);
    runs.insert(runs.end(), issued.begin(), issued.end());
    return issued;
  }
};

RC_GTEST_PROP(VclTracker, AgreesWithWalkingOverEveryRecord, ()) {
  const uint64_t start = *rc::gen::inRange(0, 100);
  uint64_t next = start + *rc::gen::inRange(1, 100);  // an epoch starts above its fork
  VclTracker tracker((Lsn(start)));
  VdlTracker vdl((Lsn(start)));
  EveryRecord twin{start, {}, {}, {}};
  std::vector<uint64_t> cpls = {start};
  for (int step = 0; step < 60; ++step) {
    if (*rc::gen::inRange(0, 2) == 0) {
      const int records = *rc::gen::inRange(1, 6);
      const size_t pgs = 1 + step / 10;  // the volume grows
      std::vector<Run> runs = twin.IssueMtr(next, records, pgs);
      std::reverse(runs.begin(), runs.end());  // not announced in LSN order
      for (const Run& run : runs) tracker.Issued(run.pg, Lsn(run.first), Lsn(run.last));
      next += records;
      cpls.push_back(next - 1);
      vdl.IssuedCpl(Lsn(next - 1));
    } else if (!twin.pg_of.empty()) {
      // A PGCL is a record of its PG, and may lie inside a run.
      const auto durable =
          std::next(twin.pg_of.begin(), *rc::gen::inRange<size_t>(0, twin.pg_of.size()));
      uint64_t& pgcl = twin.pgcl[durable->second];
      pgcl = std::max(pgcl, durable->first);
      tracker.PgclMoved(durable->second, Lsn(pgcl));
    }
    const uint64_t vcl = tracker.vcl().value();
    RC_ASSERT(vcl == twin.VclByRuns());
    RC_ASSERT(vcl <= twin.Vcl());
    RC_ASSERT(tracker.last_issued().value() ==
              (twin.pg_of.empty() ? start : twin.pg_of.rbegin()->first));
    RC_ASSERT(tracker.idle() == (tracker.vcl() == tracker.last_issued()));
    const Lsn before = vdl.vdl();
    const bool moved = vdl.VclMoved(tracker.vcl());
    RC_ASSERT(moved == (vdl.vdl() > before));
    RC_ASSERT(vdl.vdl().value() == *std::prev(std::upper_bound(cpls.begin(), cpls.end(), vcl)));
  }
}

// Every assignment of six records to three PGs, one run per record, and every reachable PGCL
// vector.
TEST(VclTracker, AgreesWithTheTwinForEveryVolumeOfSixRecords) {
  for (int code = 0; code < 729; ++code) {
    std::vector<size_t> pg_of;
    for (int i = 0, rest = code; i < 6; ++i, rest /= 3) pg_of.push_back(rest % 3);
    for (int durable = 0; durable < 343; ++durable) {
      VclTracker tracker(Lsn(0));
      EveryRecord twin{0, {}, {}, {}};
      for (uint64_t lsn = 1; lsn <= 6; ++lsn) {
        twin.pg_of[lsn] = pg_of[lsn - 1];
        tracker.Issued(pg_of[lsn - 1], Lsn(lsn), Lsn(lsn));
      }
      const std::vector<int> pgcls = {durable % 7, durable / 7 % 7, durable / 49};
      bool reachable = true;
      for (size_t pg = 0; pg < 3; ++pg) {
        reachable = reachable && (pgcls[pg] == 0 || pg_of[pgcls[pg] - 1] == pg);
      }
      if (!reachable) continue;
      for (size_t pg = 0; pg < 3; ++pg) {
        twin.pgcl[pg] = pgcls[pg];
        tracker.PgclMoved(pg, Lsn(pgcls[pg]));
      }
      ASSERT_EQ(tracker.vcl().value(), twin.Vcl()) << "volume " << code << " PGCLs " << durable;
    }
  }
}

TEST(VclTracker, StaysAtTheForkUntilTheEpochsFirstRecordIsDurable) {
  VclTracker tracker(Lsn(900));
  EXPECT_EQ(tracker.vcl(), Lsn(900));
  EXPECT_TRUE(tracker.idle());
  tracker.Issued(1, Lsn(1903), Lsn(1903));
  tracker.Issued(0, Lsn(1901), Lsn(1902));  // the same MTR's other PG
  EXPECT_EQ(tracker.vcl(), Lsn(900)) << "not 1900: no record has that LSN";
  tracker.PgclMoved(1, Lsn(1903));
  EXPECT_EQ(tracker.vcl(), Lsn(900));
  tracker.PgclMoved(0, Lsn(1901));
  EXPECT_EQ(tracker.vcl(), Lsn(1901));
  tracker.PgclMoved(0, Lsn(1902));
  EXPECT_EQ(tracker.vcl(), Lsn(1903));
}

TEST(VdlTracker, IsTheHighestCplAtOrBelowVcl) {
  VdlTracker tracker(Lsn(10));
  for (const uint64_t cpl : {15, 20, 30}) tracker.IssuedCpl(Lsn(cpl));
  EXPECT_FALSE(tracker.VclMoved(Lsn(14)));
  EXPECT_EQ(tracker.vdl(), Lsn(10));
  EXPECT_TRUE(tracker.VclMoved(Lsn(29)));
  EXPECT_EQ(tracker.vdl(), Lsn(20));
  EXPECT_FALSE(tracker.VclMoved(Lsn(29)));
  EXPECT_TRUE(tracker.VclMoved(Lsn(30)));
  EXPECT_EQ(tracker.vdl(), Lsn(30));
}

TEST(VclTrackerDeathTest, RefusesWhatNoWriterDoes) {
  VclTracker tracker(Lsn(5));
  EXPECT_DEATH(tracker.Issued(0, Lsn(5), Lsn(6)), "INVARIANT") << "at the fork";
  tracker.Issued(0, Lsn(6), Lsn(8));
  EXPECT_DEATH(tracker.Issued(0, Lsn(8), Lsn(9)), "INVARIANT") << "an LSN twice";
  EXPECT_DEATH(tracker.PgclMoved(0, Lsn(9)), "INVARIANT") << "durable before it was issued";
  VdlTracker vdl(Lsn(5));
  EXPECT_DEATH(vdl.IssuedCpl(Lsn(5)), "INVARIANT");
}

}  // namespace
}  // namespace hexad::quorum
