// A volume grows by a PG: created, begun, and written into the manifest, in that order, each at a
// write quorum. The crash tests stop at every message of a growth and ask what a successor would
// find.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "quorum/volume_writer.h"
#include "tests/model/writer_world.h"

namespace hexad::quorum {
namespace {

using model::BoxcarsTo;
using model::FakeSegment;
using model::kAllNodes;
using model::LoseAll;
using model::MembershipOf;
using model::Of;
using model::Sent;
using model::WriterWorld;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A world with one PG in use and the second one's nodes ready: `first_node` names them.
struct GrowingWorld : WriterWorld {
  explicit GrowingWorld(int first_node = 1, WriterOptions options = {}) : WriterWorld(options) {
    BeginAll();
    second = MembershipOf(1, first_node);
    AddPg(second, FakeSegment());
    for (int i = 7; i < first_node + 6; ++i) {
      Up("n" + std::to_string(i));
    }
  }
  std::vector<WriterEffect> Grow() { return Step(quorum::Grow{second}); }
  Membership second;
};

bool IsWritable(WriterWorld& world, uint32_t page) {
  return Of<MtrBlocked>(world.Touch({page})).empty();
}

TEST(WriterGrowth, NewPgIsUsableOnceTheManifestIsDurable) {
  GrowingWorld world;
  EXPECT_FALSE(IsWritable(world, 10));
  const auto creates = Sent<CreateSegment>(world.Grow());
  ASSERT_THAT(creates, SizeIs(6));
  EXPECT_EQ(creates[0].second.first_page, PageNo(10));
  EXPECT_EQ(creates[0].second.page_count, 10u);
  EXPECT_FALSE(IsWritable(world, 10));
  const auto effects = world.DeliverAll();
  const auto grown = Of<Grown>(effects);
  ASSERT_THAT(grown, SizeIs(1));
  EXPECT_EQ(grown[0].manifest.geometry_epoch, GeometryEpoch(2));
  ASSERT_THAT(grown[0].manifest.pgs, SizeIs(2));
  EXPECT_EQ(grown[0].manifest.pgs[1], world.second);
  EXPECT_EQ(world.writer.manifest(), grown[0].manifest);
  const auto quorum = Of<WriteQuorumChanged>(effects);
  ASSERT_THAT(quorum, SizeIs(1));
  EXPECT_EQ(quorum[0].pg, world.second.pg);

  EXPECT_TRUE(IsWritable(world, 10));
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(1901));
  for (const std::string& name : kAllNodes) {
    EXPECT_EQ(world.SegmentAt(name, 0).manifest()->geometry_epoch, GeometryEpoch(2));
    EXPECT_EQ(world.SegmentAt(name, 1).scl(), Lsn(1901));
  }
}

TEST(WriterGrowth, WritingGoesOnMeanwhile) {
  GrowingWorld world(/*first_node=*/7);
  world.Grow();
  EXPECT_TRUE(IsWritable(world, 3));
  for (const std::string& name : kAllNodes) world.Deliver(name);
  EXPECT_EQ(world.writer.vdl(), Lsn(1901));
  EXPECT_THAT(world.writer.Describe(), SizeIs(1));
  EXPECT_THAT(Of<Grown>(world.DeliverAll()), SizeIs(1));
}

TEST(WriterGrowth, ManifestWaitsForTheNewPgsWriteQuorum) {
  GrowingWorld world(/*first_node=*/7);
  world.Grow();
  for (const char* name : {"n7", "n8", "n9"}) {
    EXPECT_THAT(Sent<Begin>(world.Deliver(name)), SizeIs(1)) << "its own only";
  }
  const auto begins = Sent<Begin>(world.Deliver("n10"));
  ASSERT_THAT(begins, SizeIs(1 + 6));
  EXPECT_EQ(begins[1].second.manifest->geometry_epoch, GeometryEpoch(2));
  for (const char* name : {"n1", "n2", "n3"}) {
    EXPECT_THAT(Of<Grown>(world.Deliver(name)), IsEmpty());
  }
  EXPECT_THAT(Of<Grown>(world.Deliver("n4")), SizeIs(1));
}

// An answer to the Begin of a reconnection, still under way when the manifest was written, must not
// be counted for the manifest.
TEST(WriterGrowth, AnswersToEarlierBeginsDoNotCountForTheManifest) {
  GrowingWorld world(/*first_node=*/7);
  for (const std::string& name : kAllNodes) {
    world.Up(name);  // a Begin with the old manifest goes out,
    world.Handle(name);
    world.Hear(name, 0, /*keep=*/true);  // and its answer will come twice.
  }
  world.Grow();
  for (const char* name : {"n7", "n8", "n9", "n10"}) world.Deliver(name);
  for (const std::string& name : kAllNodes) {
    EXPECT_THAT(Of<Grown>(world.Hear(name)), IsEmpty());
    EXPECT_EQ(world.SegmentAt(name).manifest()->geometry_epoch, GeometryEpoch(1));
  }
  EXPECT_THAT(Of<Grown>(world.DeliverAll()), SizeIs(1));
}

TEST(WriterGrowth, EveryLostMessageIsRepeated) {
  WriterOptions options;
  GrowingWorld world(/*first_node=*/7, options);
  const auto effects = world.Grow();
  bool grown = false;
  for (int i = 0; i < 20 && !grown; ++i) {
    // Of all that is under way every other message of every node is lost.
    for (auto& [name, node] : world.nodes) {
      const bool lose = i % 2 == 0;
      if (lose && !node.requests.empty()) node.requests.pop_front();
      while (!node.requests.empty()) world.Handle(name);
      if (lose && !node.answers.empty()) node.answers.pop_front();
      while (!node.answers.empty()) grown |= !Of<Grown>(world.Hear(name)).empty();
    }
    world.Tick(options.resend_after);
  }
  EXPECT_TRUE(grown);
}

TEST(WriterGrowth, NodeThatConnectsLaterJoinsIn) {
  GrowingWorld world(/*first_node=*/7);
  for (const char* name : {"n7", "n8", "n9"}) world.Down(name);
  world.Grow();
  world.DeliverAll();
  EXPECT_FALSE(IsWritable(world, 10));
  EXPECT_THAT(Sent<CreateSegment>(world.Up("n8")), SizeIs(1));
  EXPECT_THAT(Of<Grown>(world.DeliverAll()), SizeIs(1));
  world.Up("n9");
  world.DeliverAll();
  EXPECT_TRUE(world.SegmentAt("n9", 1).begun());
}

// A contender that has sealed the first PG at three: the manifest cannot get its fourth, and no
// record can come into a PG that the contender does not know of.
TEST(WriterGrowth, SealedFirstPgStopsTheGrowth) {
  GrowingWorld world(/*first_node=*/7);
  world.Grow();
  for (const char* name : {"n1", "n2", "n3"}) world.SegmentAt(name).Promise(EpochId{4, 1});
  const auto effects = world.DeliverAll();
  EXPECT_THAT(Of<Grown>(effects), IsEmpty());
  EXPECT_THAT(Of<Fenced>(effects), SizeIs(1));
  EXPECT_FALSE(IsWritable(world, 10));
}

TEST(WriterGrowth, GrowsAgainAndAgain) {
  GrowingWorld world;
  world.Grow();
  world.DeliverAll();
  for (uint32_t i = 2; i < 5; ++i) {
    world.AddPg(MembershipOf(i), FakeSegment());
    world.Step(Grow{MembershipOf(i)});
    EXPECT_THAT(Of<Grown>(world.DeliverAll()), SizeIs(1));
  }
  world.Touch({5, 15, 25, 35, 45});
  world.DeliverAll();
  EXPECT_EQ(world.writer.vdl(), Lsn(1905));
  EXPECT_EQ(world.writer.manifest().geometry_epoch, GeometryEpoch(5));
}

TEST(WriterGrowth, TwoGrowthsAtOnceAreTheHostsBug) {
  GrowingWorld world;
  world.Grow();
  EXPECT_DEATH(world.Step(Grow{MembershipOf(2)}), "INVARIANT");
}

// The crash: after every number of delivered messages, one by one. A successor reads the manifest
// from any three segments of the first PG. If the writer had used the new PG, each three must know
// it; if they know of it, it must be there.
TEST(WriterGrowth, CrashAtEveryStepLeavesNoPgThatASuccessorCannotFind) {
  bool grew = false;
  for (size_t steps = 0; !grew; ++steps) {
    GrowingWorld world(/*first_node=*/7);
    world.Grow();
    size_t left = steps;
    for (bool moved = true; moved && left > 0;) {
      moved = false;
      for (auto& [name, node] : world.nodes) {
        if (left > 0 && !node.requests.empty()) {
          world.Handle(name);
          --left;
          moved = true;
        }
        if (left > 0 && !node.answers.empty()) {
          world.Hear(name);
          --left;
          moved = true;
        }
      }
    }
    grew = left > 0;  // nothing was left to crash in
    const bool used = IsWritable(world, 10);
    int know = 0;
    int there = 0;
    for (size_t i = 0; i < 6; ++i) {
      know += world.SegmentAt(kAllNodes[i]).manifest()->pgs.size() == 2 ? 1 : 0;
      there += world.SegmentAt("n" + std::to_string(7 + i), 1).begun() ? 1 : 0;
    }
    EXPECT_TRUE(!used || know >= 4) << "step " << steps << ": known to " << know;
    EXPECT_TRUE(know == 0 || there >= 4) << "step " << steps << ": there on " << there;
    EXPECT_TRUE(!grew || used);
    ASSERT_LT(steps, 1000u);
  }
}

}  // namespace
}  // namespace hexad::quorum
