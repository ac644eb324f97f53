// The writer's log: LSNs, chains, boxcars, consistency points, and what holds a client back. The
// segments' side is in volume_writer_members_test.cc.
#include "quorum/volume_writer.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/model/writer_world.h"

namespace hexad::quorum {
namespace {

using model::Of;
using model::Sent;
using model::StartOf;
using model::WriterWorld;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::pair<std::string, Append>> Boxcars(const std::vector<WriterEffect>& effects) {
  std::vector<std::pair<std::string, Append>> boxcars;
  for (auto& [node, append] : Sent<Append>(effects)) {
    if (!append.boxcar.empty()) boxcars.emplace_back(node, append);
  }
  return boxcars;
}

TEST(VolumeWriter, FirstRecordOfAnEpochLinksBelowTheFork) {
  WriterWorld world;
  world.BeginAll();
  const auto effects = world.Touch({4}, /*tag=*/9);
  const auto issued = Of<MtrIssued>(effects);
  ASSERT_THAT(issued, SizeIs(1));
  EXPECT_EQ(issued[0].tag, 9u);
  EXPECT_EQ(issued[0].first_lsn, Lsn(1901));
  EXPECT_EQ(issued[0].commit_lsn, Lsn(1901));
  const auto boxcars = Boxcars(effects);
  ASSERT_THAT(boxcars, SizeIs(6));
  const auto boxcar = DecodeBoxcar(boxcars[0].second.boxcar);
  ASSERT_TRUE(boxcar.ok());
  EXPECT_EQ(boxcar->header.pg_prev, Lsn(900));
  RecordView record;
  RecordCursor cursor(*boxcar);
  ASSERT_TRUE(cursor.Next(record));
  EXPECT_EQ(record.volume_prev, Lsn(900));
}

TEST(VolumeWriter, FirstRecordOfATimelineLinksToNothing) {
  WriterStart start = StartOf(1);
  start.vdl = Lsn::None();
  start.first_lsn = Lsn(2);
  start.pg_paths[0] =
      PgPath::Root(model::kTimeline).Fork(model::kEpoch, Lsn::None(), Lsn(2), Lsn::None());
  WriterWorld world({}, start);
  world.BeginAll();
  EXPECT_THAT(Boxcars(world.Touch({0})), SizeIs(6));
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(2));
}

TEST(VolumeWriter, OneNodeIsAVolumeToo) {
  WriterStart start = StartOf(1);
  start.manifest.pgs[0].members.resize(1);
  start.manifest.pgs[0].write = 1;
  WriterWorld world({}, start);
  world.BeginAll();
  EXPECT_THAT(Boxcars(world.Touch({1})), SizeIs(1));
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(1901));
}

TEST(VolumeWriter, SixSendsShareOneEncoding) {
  WriterWorld world;
  world.BeginAll();
  const auto boxcars = Boxcars(world.Touch({1}));
  ASSERT_THAT(boxcars, SizeIs(6));
  for (const auto& [node, append] : boxcars) {
    EXPECT_EQ(append.boxcar.view().data(), boxcars[0].second.boxcar.view().data()) << node;
  }
}

// Verbitski 2018, section 2.2: no timer, no wait when idle, batches under load.
TEST(VolumeWriter, BoxcarLeavesAtOnceWhenIdleAndFillsWhileOneIsInFlight) {
  WriterWorld world;
  world.BeginAll();
  EXPECT_THAT(Boxcars(world.Touch({1})), SizeIs(6));
  EXPECT_THAT(Boxcars(world.Touch({2})), IsEmpty());
  EXPECT_THAT(Boxcars(world.Touch({3})), IsEmpty());
  for (const char* name : {"n1", "n2", "n3"}) {
    EXPECT_THAT(Boxcars(world.Deliver(name)), IsEmpty()) << "no quorum yet";
  }
  world.Handle("n4");
  const auto effects = world.Hear("n4");  // the fourth
  const auto boxcars = Boxcars(effects);
  ASSERT_THAT(boxcars, SizeIs(6));
  EXPECT_EQ(DecodeBoxcar(boxcars[0].second.boxcar)->header.record_count, 2u);
  // The VDL that came of the ack travels with the boxcar that it released, and is told first.
  EXPECT_EQ(boxcars[0].second.vdl, Lsn(1901));
  EXPECT_EQ(DecodeBoxcar(boxcars[0].second.boxcar)->header.vdl, Lsn(1901));
  const auto* moved = std::get_if<VdlMoved>(&effects[1]);
  ASSERT_NE(moved, nullptr);
  EXPECT_EQ(moved->vdl, Lsn(1901));
}

