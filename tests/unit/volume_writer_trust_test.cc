// The writer and its segments: whom it begins, sends to, resends to, believes, and when it gives
// up.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "quorum/volume_writer.h"
#include "tests/model/writer_world.h"

namespace hexad::quorum {
namespace {

using model::BoxcarsTo;
using model::kAllNodes;
using model::Of;
using model::Sent;
using model::StateOf;
using model::WriterWorld;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// ---- whom to believe

TEST(WriterTrust, AnotherDiskIsNeitherBegunNorCounted) {
  WriterWorld world;
  world.nodes["n1"].incarnation = Incarnation(8);
  EXPECT_THAT(Of<Send>(world.Up("n1")), IsEmpty());
  EXPECT_FALSE(StateOf(world, 0).trusted);
  EXPECT_FALSE(StateOf(world, 0).trouble.empty());
  world.nodes["n1"].incarnation = Incarnation(7);
  EXPECT_THAT(Sent<Begin>(world.Up("n1")), SizeIs(1)) << "the admitted one is back";
}

TEST(WriterTrust, WhatTheAdmittedDiskHadIsNotOnItsReplacement) {
  WriterWorld world;
  world.BeginAll();
  world.Touch({1});
  world.DeliverAll();
  world.nodes["n1"].incarnation = Incarnation(8);
  world.Up("n1");  // the lane's invariants hold that it is counted at nothing
  EXPECT_FALSE(StateOf(world, 0).trusted);
  EXPECT_EQ(world.writer.vdl(), Lsn(1901));
}

TEST(WriterTrust, UnknownIncarnationAcceptsTheFirstDiskOnly) {
  WriterStart start = model::StartOf(1);
  start.manifest.pgs[0].members[0].incarnation = Incarnation();
  WriterWorld world({}, start);
  world.nodes["n1"].incarnation = Incarnation(5);
  EXPECT_THAT(Sent<Begin>(world.Up("n1")), SizeIs(1));
  world.nodes["n1"].incarnation = Incarnation(6);
  EXPECT_THAT(Sent<Begin>(world.Up("n1")), IsEmpty());
}

TEST(WriterTrust, SclThatWentBackIsNeverTrustedAgainInThisEpoch) {
  WriterOptions options;
  options.boxcar_target_bytes = 1;
  WriterWorld world(options);
  world.BeginAll();
  world.Touch({1});
  world.Touch({1});
  for (const char* name : {"n1", "n2", "n3", "n4"}) world.Deliver(name);
  EXPECT_EQ(world.writer.vdl(), Lsn(1902));
  world.SegmentAt("n1").LoseDownTo(Lsn(1901));
  world.Up("n1");
  world.Deliver("n1");
  EXPECT_FALSE(StateOf(world, 0).trusted);
  EXPECT_EQ(world.writer.Describe()[0].pgcl, Lsn(1902)) << "what was durable was durable";
  // Three and the distrusted one are no quorum.
  world.Touch({1});
  for (const char* name : {"n1", "n2", "n3", "n4"}) world.Deliver(name);
  EXPECT_EQ(world.writer.vdl(), Lsn(1902));
  world.Up("n1");
  world.Deliver("n1");
  EXPECT_EQ(world.writer.vdl(), Lsn(1902));
  world.Deliver("n5");
  EXPECT_EQ(world.writer.vdl(), Lsn(1903));
}

TEST(WriterTrust, LateAnswerOfTheSameConnectionIsNoReasonForDistrust) {
  WriterWorld world;
  for (const std::string& name : kAllNodes) world.Up(name);
  for (const std::string& name : kAllNodes) world.Handle(name, 0, /*keep=*/true);  // Begin twice
  world.DeliverAll();
  world.Touch({1});
  world.Handle("n1");
  world.Hear("n1", 0, /*keep=*/true);
  world.Touch({1});
  world.DeliverAll();
  EXPECT_TRUE(StateOf(world, 0).trusted);
  EXPECT_EQ(StateOf(world, 0).scl, Lsn(1902));
}

TEST(WriterTrust, AckOfWhatWasNeverSentIsNotBelieved) {
  WriterWorld world;
  world.BeginAll();
  world.Touch({1});
  const Envelope from{model::kTimeline, world.memberships[0].pg, model::kEpoch, MembershipEpoch(1)};
  for (const char* name : {"n1", "n2", "n3", "n4"}) {
    world.Step(NodeAnswered{NodeId(name), Ack{from, Lsn(5000)}});
  }
  EXPECT_EQ(world.writer.vdl(), Lsn(900));
  EXPECT_FALSE(StateOf(world, 0).trusted);
}

// What was under way when a connection ended says nothing of the disk behind the next one.
TEST(WriterTrust, NothingCountsBeforeBegunOnThisConnection) {
  WriterWorld world;
  world.BeginAll();
  world.Touch({1});
  for (const char* name : {"n1", "n2", "n3"}) world.Deliver(name);
  const Envelope from{model::kTimeline, world.memberships[0].pg, model::kEpoch, MembershipEpoch(1)};
  world.Down("n4");
  world.Step(NodeAnswered{NodeId("n4"), Ack{from, Lsn(1901)}});
  world.Step(NodeAnswered{NodeId("n4"), Begun{from, Lsn(1901)}});
  EXPECT_EQ(world.writer.vdl(), Lsn(900)) << "it is down";
  world.Up("n4");
  world.Step(NodeAnswered{NodeId("n4"), Ack{from, Lsn(1901)}});
  EXPECT_EQ(world.writer.vdl(), Lsn(900)) << "it has not begun";
  world.Deliver("n4");
  EXPECT_EQ(world.writer.vdl(), Lsn(1901));
}

TEST(WriterTrust, AnswersOfOtherEpochsPgsAndNodesChangeNothing) {
  WriterWorld world;
  world.BeginAll();
  world.Touch({1});
  Envelope from{model::kTimeline, world.memberships[0].pg, EpochId{2, 1}, MembershipEpoch(1)};
  for (const std::string& name : kAllNodes) {
    EXPECT_THAT(world.Step(NodeAnswered{NodeId(name), Ack{from, Lsn(1901)}}), IsEmpty());
  }
  from.epoch = model::kEpoch;
  from.pg = PgId(99);
  EXPECT_THAT(world.Step(NodeAnswered{NodeId("n1"), Ack{from, Lsn(1901)}}), IsEmpty());
  from.pg = world.memberships[0].pg;
  EXPECT_THAT(world.Step(NodeAnswered{NodeId("n9"), Ack{from, Lsn(1901)}}), IsEmpty());
  EXPECT_EQ(world.writer.vdl(), Lsn(900));
}

TEST(WriterTrust, SegmentThatWasDownAtCreationIsCreatedNow) {
  WriterWorld world;
  world.nodes["n1"].segments.at(world.memberships[0].pg) = model::FakeSegment();
  world.Up("n1");
  const auto effects = world.Deliver("n1");
  const auto creates = Sent<CreateSegment>(effects);
  ASSERT_THAT(creates, SizeIs(1));
  EXPECT_EQ(creates[0].second.page_count, 10u);
  EXPECT_EQ(creates[0].second.membership, world.memberships[0]);
  EXPECT_TRUE(StateOf(world, 0).begun);
}

TEST(WriterTrust, SegmentThatLostWhatItAcknowledgedIsNotCreatedAnew) {
  WriterWorld world;
  world.BeginAll();
  world.Touch({1});
  world.DeliverAll();
  world.nodes["n1"].segments.at(world.memberships[0].pg) = model::FakeSegment();
  world.Up("n1");
  EXPECT_THAT(Sent<CreateSegment>(world.Deliver("n1")), IsEmpty());
  EXPECT_FALSE(StateOf(world, 0).trusted);
}

TEST(WriterTrust, EmptySegmentThatWasBegunAndIsUnknownNowHasLostItsPromise) {
  WriterStart start = model::StartOf(1);
  start.vdl = Lsn::None();
  start.first_lsn = Lsn(2);
  start.pg_paths[0] =
      PgPath::Root(model::kTimeline).Fork(model::kEpoch, Lsn::None(), Lsn(2), Lsn::None());
  WriterWorld world({}, start);
  world.BeginAll();
  world.nodes["n1"].segments.at(world.memberships[0].pg) = model::FakeSegment();
  world.Up("n1");
  EXPECT_THAT(Sent<CreateSegment>(world.Deliver("n1")), IsEmpty());
  EXPECT_FALSE(StateOf(world, 0).trusted);
}

// ---- refusals

TEST(WriterTrust, AWriterWithoutItsQuorumTellsOfEachFurtherFullDisk) {
  WriterOptions options;
  options.boxcar_target_bytes = 1;
  options.heartbeat = Duration::Seconds(1000);
  WriterWorld world(options);
  world.BeginAll();
  for (const char* name : {"n1", "n2", "n3", "n4"}) {
    world.SegmentAt(name).RefuseWith(RefusalReason::kDiskFull);
  }
  world.Touch({1});
  EXPECT_THAT(Of<WriteQuorumChanged>(world.Deliver("n1")), IsEmpty()) << "five are enough";
  EXPECT_THAT(Of<WriteQuorumChanged>(world.Deliver("n2")), IsEmpty()) << "so are four";
  auto told = Of<WriteQuorumChanged>(world.Deliver("n3"));
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].disk_full, ElementsAre(NodeId("n1"), NodeId("n2"), NodeId("n3")));
  told = Of<WriteQuorumChanged>(world.Deliver("n4"));
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_FALSE(told[0].ok);
  EXPECT_THAT(told[0].disk_full, SizeIs(4));
}

