// The small parts of the compute core: histogram, read pins, quorum watch, user errors.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "compute/core/histogram.h"
#include "compute/core/quorum_watch.h"
#include "compute/core/read_pins.h"
#include "compute/core/user_error.h"

namespace hexad::compute {
namespace {

RC_GTEST_PROP(HistogramTwin, APercentileIsWithinThreePercentAboveTheExactOne, ()) {
  auto samples = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<uint64_t>>(rc::gen::inRange<uint64_t>(0, 2'000'000)));
  Histogram histogram;
  for (const uint64_t sample : samples) histogram.Add(sample);
  std::sort(samples.begin(), samples.end());
  for (const uint64_t per_ten_thousand : {1, 2'500, 5'000, 9'900, 9'990, 10'000}) {
    const size_t rank = std::max<size_t>(1, (samples.size() * per_ten_thousand + 9'999) / 10'000);
    const uint64_t exact = samples[rank - 1];
    const uint64_t got = histogram.Percentile(per_ten_thousand);
    RC_ASSERT(got >= exact);
    RC_ASSERT(got <= exact + exact / 32 + 1);
  }
  RC_ASSERT(histogram.max() == samples.back());
  RC_ASSERT(histogram.sum() == std::accumulate(samples.begin(), samples.end(), uint64_t{0}));
}

RC_GTEST_PROP(HistogramTwin, CountsBetweenBoundsThatAreBucketEnds, ()) {
  const auto samples =
      *rc::gen::container<std::vector<uint64_t>>(rc::gen::inRange<uint64_t>(0, 9'000));
  Histogram histogram;
  for (const uint64_t sample : samples) histogram.Add(sample);
  const std::vector<uint64_t> bounds = {0, 10, 63, 127, 1'023, 4'095};
  std::vector<uint64_t> expected(bounds.size() + 1, 0);
  for (const uint64_t sample : samples) {
    ++expected[static_cast<size_t>(std::lower_bound(bounds.begin(), bounds.end(), sample) -
                                   bounds.begin())];
  }
  RC_ASSERT(histogram.CountsBetween(bounds) == expected);
}

TEST(HistogramTest, TakesWhatIsBeyondItsLastBucket) {
  Histogram histogram;
  EXPECT_EQ(histogram.Percentile(5'000), 0u);
  histogram.Add(uint64_t{1} << 60);
  histogram.Add(0);
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.max(), uint64_t{1} << 60);
  EXPECT_EQ(histogram.Percentile(5'000), 0u);
  EXPECT_EQ(histogram.Percentile(10'000), uint64_t{1} << 60);
}

TEST(ReadPins, TheLowestPinCounts) {
  ReadPins pins;
  EXPECT_TRUE(pins.lowest().IsNone());
  EXPECT_TRUE(pins.Add(Lsn(20)));
  EXPECT_FALSE(pins.Add(Lsn(30)));
  EXPECT_TRUE(pins.Add(Lsn(10)));
  EXPECT_FALSE(pins.Add(Lsn(10)));
  EXPECT_FALSE(pins.Remove(Lsn(10))) << "pinned twice";
  EXPECT_TRUE(pins.Remove(Lsn(10)));
  EXPECT_EQ(pins.lowest(), Lsn(20));
  EXPECT_FALSE(pins.Remove(Lsn(30)));
  EXPECT_TRUE(pins.Remove(Lsn(20)));
  EXPECT_TRUE(pins.lowest().IsNone());
}

TEST(ReadPins, AReadPointOfTheEmptyVolumeHidesNoOther) {
  ReadPins pins;
  EXPECT_FALSE(pins.Add(Lsn::None()));
  EXPECT_TRUE(pins.Add(Lsn(20)));
  EXPECT_EQ(pins.lowest(), Lsn(20));
  EXPECT_TRUE(pins.Remove(Lsn(20)));
  EXPECT_FALSE(pins.Remove(Lsn::None()));
  EXPECT_EQ(pins.size(), 0U);
}

Instant At(int64_t ms) { return Instant() + Duration::Millis(ms); }

TEST(QuorumWatch, WaitsOutAMomentAndThenSaysReadOnly) {
  QuorumWatch watch;
  watch.Changed({.ok = false, .pg = PgId(7), .up = 3, .need = 4}, At(0));
  EXPECT_EQ(watch.ReadOnlyReason(At(1999)), std::nullopt);
  EXPECT_EQ(watch.NextDeadline(At(1999)), At(2000));
  ASSERT_TRUE(watch.ReadOnlyReason(At(2000)).has_value());
  EXPECT_NE(watch.ReadOnlyReason(At(2000))->find("3 of the 4"), std::string::npos);
  EXPECT_EQ(watch.NextDeadline(At(2000)), Instant::Never());
}

TEST(QuorumWatch, CountsFromTheFirstLossAndPerPg) {
  QuorumWatch watch;
  watch.Changed({.ok = false, .pg = PgId(7), .up = 3, .need = 4}, At(0));
  watch.Changed({.ok = false, .pg = PgId(7), .up = 2, .need = 4}, At(1500));
  watch.Changed({.ok = false, .pg = PgId(8), .up = 3, .need = 4}, At(1600));
  EXPECT_TRUE(watch.ReadOnlyReason(At(2000)).has_value());
  watch.Changed({.ok = true, .pg = PgId(7)}, At(2100));
  EXPECT_FALSE(watch.ReadOnlyReason(At(2100)).has_value());
  EXPECT_TRUE(watch.ReadOnlyReason(At(3600)).has_value()) << "PG 8 still lacks its quorum";
  watch.Changed({.ok = true, .pg = PgId(8)}, At(3700));
  EXPECT_FALSE(watch.ReadOnlyReason(At(9000)).has_value());
}

TEST(QuorumWatch, NamesTheNodesWhoseDisksAreFull) {
  QuorumWatch watch;
  quorum::WriteQuorumChanged lost{.ok = false, .pg = PgId(7), .up = 3, .need = 4};
  lost.disk_full = {NodeId("n1")};
  watch.Changed(lost, At(0));
  EXPECT_EQ(watch.ReadOnlyReason(At(2000)),
            "no write quorum, disk is full (n1): PG 7 has 3 of the 4 segments that a write needs, "
            "since 2000 ms");
  lost.up = 2;
  lost.disk_full.push_back(NodeId("n3"));
  watch.Changed(lost, At(2000));
  EXPECT_NE(watch.ReadOnlyReason(At(2500))->find("disks are full (n1, n3): PG 7 has 2 of"),
            std::string::npos);
}

TEST(QuorumWatch, APgThatNeverHasItsQuorumIsLost) {
  QuorumWatch watch;
  quorum::Membership pg;
  pg.pg = PgId(7);
  pg.write = 4;
  watch.Expect(pg, At(0));
  EXPECT_EQ(watch.ReadOnlyReason(At(1999)), std::nullopt) << "it has just begun";
  EXPECT_EQ(watch.NextDeadline(At(10)), At(2000));
  ASSERT_TRUE(watch.ReadOnlyReason(At(2000)).has_value());
  EXPECT_NE(watch.ReadOnlyReason(At(2000))->find("fewer than the 4 segments"), std::string::npos);
  watch.Changed({.ok = false, .pg = PgId(7), .up = 3, .need = 4}, At(2500));
  EXPECT_NE(watch.ReadOnlyReason(At(2500))->find("3 of the 4 segments"), std::string::npos)
      << "still the same loss";
  watch.Changed({.ok = true, .pg = PgId(7)}, At(3000));
  EXPECT_EQ(watch.ReadOnlyReason(At(9000)), std::nullopt);
}

TEST(UserErrorTest, TheFirstWordSurvivesEveryWire) {
  for (const UserError error :
       {UserError::kRetry, UserError::kReadOnly, UserError::kCommitUnknown, UserError::kFenced}) {
    const absl::Status status = MakeUserError(error, "volume main, epoch 3");
    EXPECT_EQ(UserErrorOf(status), error);
    EXPECT_EQ(UserErrorOf(absl::Status(absl::StatusCode::kInternal, status.message())), error);
    EXPECT_TRUE(std::string(status.message()).starts_with(NameOf(error)));
  }
  EXPECT_EQ(UserErrorOf(absl::OkStatus()), UserError::kNone);
  EXPECT_EQ(UserErrorOf(absl::InvalidArgumentError("RETRYING is not a user error")),
            UserError::kNone);
}

}  // namespace
}  // namespace hexad::compute
