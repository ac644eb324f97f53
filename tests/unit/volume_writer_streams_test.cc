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
using model::LoseAll;
using model::Of;
using model::Sent;
using model::StateOf;
using model::SubmitBytes;
using model::WriterWorld;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// ---- connections

TEST(WriterStreams, BeginGoesToEveryPgOfANodeAndTheManifestToTheFirstOnly) {
  WriterWorld world({}, /*pgs=*/2);
  const auto begins = Sent<Begin>(world.Up("n3"));
  ASSERT_THAT(begins, SizeIs(2));
  EXPECT_EQ(begins[0].second.to.pg, world.memberships[0].pg);
  EXPECT_TRUE(begins[0].second.manifest.has_value());
  EXPECT_EQ(begins[0].second.path.fork_tail(), Lsn(900));
  EXPECT_FALSE(begins[1].second.manifest.has_value());
  EXPECT_EQ(begins[1].second.path.fork_tail(), Lsn(890));
}

TEST(WriterStreams, UnansweredBeginIsRepeated) {
  WriterOptions options;
  WriterWorld world(options);
  world.Up("n1");
  LoseAll(world);
  EXPECT_EQ(world.writer.NextDeadline(), world.now + options.resend_after);
  EXPECT_THAT(Sent<Begin>(world.Tick(options.resend_after)), SizeIs(1));
  world.Deliver("n1");
  EXPECT_TRUE(StateOf(world, 0).begun);
  EXPECT_THAT(Sent<Begin>(world.Tick(options.resend_after)), IsEmpty());
}

TEST(WriterStreams, NothingIsSentBeforeBegun) {
  WriterWorld world;
  world.Up("n1");
  EXPECT_THAT(BoxcarsTo(world.Touch({1})), IsEmpty());
  EXPECT_THAT(BoxcarsTo(world.Deliver("n1")), ElementsAre("n1")) << "what it missed meanwhile";
}

TEST(WriterStreams, WriteQuorumIsToldWhenItComesAndGoes) {
  WriterWorld world;
  std::vector<WriteQuorumChanged> told;
  const auto keep = [&told](const std::vector<WriterEffect>& effects) {
    for (const auto& one : Of<WriteQuorumChanged>(effects)) told.push_back(one);
  };
  for (const char* name : {"n1", "n2", "n3"}) {
    keep(world.Up(name));
    keep(world.Deliver(name));
  }
  EXPECT_THAT(told, IsEmpty()) << "not ok, and never was";
  keep(world.Up("n4"));
  EXPECT_THAT(told, IsEmpty()) << "connected is not begun";
  keep(world.Deliver("n4"));
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_TRUE(told[0].ok);
  EXPECT_EQ(told[0].up, 4);
  EXPECT_EQ(told[0].need, 4);
  keep(world.Up("n5"));
  keep(world.Deliver("n5"));
  keep(world.Down("n1"));
  EXPECT_THAT(told, SizeIs(1)) << "still four";
  keep(world.Down("n2"));
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_FALSE(told[1].ok);
  EXPECT_EQ(told[1].up, 3);
}

TEST(WriterStreams, ReturningSegmentGetsWhatIsRetainedAboveItsScl) {
  WriterOptions options;
  options.boxcar_target_bytes = 1;
  WriterWorld world(options);
  world.BeginAll();
  world.Touch({1});
  world.DeliverAll();
  world.Down("n6");
  world.Touch({1});
  world.Touch({1});
  LoseAll(world);  // five lack them: they stay
  world.Up("n6");
  EXPECT_THAT(BoxcarsTo(world.Deliver("n6")), ElementsAre("n6", "n6"));
  EXPECT_EQ(world.SegmentAt("n6").scl(), Lsn(1903));
}