TEST(WriterTrust, FullDiskIsTriedWithOneBoxcarUntilThereIsRoom) {
  WriterOptions options;
  options.boxcar_target_bytes = 1;
  options.heartbeat = Duration::Seconds(1000);
  WriterWorld world(options);
  world.BeginAll();
  for (const char* name : {"n5", "n6"}) world.Down(name);
  world.SegmentAt("n1").RefuseWith(RefusalReason::kDiskFull);
  world.Touch({1});
  world.Touch({1});
  const auto told = Of<WriteQuorumChanged>(world.Deliver("n1"));
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_FALSE(told[0].ok) << "three are left that can store";
  EXPECT_THAT(told[0].disk_full, ElementsAre(NodeId("n1")));
  for (const char* name : {"n2", "n3", "n4"}) world.Deliver(name);
  EXPECT_THAT(BoxcarsTo(world.Touch({1})), ElementsAre("n2", "n3", "n4"));
  for (const char* name : {"n2", "n3", "n4"}) world.Deliver(name);
  EXPECT_THAT(BoxcarsTo(world.Tick(options.resend_after)), ElementsAre("n1"));
  EXPECT_THAT(Of<WriteQuorumChanged>(world.Deliver("n1")), IsEmpty()) << "still full";
  world.SegmentAt("n1").RefuseWith(std::nullopt);
  EXPECT_THAT(BoxcarsTo(world.Tick(options.resend_after)), ElementsAre("n1"));
  const auto effects = world.Deliver("n1");
  EXPECT_THAT(Of<WriteQuorumChanged>(effects), SizeIs(1));
  EXPECT_THAT(BoxcarsTo(effects), ElementsAre("n1", "n1")) << "the rest";
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(1903));
}

