// Which clones without a name are dropped, and when: never one that may still get its name, or that
// nobody can tell about.
#include "compute/host/orphan_clones.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

namespace hexad::compute {
namespace {

const FoundClone kDev{TimelineId(0xB), "dev", {PgId(1), PgId(2)}};
const FoundClone kTest{TimelineId(0xC), "test", {PgId(1)}};

// A watch that looks whenever a test says so, at names that a test decides.
class OrphanWatchTest : public ::testing::Test {
 protected:
  std::vector<FoundClone> Look(const std::vector<FoundClone>& found, int64_t at_seconds) {
    return watch_.ToDrop(found, Instant(1) + Duration::Seconds(at_seconds),
                         [this](const std::string& name) { return OwnerOf(name); });
  }
  absl::StatusOr<TimelineId> OwnerOf(const std::string& name) {
    const auto owner = owners_.find(name);
    return owner == owners_.end() ? absl::StatusOr<TimelineId>(TimelineId()) : owner->second;
  }

  OrphanWatch watch_;
  std::map<std::string, absl::StatusOr<TimelineId>> owners_;  // nobody's, if it is not here
};

using Clones = std::vector<FoundClone>;

TEST_F(OrphanWatchTest, ANamelessOneIsDroppedAfterAMinuteAndNotBefore) {
  EXPECT_EQ(Look({kDev}, 0), Clones{}) << "its creator may be about to name it";
  EXPECT_EQ(Look({kDev}, 59), Clones{});
  EXPECT_EQ(Look({kDev}, 60), Clones{kDev});
}

TEST_F(OrphanWatchTest, TheMinuteBeginsWhenThisWatchFirstSeesIt) {
  Look({}, 0);
  EXPECT_EQ(Look({kDev}, 100), Clones{});
  EXPECT_EQ(Look({kDev, kTest}, 130), Clones{});
  EXPECT_EQ(Look({kDev, kTest}, 160), Clones{kDev}) << "the other one has half a minute left";
  EXPECT_EQ(Look({kTest}, 190), Clones{kTest});
}

TEST_F(OrphanWatchTest, OneThatHasItsNameStaysForEver) {
  owners_.emplace("dev", kDev.timeline);
  for (const int64_t at : {0, 60, 3'600}) EXPECT_EQ(Look({kDev}, at), Clones{}) << at;
}

TEST_F(OrphanWatchTest, OneThatIsNamedInTimeBeginsAnew) {
  Look({kDev}, 0);
  owners_.emplace("dev", kDev.timeline);
  EXPECT_EQ(Look({kDev}, 59), Clones{});
  owners_.clear();  // it was dropped, and its segments are on their way out
  EXPECT_EQ(Look({kDev}, 61), Clones{});
  EXPECT_EQ(Look({kDev}, 120), Clones{});
  EXPECT_EQ(Look({kDev}, 121), Clones{kDev});
}

// Two creators wanted one name: who has it is decided, and the other one's clone is nobody's.
TEST_F(OrphanWatchTest, OneWhoseNameIsAnothersIsDroppedAtOnce) {
  owners_.emplace("dev", kTest.timeline);
  EXPECT_EQ(Look({kDev}, 0), Clones{kDev});
}

TEST_F(OrphanWatchTest, NotKnowingIsNoReasonToDrop) {
  owners_.emplace("dev", absl::UnavailableError("two of six nodes answered"));
  for (const int64_t at : {0, 60, 3'600}) EXPECT_EQ(Look({kDev}, at), Clones{}) << at;
}

// What nobody could tell about may have had its name in between.
TEST_F(OrphanWatchTest, NotKnowingForAMomentBeginsAnew) {
  Look({kDev}, 0);
  owners_.emplace("dev", absl::UnavailableError("two of six nodes answered"));
  Look({kDev}, 30);
  owners_.clear();
  EXPECT_EQ(Look({kDev}, 60), Clones{});
  EXPECT_EQ(Look({kDev}, 119), Clones{});
  EXPECT_EQ(Look({kDev}, 120), Clones{kDev});
}

// A node that is down keeps its part; the others wait for nobody.
TEST_F(OrphanWatchTest, OneThatCouldNotBeDroppedIsTriedAgainAtOnce) {
  Look({kDev, kTest}, 0);
  EXPECT_EQ(Look({kDev, kTest}, 60), (Clones{kDev, kTest}));
  EXPECT_EQ(Look({kDev, kTest}, 61), (Clones{kDev, kTest}));
  EXPECT_EQ(Look({kTest}, 62), Clones{kTest});
  EXPECT_EQ(Look({}, 63), Clones{});
  EXPECT_EQ(Look({kTest}, 64), Clones{}) << "it was gone, and another look finds it anew";
}

}  // namespace
}  // namespace hexad::compute