TEST(WriterStreams, WhatASegmentMissedWhileDownIsLeftToGossip) {
  WriterOptions options;
  options.member_queue_limit_bytes = 2500;
  WriterWorld world(options);
  world.BeginAll();
  world.Down("n6");
  for (int i = 0; i < 5; ++i) {
    SubmitBytes(world, 1000);
    world.DeliverAll();  // all that are up have it: dropped
  }
  world.Up("n6");
  EXPECT_THAT(BoxcarsTo(world.Deliver("n6")), IsEmpty());
  // What comes now it is sent, and keeps above the gap: what it missed does not fill its window.
  EXPECT_THAT(BoxcarsTo(SubmitBytes(world, 1000)), SizeIs(6));
  world.DeliverAll();
  EXPECT_EQ(world.SegmentAt("n6").scl(), Lsn(900));
  world.SegmentAt("n6").TakeFrom(world.SegmentAt("n1"));
  EXPECT_EQ(world.SegmentAt("n6").scl(), Lsn(1906));
}

// ---- resending

TEST(WriterStreams, FewerThanFourAcksAreMadeUpByResending) {
  WriterOptions options;
  WriterWorld world(options);
  world.BeginAll();
  world.Touch({1});
  for (const char* name : {"n1", "n2", "n3"}) world.Deliver(name);
  LoseAll(world);
  EXPECT_THAT(BoxcarsTo(world.Tick(options.resend_after - Duration::Nanos(1))), IsEmpty());
  EXPECT_THAT(BoxcarsTo(world.Tick(Duration::Nanos(1))), ElementsAre("n4", "n5", "n6"));
  world.Deliver("n4");
  EXPECT_EQ(world.writer.vdl(), Lsn(1901));
  // Two copies are missing still, but that is gossip's business.
  LoseAll(world);
  EXPECT_THAT(BoxcarsTo(world.Tick(options.resend_after * 8)), IsEmpty());
}

TEST(WriterStreams, ResendingWaitsLongerEachTimeAndStartsOverWithProgress) {
  WriterOptions options;
  options.heartbeat = Duration::Seconds(1000);
  WriterWorld world(options);
  world.BeginAll();
  world.Touch({1});
  std::vector<int64_t> waits;
  for (int i = 0; i < 4; ++i) {
    LoseAll(world);
    const Duration wait = world.writer.NextDeadline() - world.now;
    waits.push_back(wait.millis());
    EXPECT_THAT(BoxcarsTo(world.Tick(wait)), SizeIs(6));
  }
  EXPECT_THAT(waits, ElementsAre(500, 1000, 2000, 2000));
  world.DeliverAll();
  world.Touch({1});
  EXPECT_LE(world.writer.NextDeadline(), world.now + options.resend_after);
}

// A node that was stopped and goes on: it must not find the same megabytes over and over.
TEST(WriterStreams, ResendsInVainAreSmallAndOneAckOpensTheWindow) {
  WriterOptions options;
  options.boxcar_target_bytes = 1;
  WriterWorld world(options);
  world.BeginAll();
  for (int i = 0; i < 40; ++i) SubmitBytes(world, 64 << 10);  // 2.5 MiB
  LoseAll(world);
  EXPECT_THAT(BoxcarsTo(world.Tick(options.resend_after)), SizeIs(6 * 16)) << "1 MiB each";
  LoseAll(world);
  EXPECT_THAT(BoxcarsTo(world.Tick(options.resend_after * 2)), SizeIs(6 * 16));
  world.Handle("n1");
  EXPECT_THAT(BoxcarsTo(world.Hear("n1")), SizeIs(40 - 16)) << "all that was not sent again";
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(1940));
}

TEST(WriterStreams, SilentSegmentIsNotHurriedWhenSomethingNewIsSent) {
  WriterOptions options;
  WriterWorld world(options);
  world.BeginAll();
  for (int i = 0; i < 10; ++i) {  // n6 takes nothing; five others do
    world.Touch({1});
    for (const char* name : {"n1", "n2", "n3", "n4", "n5"}) world.Deliver(name);
    world.nodes["n6"].requests.clear();
    EXPECT_THAT(BoxcarsTo(world.Tick(options.resend_after * 3)), IsEmpty());
  }
  world.Touch({1});
  EXPECT_THAT(BoxcarsTo(world.Tick()), IsEmpty()) << "sent this very instant";
}

// ---- lag