TEST(WriterTrust, LateRefusalOfWhatGossipHasBroughtIsNoNews) {
  WriterWorld world;
  world.BeginAll();
  for (const char* name : {"n5", "n6"}) world.Down(name);
  world.Touch({1});
  world.DeliverAll();
  const Envelope from{model::kTimeline, world.memberships[0].pg, model::kEpoch, MembershipEpoch(1)};
  const Refused late{from, RefusalReason::kDiskFull, EpochId(), MembershipEpoch(1), ""};
  EXPECT_THAT(Of<WriteQuorumChanged>(world.Step(NodeAnswered{NodeId("n1"), late})), IsEmpty());
}

TEST(WriterTrust, OverloadIsWaitedOutWithoutAlarm) {
  WriterOptions options;
  WriterWorld world(options);
  world.BeginAll();
  for (const std::string& name : kAllNodes) {
    world.SegmentAt(name).RefuseWith(RefusalReason::kOverloaded);
  }
  world.Touch({1});
  for (const std::string& name : kAllNodes) {
    EXPECT_THAT(Of<WriteQuorumChanged>(world.Deliver(name)), IsEmpty());
    world.SegmentAt(name).RefuseWith(std::nullopt);
  }
  EXPECT_EQ(world.writer.vdl(), Lsn(900));
  EXPECT_THAT(BoxcarsTo(world.Tick(options.resend_after)), SizeIs(6));
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(1901));
}

TEST(WriterTrust, BoxcarDamagedOnItsWayIsSentAgainAtOnce) {
  WriterWorld world;
  world.BeginAll();
  world.Touch({1});
  auto& append = std::get<Append>(world.nodes["n1"].requests[0]);
  std::string damaged(append.boxcar.view());
  damaged.back() = static_cast<char>(damaged.back() + 1);
  append.boxcar = BytesRef::Own(damaged);
  world.Handle("n1");
  EXPECT_THAT(BoxcarsTo(world.Hear("n1")), ElementsAre("n1"));
  world.Deliver("n1");
  EXPECT_EQ(world.SegmentAt("n1").scl(), Lsn(1901));
  EXPECT_TRUE(StateOf(world, 0).trusted);
}

TEST(WriterTrust, SegmentThatCallsEverythingBadIsGivenUp) {
  WriterOptions options;
  WriterWorld world(options);
  world.BeginAll();
  world.SegmentAt("n1").RefuseWith(RefusalReason::kBadRequest);
  world.Touch({1});
  for (int round = 0; round < 10 && StateOf(world, 0).trusted; ++round) {
    world.Deliver("n1");
    world.Tick(options.resend_after);
  }
  EXPECT_FALSE(StateOf(world, 0).trusted);
  EXPECT_EQ(StateOf(world, 0).trouble, "bad request: by the fake");
}