TEST(VolumeWriter, FullBoxcarLeavesEvenWhileAnotherIsInFlight) {
  WriterOptions options;
  options.boxcar_target_bytes = 400;
  WriterWorld world(options);
  world.BeginAll();
  const std::string payload(100, 'x');
  std::vector<PageChange> one{{PageNo(1), RecordKind::kPageImage, Lsn(), payload}};
  EXPECT_THAT(Boxcars(world.Submit(one)), SizeIs(6));
  EXPECT_THAT(Boxcars(world.Submit(one)), IsEmpty());  // 88 + 156
  EXPECT_THAT(Boxcars(world.Submit(one)), SizeIs(6));  // 88 + 2 * 156 = 400
}

TEST(VolumeWriter, RecordThatDoesNotFitSealsTheOpenBoxcarFirst) {
  WriterOptions options;
  options.boxcar_target_bytes = 64 << 20;  // never by size
  WriterWorld world(options);
  world.BeginAll();
  const std::string page(64 << 10, 'x');
  std::vector<PageChange> changes(40, {PageNo(1), RecordKind::kPageImage, Lsn(), page});
  // 2.5 MiB in boxcars of at most 1 MiB: two full ones leave, the rest waits for a quorum.
  EXPECT_THAT(Boxcars(world.Submit(changes)), SizeIs(6 * 2));
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(1940));
}

TEST(VolumeWriter, LargeMtrSpansBoxcarsAndPgsAndIsDurableAsAWhole) {
  WriterOptions options;
  options.boxcar_target_bytes = 500;
  WriterWorld world(options, /*pgs=*/3);
  world.BeginAll();
  std::vector<uint32_t> pages;
  for (uint32_t i = 0; i < 60; ++i) pages.push_back((i * 7) % 30);
  ASSERT_THAT(Of<MtrIssued>(world.Touch(pages)), SizeIs(1));
  const auto moves = Of<VdlMoved>(world.DeliverAll());
  ASSERT_THAT(moves, SizeIs(1)) << "all or nothing";
  EXPECT_EQ(moves[0].vdl, Lsn(1960));
}

TEST(VolumeWriter, SecondChangeOfAPageInOneMtrFollowsTheFirst) {
  WriterWorld world;  // the twin checks each link
  world.BeginAll();
  std::vector<PageChange> changes;
  for (const uint32_t page : {3, 4, 3, 3, 4, 9}) {
    changes.push_back({PageNo(page), RecordKind::kNop, Lsn(40 + page), {}});
  }
  EXPECT_THAT(Boxcars(world.Submit(changes)), SizeIs(6));
}

// VCL is not min(PGCL): PG 1 is idle, and its PGCL stays at 890.
TEST(VolumeWriter, IdlePgDoesNotHoldTheVolumeBack) {
  WriterWorld world({}, /*pgs=*/2);
  world.BeginAll();
  world.Touch({1});
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(1901));
  EXPECT_EQ(world.writer.vcl(), Lsn(1901));
}

// Verbitski 2017, section 4.2.1.
TEST(VolumeWriter, AllocationLimitHoldsClientsBackUntilVdlMoves) {
  WriterOptions options;
  options.lal = 3;
  WriterWorld world(options);
  world.BeginAll();
  world.Touch({1});
  EXPECT_THAT(Of<MtrIssued>(world.Touch({1, 2})), SizeIs(1));  // 1901..1903: the limit
  const auto blocked = Of<MtrBlocked>(world.Touch({1}, /*tag=*/5));
  ASSERT_THAT(blocked, SizeIs(1));
  EXPECT_EQ(blocked[0].why, MtrBlocked::Why::kLal);
  EXPECT_EQ(blocked[0].tag, 5u);
  EXPECT_EQ(world.writer.last_issued(), Lsn(1903)) << "nothing happened";
  world.DeliverAll();
  EXPECT_THAT(Of<MtrIssued>(world.Touch({1, 2, 3})), SizeIs(1));
  EXPECT_THAT(Of<MtrBlocked>(world.Touch({1})), SizeIs(1));
}

TEST(VolumeWriter, InFlightBytesHoldClientsBackButNeverALonelyLargeMtr) {
  WriterOptions options;
  options.in_flight_limit_bytes = 1000;
  WriterWorld world(options);
  world.BeginAll();
  const std::string page(4096, 'x');
  const std::vector<PageChange> large{{PageNo(1), RecordKind::kPageImage, Lsn(), page}};
  EXPECT_THAT(Of<MtrIssued>(world.Submit(large)), SizeIs(1));
  const auto blocked = Of<MtrBlocked>(world.Touch({1}));
  ASSERT_THAT(blocked, SizeIs(1));
  EXPECT_EQ(blocked[0].why, MtrBlocked::Why::kInFlight);
  world.DeliverAll();
  EXPECT_THAT(Of<MtrIssued>(world.Touch({1})), SizeIs(1));
  EXPECT_THAT(Of<MtrIssued>(world.Touch({1})), SizeIs(1));  // waits in the open boxcar, and counts
  EXPECT_THAT(Of<MtrBlocked>(world.Submit(large)), SizeIs(1));
}

