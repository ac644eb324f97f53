// The retention floor: raised by a manifest at a write quorum of the first PG, and only then told
// as PGMRPL, so that whoever reads the manifest knows a bound on every GC floor (docs/fork.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/model/writer_world.h"

namespace hexad::model {
namespace {

using namespace quorum;  // NOLINT(google-build-using-namespace): the core's words
using testing::IsEmpty;
using testing::SizeIs;

Lsn PgmrplOf(WriterWorld& world) {
  const Lsn told = Sent<Append>(world.Touch({1}))[0].second.pgmrpl;
  world.DeliverAll();
  return told;
}

class WriterRetention : public testing::Test {
 protected:
  WriterRetention() {
    world.BeginAll();
    for (int i = 0; i < 10; ++i) PgmrplOf(world);  // 1901 to 1910
  }
  WriterWorld world;
};

TEST_F(WriterRetention, IsToldOnceAWriteQuorumKeepsIt) {
  world.Step(Retain{Lsn(1905), std::nullopt});
  for (const char* name : {"n1", "n2", "n3"}) {
    EXPECT_THAT(Of<Retained>(world.Deliver(name)), IsEmpty());
  }
  EXPECT_EQ(Sent<Append>(world.Touch({1}))[0].second.pgmrpl, Lsn()) << "three may be forgotten";
  const auto retained = Of<Retained>(world.DeliverAll());
  ASSERT_THAT(retained, SizeIs(1));
  EXPECT_EQ(retained[0].manifest.retained_from, Lsn(1905));
  EXPECT_EQ(PgmrplOf(world), Lsn(1905));
}

TEST_F(WriterRetention, CountsWhereItIsKeptNotWhereAManifestNamesIt) {
  for (const char* name : {"n1", "n2", "n3"}) world.SegmentAt(name).pinned_at = Lsn(1903);
  world.Step(Retain{Lsn(1905), std::nullopt});
  const auto retained = Of<Retained>(world.DeliverAll());
  ASSERT_THAT(retained, SizeIs(1)) << "the manifest itself is written";
  EXPECT_EQ(retained[0].manifest.retained_from, Lsn(1903)) << "a clone forks there";
  EXPECT_EQ(PgmrplOf(world), Lsn(1903));
  for (const char* name : {"n1", "n2", "n3"}) world.SegmentAt(name).pinned_at = Lsn::Max();
  world.Step(Retain{Lsn(1905), std::nullopt});
  world.DeliverAll();
  EXPECT_EQ(PgmrplOf(world), Lsn(1905)) << "and not for ever";
}

TEST_F(WriterRetention, NeverGoesBackNorAboveTheVdl) {
  world.Step(Retain{Lsn(9999), std::nullopt});
  world.DeliverAll();
  EXPECT_EQ(world.writer.manifest().retained_from, Lsn(1910));
  EXPECT_THAT(Of<Retained>(world.Step(Retain{Lsn(1900), std::nullopt})), IsEmpty());
  world.DeliverAll();
  EXPECT_EQ(world.writer.manifest().retained_from, Lsn(1910));
}

TEST_F(WriterRetention, WhatIsAskedMeanwhileFollows) {
  world.Step(Retain{Lsn(1902), std::nullopt});
  world.Step(Retain{Lsn(1903), Retention{1000, 0}});
  world.Step(Retain{Lsn(1904), std::nullopt});
  EXPECT_THAT(Of<Retained>(world.DeliverAll()), SizeIs(2));
  EXPECT_EQ(world.writer.manifest().retained_from, Lsn(1904));
  EXPECT_EQ(world.writer.manifest().retention, (Retention{1000, 0}));
}

TEST_F(WriterRetention, AndGrowthTakeTurns) {
  Membership second = MembershipOf(1);
  world.AddPg(second, FakeSegment());
  world.Step(Retain{Lsn(1902), std::nullopt});
  world.Step(Grow{second});
  world.Step(Retain{Lsn(1903), std::nullopt});
  const auto effects = world.DeliverAll();
  EXPECT_THAT(Of<Grown>(effects), SizeIs(1));
  EXPECT_EQ(world.writer.manifest().pgs.size(), 2u);
  EXPECT_EQ(world.writer.manifest().retained_from, Lsn(1903));
}

}  // namespace
}  // namespace hexad::model
