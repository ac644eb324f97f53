// Pages from a page store and a hot log, against a dumb twin that applies every record from the
// first on: any floors, any truncates, coalescings cut short at any write.
#include "storage-node/core/page_builder.h"

#include <rapidcheck.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage-node/core/timeline_log.h"
#include "storage-node/io/memory_segment_store.h"

namespace hexad::storage_node {
namespace {

using quorum::PgPath;
using quorum::RecordKind;

constexpr uint32_t kPageSize = 4096;
constexpr uint32_t kPages = 3;
const TimelineId kTimeline{0xA};
const PgId kPg = quorum::MakePgId(kTimeline, 0);
const EpochId kEpoch{1, 1};

PgPath History() { return PgPath::Root(kTimeline).Fork(kEpoch, Lsn(), Lsn(1), Lsn()); }

struct Written {
  RecordKind kind = RecordKind::kNop;
  PageNo page;
  uint32_t offset = 0;
  std::string bytes;
};

// A segment of three pages in one timeline, and what was ever written to it.
struct World {
  MemorySegmentStore store;
  std::unique_ptr<TimelineLog> log =
      std::make_unique<TimelineLog>(kTimeline, History(), CoalescedMark{});
  std::vector<Written> written;  // record i has LSN i + 1
  std::vector<quorum::Boxcar> boxcars;
  CoalescedMark stored_mark;
  std::map<PageNo, Lsn> tails;
  Lsn pgmrpl;

  Lsn last() const { return Lsn(written.size()); }

  void Append(const std::vector<Written>& records) {
    quorum::BoxcarBuilder builder(kTimeline, kPg, kEpoch);
    for (const Written& w : records) {
      quorum::RecordView record;
      record.lsn = last().Next();
      record.volume_prev = record.pg_prev = last();
      record.page = w.page;
      record.epoch_number = kEpoch.number;
      record.kind = w.kind;
      record.flags = quorum::RecordFlags::kAll;
      record.commit_time = CommitTime(1);
      std::string payload;
      if (w.kind == RecordKind::kPageImage) payload = w.bytes;
      if (w.kind == RecordKind::kDelta) quorum::AppendDeltaRange(w.offset, w.bytes, payload);
      record.payload = payload;
      if (!payload.empty()) record.page_prev = tails[w.page];
      builder.Add(record);
      written.push_back(w);
      if (!payload.empty()) tails[w.page] = last();
    }
    boxcars.push_back(builder.Seal(Lsn(), Lsn()));
    RC_ASSERT(log->Load(boxcars.back()) == TimelineLog::Fit::kNew);
    log->HearVdl(kEpoch, last());
  }

  // The process dies: memory goes, the store stays.
  void Restart() {
    log = std::make_unique<TimelineLog>(kTimeline, History(), stored_mark);
    for (const auto& boxcar : boxcars) {
      if (boxcar.header.last_lsn > stored_mark.up_to) log->Load(boxcar);
    }
    log->HearVdl(kEpoch, last());
  }

  // Carries out `writes` writes of a coalescing; cut short, the process dies.
  void Coalesce(size_t writes) {
    log->HearPgmrpl(pgmrpl);
    auto plan = log->PlanCoalesce();
    if (!plan.has_value()) return;
    plan->pg = kPg;
    plan->page_size = kPageSize;
    const CoalescedMark before = log->MarkBefore(*plan);
    const CoalescedMark after = log->MarkAfter(*plan);
    log->CoalesceStarted(*plan);
    if (writes-- == 0) return Restart();
    stored_mark = before;
    for (const PageWork& work : GroupByPage(*plan)) {
      if (writes-- == 0) return Restart();
      StoreBatch batch;
      const auto folded =
          CoalescePage(*plan, work, {store.ReadVersions(kPg, work.page, plan->head)}, batch);
      RC_ASSERT(folded.ok());
      RC_ASSERT(store.Write({&batch}, Durability::kOrdered).ok());
    }
    if (writes-- == 0) return Restart();
    stored_mark = after;
    log->CoalesceDone(plan->up_to);
  }

  std::string Read(PageNo page, Lsn read_point) const {
    ReadPlan plan;
    plan.page = page;
    plan.page_size = kPageSize;
    plan.read_point = read_point;
    log->PlanRead(History().path, read_point, plan);
    const auto versions = store.ReadVersions(kPg, page, plan.visible);
    RC_ASSERT(versions.ok());
    const auto built = BuildPage(plan, *versions);
    if (!built.ok()) RC_FAIL(built.status().ToString());
    return std::string(built->page.view());
  }