TEST(VolumeWriter, PageBeyondTheGeometryAsksForGrowth) {
  WriterWorld world({}, /*pgs=*/2);
  const auto blocked = Of<MtrBlocked>(world.Touch({3, 41, 20}));
  ASSERT_THAT(blocked, SizeIs(1));
  EXPECT_EQ(blocked[0].why, MtrBlocked::Why::kNeedsGrowth);
  EXPECT_EQ(blocked[0].pgs_needed, 5u);
}

TEST(VolumeWriter, ReadPointInUseHoldsPgmrplDown) {
  WriterWorld world;
  world.BeginAll();
  world.Touch({1});
  world.DeliverAll();
  EXPECT_EQ(Boxcars(world.Touch({1}))[0].second.pgmrpl, Lsn()) << "nothing was given up";
  world.Step(Retain{Lsn(1901), std::nullopt});
  world.DeliverAll();
  EXPECT_EQ(Boxcars(world.Touch({1}))[0].second.pgmrpl, Lsn(1901)) << "follows the retention floor";
  world.DeliverAll();
  world.Step(ReadPointsMoved{Lsn(777)});
  const auto boxcars = Boxcars(world.Touch({1}));
  EXPECT_EQ(boxcars[0].second.pgmrpl, Lsn(777));
  EXPECT_EQ(DecodeBoxcar(boxcars[0].second.boxcar)->header.pgmrpl, Lsn(777));
}

TEST(VolumeWriter, VdlIsAnnouncedIfNoBoxcarCarriesIt) {
  WriterOptions options;
  WriterWorld world(options, /*pgs=*/2);
  world.BeginAll();
  world.Touch({1});
  world.DeliverAll();
  EXPECT_EQ(world.writer.NextDeadline(), world.now + options.announce_after);
  EXPECT_THAT(Sent<Append>(world.Tick(options.announce_after - Duration::Nanos(1))), IsEmpty());
  const auto told = Sent<Append>(world.Tick(Duration::Nanos(1)));
  ASSERT_THAT(told, SizeIs(6)) << "PG 1 has no record that it could be waiting for";
  for (const auto& [node, append] : told) {
    EXPECT_EQ(append.to.pg, world.memberships[0].pg);
    EXPECT_EQ(append.vdl, Lsn(1901));
    EXPECT_TRUE(append.boxcar.empty());
  }
  EXPECT_GT(world.writer.NextDeadline(), world.now + options.announce_after) << "once";
}

TEST(VolumeWriter, BoxcarThatCarriesTheVdlSavesTheAnnouncement) {
  WriterOptions options;
  WriterWorld world(options);
  world.BeginAll();
  world.Touch({1});
  world.DeliverAll();
  world.Touch({2});  // carries VDL 1901
  EXPECT_THAT(Sent<Append>(world.Tick(options.announce_after)), IsEmpty());
}

TEST(VolumeWriter, HeartbeatGoesToEveryBegunSegment) {
  WriterOptions options;
  WriterWorld world(options);
  world.BeginAll();
  world.Down("n6");
  EXPECT_EQ(world.writer.NextDeadline(), world.now + options.heartbeat);
  EXPECT_THAT(Sent<Append>(world.Tick(options.heartbeat)), SizeIs(5));
  EXPECT_EQ(world.writer.NextDeadline(), world.now + options.heartbeat);
}

// docs/protocol.md, "Reading": not >= VDL (a quiet PG's SCL stays low), and never more than what a
// write quorum has reached, or a read might wait for ever.
TEST(VolumeWriter, CompleteToIsThePgsTailAndNeverAbovePgcl) {
  WriterOptions options;
  options.boxcar_target_bytes = 1;  // one boxcar per record
  WriterWorld world(options, /*pgs=*/2);
  world.BeginAll();
  EXPECT_EQ(world.writer.CompleteTo(1, Lsn(900)), Lsn(890)) << "the fork's tail";
  world.Touch({1, 11, 2});  // PG 0: 1901, 1903; PG 1: 1902
  world.DeliverAll();
  EXPECT_EQ(world.writer.CompleteTo(0, Lsn(1903)), Lsn(1903));
  EXPECT_EQ(world.writer.CompleteTo(1, Lsn(1903)), Lsn(1902));
  world.Touch({11});  // 1904, on its way
  EXPECT_EQ(world.writer.CompleteTo(0, Lsn(1903)), Lsn(1903));
  const Lsn complete = world.writer.CompleteTo(1, Lsn(1903));
  EXPECT_GE(complete, Lsn(1902));
  EXPECT_LE(complete, Lsn(1902)) << "nobody has 1904 yet";
}

}  // namespace
}  // namespace hexad::quorum
