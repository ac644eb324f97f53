// Random schedules of a whole volume: crashes, power cuts, contenders, broken streams, full disks,
// lost gossip, growth, coalescing. Seeds are fixed, so a failure is a bug report; a longer run:
//   HEXAD_SEEDS=1000 HEXAD_FIRST_SEED=1 build/bin/model_volume_world_test
#include "tests/model/volume_world.h"

#include <cstdlib>
#include <iostream>

#include "gtest/gtest.h"

namespace hexad::model {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(VolumeWorld, NothingAcknowledgedIsLostAndAllSegmentsConverge) {
  const uint64_t first = FromEnvironment("HEXAD_FIRST_SEED", 1);
  const uint64_t seeds = FromEnvironment("HEXAD_SEEDS", 40);
  VolumeWorld::Outcome total;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    WorldOptions options;
    options.seed = seed;
    VolumeWorld world(options);
    world.Run(6000);
    ASSERT_EQ(world.outcome().failure, "") << "seed " << seed;
    total.mtrs_acked += world.outcome().mtrs_acked;
    total.openings += world.outcome().openings;
    total.crashes += world.outcome().crashes;
    total.coalescings += world.outcome().coalescings;
    total.grown += world.outcome().grown;
    total.fenced += world.outcome().fenced;
  }
  std::cout << seeds << " seeds: " << total.mtrs_acked << " MTRs acknowledged, " << total.openings
            << " openings, " << total.crashes << " node crashes, " << total.coalescings
            << " coalescings, " << total.grown << " PGs grown, " << total.fenced << " fenced\n";
  // A world in which nothing happens proves nothing.
  EXPECT_GT(total.mtrs_acked, static_cast<int>(20 * seeds));
  EXPECT_GT(total.openings, static_cast<int>(2 * seeds));
  EXPECT_GT(total.crashes, static_cast<int>(seeds));
  EXPECT_GT(total.coalescings, static_cast<int>(seeds));
  EXPECT_GT(total.grown, static_cast<int>(seeds / 2));
  EXPECT_GT(total.fenced, 0);
}

TEST(VolumeWorld, EqualSeedsGiveEqualTraces) {
  WorldOptions options;
  options.seed = 7;
  VolumeWorld one(options);
  VolumeWorld two(options);
  one.Run(1500);
  two.Run(1500);
  EXPECT_EQ(one.outcome().trace, two.outcome().trace);
}

}  // namespace
}  // namespace hexad::model