  std::string Twin(PageNo page, Lsn read_point) const {
    std::string bytes(kPageSize, '\0');
    for (size_t i = 0; i < read_point.value(); ++i) {
      const Written& w = written[i];
      if (w.kind == RecordKind::kTruncate && w.page <= page) bytes.assign(kPageSize, '\0');
      if (w.page != page) continue;
      if (w.kind == RecordKind::kPageImage) bytes = w.bytes;
      if (w.kind == RecordKind::kDelta) bytes.replace(w.offset, w.bytes.size(), w.bytes);
    }
    return bytes;
  }
};

Written AnyRecord() {
  Written w;
  const int draw = *rc::gen::inRange(0, 20);
  w.page = PageNo(*rc::gen::inRange<uint32_t>(0, kPages));
  const char letter = static_cast<char>('a' + *rc::gen::inRange(0, 26));
  if (draw == 0) {
    w.kind = RecordKind::kTruncate;
  } else if (draw == 1) {
    w.kind = RecordKind::kPageImage;
    w.bytes.assign(kPageSize, letter);
  } else if (draw > 2) {
    w.kind = RecordKind::kDelta;
    w.offset = *rc::gen::inRange<uint32_t>(0, 3000);
    w.bytes.assign(*rc::gen::inRange<size_t>(1, 700), letter);
  }
  return w;
}

TEST(PageBuilder, EveryReadPointFromTheFloorOnIsWhatTheTwinSays) {
  EXPECT_TRUE(rc::check("coalescings that a crash cuts short, floors that rise", [] {
    World world;
    const int rounds = *rc::gen::inRange(1, 8);
    for (int round = 0; round < rounds; ++round) {
      for (int boxcar = *rc::gen::inRange(1, 4); boxcar > 0; --boxcar) {
        std::vector<Written> records;
        for (int i = *rc::gen::inRange(1, 9); i > 0; --i) records.push_back(AnyRecord());
        world.Append(records);
      }
      world.pgmrpl =
          std::max(world.pgmrpl, Lsn(*rc::gen::inRange<uint64_t>(0, world.last().value() + 1)));
      world.Coalesce(*rc::gen::inRange<size_t>(0, 9));
      world.log->CheckInvariants();
      RC_ASSERT(world.stored_mark.gc_floor <= world.log->gc_floor());
      for (Lsn at = world.log->gc_floor(); at <= world.last(); at = at.Next()) {
        for (uint32_t page = 0; page < kPages; ++page) {
          RC_ASSERT(world.Read(PageNo(page), at) == world.Twin(PageNo(page), at));
        }
      }
    }
  }));
}

TEST(PageBuilder, WorkIsGroupedByPageInTheOrderOfTheLog) {
  EXPECT_TRUE(rc::check("any pages, small numbers and large", [] {
    CoalescePlan plan;
    plan.timeline = kTimeline;
    std::map<PageNo, std::vector<Lsn>> twin;
    Lsn lsn;
    for (int boxcar = *rc::gen::inRange(0, 4); boxcar > 0; --boxcar) {
      quorum::BoxcarBuilder builder(kTimeline, kPg, kEpoch);
      for (int i = *rc::gen::inRange(1, 40); i > 0; --i) {
        quorum::RecordView record;
        record.volume_prev = record.pg_prev = lsn;
        record.lsn = lsn = lsn.Next();
        record.epoch_number = kEpoch.number;
        record.page = PageNo(*rc::gen::oneOf(rc::gen::inRange<uint32_t>(0, 5),
                                             rc::gen::inRange<uint32_t>(0, 0xffffffff)));
        record.kind = *rc::gen::arbitrary<bool>() ? RecordKind::kDelta : RecordKind::kNop;
        builder.Add(record);
        if (record.kind == RecordKind::kDelta) twin[record.page].push_back(record.lsn);
      }
      plan.boxcars.push_back(builder.Seal(Lsn(), Lsn()));
    }
    plan.visible = {{kTimeline, Lsn::First(), Lsn::Max()}};
    const PlanWork work = GroupByPage(plan);
    std::map<PageNo, std::vector<Lsn>> grouped;
    for (const PageWork& page : work) {
      const bool rises = grouped.empty() || grouped.rbegin()->first < page.page;
      RC_ASSERT(rises);
      for (const PageRecord& record : page.records) {
        RC_ASSERT(quorum::DecodeRecord(record.bytes)->record.lsn == record.lsn);
        grouped[page.page].push_back(record.lsn);
      }
    }
    RC_ASSERT(grouped == twin);
  }));
}

// A record that claims to follow one that is not here: never a page, always an error.
TEST(PageBuilder, AHoleInThePagesHistoryIsDataLoss) {
  quorum::RecordView record;
  record.lsn = Lsn(5);
  record.volume_prev = record.pg_prev = Lsn(4);
  record.page_prev = Lsn(3);
  record.kind = RecordKind::kDelta;
  std::string payload;
  quorum::AppendDeltaRange(0, "text", payload);
  record.payload = payload;
  std::string bytes;
  quorum::EncodeRecord(record, bytes);
  ReadPlan plan;
  plan.page_size = kPageSize;
  plan.visible = {{kTimeline, Lsn(1), Lsn(9)}};
  plan.hot.push_back({kTimeline, Lsn(5), BytesRef::Own(bytes)});
  EXPECT_TRUE(absl::IsDataLoss(BuildPage(plan, {}).status()));
  const PageVersion at3{kTimeline, Lsn(3), VersionKind::kImage,
                        BytesRef::Own(std::string(kPageSize, 'x'))};
  EXPECT_TRUE(BuildPage(plan, {at3}).ok());
  const PageVersion torn{kTimeline, Lsn(3), VersionKind::kImage, BytesRef::Own("short")};
  EXPECT_TRUE(absl::IsDataLoss(BuildPage(plan, {torn}).status()));
}

}  // namespace
}  // namespace hexad::storage_node