TEST(WriterTrust, NowAndThenADamagedHeartbeatIsForgiven) {
  WriterOptions options;
  WriterWorld world(options);
  world.BeginAll();
  for (int i = 0; i < 10; ++i) {
    world.SegmentAt("n1").RefuseWith(RefusalReason::kBadRequest);
    world.Tick(options.heartbeat);
    world.Deliver("n1");
    world.SegmentAt("n1").RefuseWith(std::nullopt);
    world.Tick(options.heartbeat);
    world.Deliver("n1");
  }
  EXPECT_TRUE(StateOf(world, 0).trusted);
}

TEST(WriterTrust, StaleMembershipAndAmnesiaAreNotTrusted) {
  for (const RefusalReason reason : {RefusalReason::kStaleMembership, RefusalReason::kAmnesiac}) {
    WriterWorld world;
    world.BeginAll();
    world.SegmentAt("n2").RefuseWith(reason);
    world.Touch({1});
    world.DeliverAll();
    EXPECT_FALSE(StateOf(world, 1).trusted);
    EXPECT_THAT(BoxcarsTo(world.Touch({1})), SizeIs(5));
  }
}

// ---- the fence

TEST(WriterTrust, OutbidWhileAWriteQuorumStillAccepts) {
  WriterWorld world;
  world.BeginAll();
  for (const char* name : {"n1", "n2"}) world.SegmentAt(name).Promise(EpochId{4, 1});
  world.Touch({1});
  const auto outbid = Of<Outbid>(world.Deliver("n1"));
  ASSERT_THAT(outbid, SizeIs(1));
  EXPECT_EQ(outbid[0].by, (EpochId{4, 1}));
  EXPECT_THAT(Of<Outbid>(world.Deliver("n2")), IsEmpty()) << "no news";
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(1901)) << "four went on";
  EXPECT_FALSE(world.writer.fenced());
  EXPECT_THAT(BoxcarsTo(world.Touch({1})), SizeIs(4));
}

TEST(WriterTrust, HigherPromiseIsNewsAgain) {
  WriterWorld world;
  world.BeginAll();
  world.SegmentAt("n1").Promise(EpochId{4, 1});
  world.SegmentAt("n2").Promise(EpochId{5, 1});
  world.Touch({1});
  EXPECT_THAT(Of<Outbid>(world.Deliver("n1")), SizeIs(1));
  EXPECT_THAT(Of<Outbid>(world.Deliver("n2")), SizeIs(1));
}

// Verbitski 2018, section 2.4: changing the locks on the door.
TEST(WriterTrust, ThreePromisesOfOnePgFenceForEver) {
  WriterWorld world({}, /*pgs=*/2);
  world.BeginAll();
  for (const char* name : {"n1", "n2", "n3"}) world.SegmentAt(name, 1).Promise(EpochId{4, 1});
  world.Touch({1, 11});
  std::vector<Fenced> fenced;
  for (const char* name : {"n1", "n2", "n3"}) {
    for (const auto& one : Of<Fenced>(world.Deliver(name))) fenced.push_back(one);
  }
  ASSERT_THAT(fenced, SizeIs(1));
  EXPECT_EQ(fenced[0].by, (EpochId{4, 1}));
  EXPECT_TRUE(world.writer.fenced());
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(900));
  const auto blocked = Of<MtrBlocked>(world.Touch({1}));
  ASSERT_THAT(blocked, SizeIs(1));
  EXPECT_EQ(blocked[0].why, MtrBlocked::Why::kFenced);
  EXPECT_EQ(world.writer.NextDeadline(), Instant::Never());
  EXPECT_THAT(world.Up("n1"), IsEmpty());
  EXPECT_THAT(world.Tick(Duration::Seconds(100)), IsEmpty());
}

TEST(WriterTrust, RefusalOfAnOlderPromiseIsFromThePast) {
  WriterWorld world;
  world.BeginAll();
  const Envelope from{model::kTimeline, world.memberships[0].pg, model::kEpoch, MembershipEpoch(1)};
  for (const std::string& name : kAllNodes) {
    world.Step(NodeAnswered{NodeId(name),
                            Refused{from, RefusalReason::kStaleEpoch, EpochId{2, 5}, {}, ""}});
  }
  EXPECT_FALSE(world.writer.fenced());
  EXPECT_THAT(BoxcarsTo(world.Touch({1})), SizeIs(6));
}

}  // namespace
}  // namespace hexad::quorum