TEST(WriterStreams, SegmentThatFallsBehindIsLeftToGossipAndComesBack) {
  WriterOptions options;
  options.boxcar_target_bytes = 1;
  options.member_queue_limit_bytes = 4000;
  options.retain_bytes = 6000;
  WriterWorld world(options);
  world.BeginAll();
  size_t sent_to_n6 = 0;
  for (int i = 0; i < 30; ++i) {  // 1 KiB each
    for (const auto& to : BoxcarsTo(SubmitBytes(world, 1000))) sent_to_n6 += to == "n6" ? 1 : 0;
    for (const char* name : {"n1", "n2", "n3", "n4", "n5"}) world.Deliver(name);
  }
  EXPECT_EQ(sent_to_n6, 4u) << "its queue is bounded";
  EXPECT_TRUE(StateOf(world, 5).lagging);
  EXPECT_EQ(world.writer.vdl(), Lsn(1930)) << "and nobody waited for it";

  // Its own queue does not bring it back: what follows is retained no more.
  world.Deliver("n6");
  EXPECT_TRUE(StateOf(world, 5).lagging);
  // Gossip does; the next heartbeat's ack says so.
  world.SegmentAt("n6").TakeFrom(world.SegmentAt("n1"));
  world.Tick(options.heartbeat);
  world.Deliver("n6");
  EXPECT_FALSE(StateOf(world, 5).lagging);
  EXPECT_EQ(StateOf(world, 5).scl, Lsn(1930));
  EXPECT_THAT(BoxcarsTo(SubmitBytes(world, 1000)), ElementsAre("n1", "n2", "n3", "n4", "n5", "n6"));
}

// Even where its vote is missed: what is retained does not attach to what it has.
TEST(WriterStreams, SegmentLeftToGossipIsNotResentTo) {
  WriterOptions options;
  options.boxcar_target_bytes = 1;
  options.member_queue_limit_bytes = 1500;
  options.retain_bytes = 0;
  WriterWorld world(options);
  world.BeginAll();
  for (int i = 0; i < 5; ++i) {
    SubmitBytes(world, 1000);
    for (const char* name : {"n1", "n2", "n3", "n4", "n5"}) world.Deliver(name);
  }
  world.nodes["n6"].requests.clear();
  for (const char* name : {"n4", "n5"}) world.Down(name);
  SubmitBytes(world, 1000);
  for (const char* name : {"n1", "n2", "n3"}) world.Deliver(name);
  EXPECT_THAT(BoxcarsTo(world.Tick(options.resend_after * 4)), IsEmpty());
  world.SegmentAt("n6").TakeFrom(world.SegmentAt("n1"));
  world.Deliver("n6");  // the heartbeat of that Tick
  EXPECT_EQ(world.writer.vdl(), Lsn(1906)) << "gossip had the last one too";
}

TEST(WriterStreams, SlowSegmentsThatAreNeededGetEverythingInWindows) {
  WriterOptions options;
  options.boxcar_target_bytes = 1;
  options.member_queue_limit_bytes = 4000;
  options.retain_bytes = 2000;
  WriterWorld world(options);
  world.BeginAll();
  for (const char* name : {"n1", "n2", "n3"}) world.Down(name);
  for (int i = 0; i < 30; ++i) {
    SubmitBytes(world, 1000);
    for (const char* name : {"n4", "n5"}) world.Deliver(name);
  }
  EXPECT_EQ(world.writer.vdl(), Lsn(900));
  world.Up("n1");
  world.Up("n2");
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(1930)) << "30 KB through windows of 4";
}

// ---- metrics

TEST(WriterStreams, AcksAreTimedByRank) {
  WriterWorld world;
  world.BeginAll();
  world.Touch({1});
  std::vector<int> ranks;
  for (const std::string& name : kAllNodes) {
    world.now = world.now + Duration::Millis(1);
    for (const auto& timed : Of<AckTimed>(world.Deliver(name))) {
      EXPECT_EQ(timed.after, Duration::Millis(timed.rank));
      ranks.push_back(timed.rank);
    }
  }
  EXPECT_THAT(ranks, ElementsAre(1, 2, 3, 4, 5, 6));
}

}  // namespace
}  // namespace hexad::quorum
