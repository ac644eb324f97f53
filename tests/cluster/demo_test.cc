// The demo from nothing, and again on the cluster that it left: what quickstart promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cluster/scratch_cluster.h"

namespace hexad::cluster_test {
namespace {

using testing::HasSubstr;

TEST(Demo, LosesANodeAZoneAndItsWriterAndNothingElseTwice) {
  const ScratchFolder folder;
  for (const char* round : {"first", "second"}) {
    const Outcome demo = folder.Run({"demo"}, 250);
    ASSERT_EQ(demo.exit_code, 0) << round << "\n" << demo.Said();
    for (const char* step :
         {"cluster up", "load", "n3 killed", "n3 restarted", "az b killed", "az b restarted",
          "writer killed", "writer recovered", "verified", "compared"}) {
      EXPECT_THAT(demo.out, HasSubstr(step)) << round;
    }
    EXPECT_THAT(demo.out, HasSubstr(" 0 missing, 0 partly there"));
    EXPECT_THAT(demo.out, HasSubstr("all 6 segments equal"));
  }
  const Outcome status = folder.Run({"doctor"});
  EXPECT_EQ(status.exit_code, 0) << "the cluster is left up and whole\n" << status.Said();
}

}  // namespace
}  // namespace hexad::cluster_test
