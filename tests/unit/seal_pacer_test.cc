// When a boxcar leaves: at once if nothing is on its way, and together with those who come again.
#include "quorum/seal_pacer.h"

#include <gtest/gtest.h>

namespace hexad::quorum {
namespace {

constexpr Duration kLongest = Duration::Millis(2);

Instant At(int64_t micros) { return Instant(micros * 1000); }

TEST(SealPacer, AnIdleLaneNeverWaits) {
  SealPacer pacer(kLongest);
  EXPECT_TRUE(pacer.MayLeave(1, At(0)));
  pacer.Left();
  pacer.QuorumReached(1, /*open=*/0, At(0), At(1000));  // a client alone
  EXPECT_EQ(pacer.deadline(), Instant::Never());
  EXPECT_TRUE(pacer.MayLeave(1, At(1000)));
}

TEST(SealPacer, WaitsForMostOfWhatArrived_AQuarterOfTheRoundAtTheLongest) {
  SealPacer pacer(kLongest);
  pacer.QuorumReached(8, 8, At(0), At(1000));
  EXPECT_EQ(pacer.deadline(), At(1250));
  EXPECT_FALSE(pacer.MayLeave(8, At(1000)));
  EXPECT_FALSE(pacer.MayLeave(14, At(1249)));
  EXPECT_TRUE(pacer.MayLeave(15, At(1249)));
  EXPECT_EQ(pacer.deadline(), Instant::Never());

  pacer.QuorumReached(8, 8, At(2000), At(3000));
  EXPECT_FALSE(pacer.MayLeave(8, At(3249)));
  EXPECT_TRUE(pacer.MayLeave(8, At(3250)));
}

TEST(SealPacer, ASlowRoundIsNoReasonToWaitForLong) {
  SealPacer pacer(kLongest);
  pacer.QuorumReached(1, 1, At(0), At(900'000));  // it was sent again
  EXPECT_EQ(pacer.deadline(), At(900'000) + kLongest);
}

TEST(SealPacer, CanBeTurnedOff) {
  SealPacer pacer{Duration()};
  pacer.QuorumReached(1, 1, At(0), At(1000));
  EXPECT_TRUE(pacer.MayLeave(1, At(1000)));
}

// Nobody comes again: the k-th wait in vain is followed by 2^(k-1) rounds without one, up to 64.
TEST(SealPacer, WaitsInVainBecomeRare_UntilOneIsWorthIt) {
  SealPacer pacer(kLongest);
  int64_t now = 0;
  const auto waits = [&] {
    now += 2000;
    pacer.QuorumReached(1, 1, At(now - 1000), At(now));
    return !pacer.MayLeave(1, At(now));
  };
  for (int without : {1, 2, 4, 8, 16, 32, 64, 64, 64}) {
    ASSERT_TRUE(waits());
    EXPECT_TRUE(pacer.MayLeave(1, pacer.deadline()));
    for (int round = 0; round < without; ++round) ASSERT_FALSE(waits()) << without;
  }
  ASSERT_TRUE(waits());
  EXPECT_TRUE(pacer.MayLeave(2, At(now + 1)));
  ASSERT_TRUE(waits());
  EXPECT_TRUE(pacer.MayLeave(1, pacer.deadline()));
  ASSERT_FALSE(waits());
  ASSERT_TRUE(waits()) << "one success, and it starts anew";
}

}  // namespace
}  // namespace hexad::quorum
