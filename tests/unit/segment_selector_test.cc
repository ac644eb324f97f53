// Read selection: complete segments only, the fastest first, failed ones last, and probes.
#include "quorum/segment_selector.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <vector>

namespace hexad::quorum {
namespace {

// Six members, up, whole up to 100, the i-th answering in (i + 1) ms.
SegmentSelector SixMeasured(uint64_t seed = 1) {
  SegmentSelector selector(6, seed);
  for (int member = 0; member < 6; ++member) {
    selector.SetUp(member, true);
    selector.SetScl(member, Lsn(100));
    selector.Observe(member, Duration::Millis(member + 1));
  }
  return selector;
}

std::map<int, int> PickMany(SegmentSelector& selector, Lsn complete_to, int times) {
  std::map<int, int> picks;
  for (int i = 0; i < times; ++i) {
    const auto member = selector.Pick(complete_to, MemberSet());
    if (member) ++picks[*member];
  }
  return picks;
}

TEST(SegmentSelector, AsksTheFastestAndNowAndThenAnother) {
  SegmentSelector selector = SixMeasured();
  constexpr int kPicks = 64 * 600;
  std::map<int, int> picks = PickMany(selector, Lsn(100), kPicks);
  // One pick in kProbeOneIn is a probe, and a sixth of those hits the fastest anyway.
  EXPECT_GT(picks[0], kPicks * 0.98);
  for (int member = 1; member < 6; ++member) EXPECT_NEAR(picks[member], 100, 50) << member;
}

TEST(SegmentSelector, NeverAsksAMemberThatIsNotComplete) {
  SegmentSelector selector = SixMeasured();
  selector.SetScl(0, Lsn(99));
  selector.SetScl(1, Lsn(99));
  std::map<int, int> picks = PickMany(selector, Lsn(100), 10'000);
  EXPECT_EQ(picks.count(0), 0u);
  EXPECT_EQ(picks.count(1), 0u);
  EXPECT_GT(picks[2], 9'500);
  // A quiet PG: an SCL far below the read point is complete if the PG's last record is no higher.
  EXPECT_GT(PickMany(selector, Lsn(99), 1000)[0], 900);
}

TEST(SegmentSelector, NeverAsksAMemberThatIsDownOrWasTried) {
  SegmentSelector selector = SixMeasured();
  selector.SetUp(0, false);
  EXPECT_EQ(PickMany(selector, Lsn(100), 1000).count(0), 0u);
  for (int tried = 1; tried < 6; ++tried) {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_EQ(selector.Pick(Lsn(100), MemberSet::FirstN(tried)), tried)
          << "a hedge takes the next fastest, and is never a probe";
    }
  }
  EXPECT_EQ(selector.Pick(Lsn(100), MemberSet::FirstN(6)), std::nullopt);
}

TEST(SegmentSelector, SaysSoIfNobodyIsComplete) {
  SegmentSelector selector = SixMeasured();
  EXPECT_EQ(selector.Pick(Lsn(101), MemberSet()), std::nullopt);
  EXPECT_EQ(SegmentSelector(6, 1).Pick(Lsn::None(), MemberSet()), std::nullopt) << "all down";
}

TEST(SegmentSelector, TriesAFailedMemberLastUntilItAnswers) {
  SegmentSelector selector = SixMeasured();
  selector.ObserveFailure(0);
  EXPECT_GT(PickMany(selector, Lsn(100), 1000)[1], 900);
  EXPECT_EQ(selector.Pick(Lsn(100), MemberSet(0b111110)), 0) << "last, but not never";
  selector.Observe(0, Duration::Millis(1));
  EXPECT_GT(PickMany(selector, Lsn(100), 1000)[0], 900);
}

// Only a probe can reach a failed member while others are well.
TEST(SegmentSelector, ProbesAFailedMemberSoThatItCanAnswer) {
  SegmentSelector selector = SixMeasured();
  selector.ObserveFailure(0);
  const std::map<int, int> picks = PickMany(selector, Lsn(100), 64 * 600);
  ASSERT_EQ(picks.count(0), 1u);
  EXPECT_NEAR(picks.at(0), 100, 50);
  EXPECT_EQ(selector.HedgeAfter(0), SegmentSelector::kMinHedge) << "a probe of it costs little";
}

TEST(SegmentSelector, ForgetsAFailureWhenTheMemberComesBack) {
  SegmentSelector selector = SixMeasured();
  selector.ObserveFailure(0);
  selector.SetUp(0, false);
  selector.SetUp(0, true);
  EXPECT_GT(PickMany(selector, Lsn(100), 1000)[0], 900);
}

TEST(SegmentSelector, AsksAMemberThatWasNeverMeasured) {
  SegmentSelector selector = SixMeasured();
  SegmentSelector fresh(6, 1);
  for (int member = 0; member < 6; ++member) {
    fresh.SetUp(member, true);
    fresh.SetScl(member, Lsn(100));
    if (member != 4) fresh.Observe(member, Duration::Micros(10));
  }
  EXPECT_GT(PickMany(fresh, Lsn(100), 100)[4], 90);
}

// A process that has just started must not send every PG's first read to the same node.
TEST(SegmentSelector, DrawsAmongEquals) {
  SegmentSelector selector(6, 1);
  for (int member = 0; member < 6; ++member) {
    selector.SetUp(member, true);
    selector.SetScl(member, Lsn(1));
  }
  const std::map<int, int> picks = PickMany(selector, Lsn(1), 6000);
  for (int member = 0; member < 6; ++member) EXPECT_NEAR(picks.at(member), 1000, 200);
}

TEST(SegmentSelector, FollowsAMemberThatBecomesSlow) {
  SegmentSelector selector = SixMeasured();
  for (int i = 0; i < 20; ++i) selector.Observe(0, Duration::Millis(50));
  EXPECT_GT(PickMany(selector, Lsn(100), 1000)[1], 900);
  EXPECT_GT(selector.HedgeAfter(0), Duration::Millis(50));
  for (int i = 0; i < 60; ++i) selector.Observe(0, Duration::Micros(500));
  EXPECT_GT(PickMany(selector, Lsn(100), 1000)[0], 900);
}

TEST(HedgeAfter, IsMeanPlusFourDeviationsWithinItsBounds) {
  SegmentSelector selector(6, 1);
  EXPECT_EQ(selector.HedgeAfter(0), SegmentSelector::kMinHedge) << "nothing known";
  selector.Observe(0, Duration::Millis(10));  // mean 10, deviation 5
  EXPECT_EQ(selector.HedgeAfter(0), Duration::Millis(30));
  selector.Observe(0, Duration::Millis(18));  // mean 11, deviation 5 + (8 - 5) / 4
  EXPECT_EQ(selector.HedgeAfter(0), Duration::Millis(11) + Duration::Micros(4 * 5750));
  for (int i = 0; i < 200; ++i) selector.Observe(0, Duration::Micros(100));
  EXPECT_EQ(selector.HedgeAfter(0), SegmentSelector::kMinHedge);
  selector.Observe(1, Duration::Seconds(30));
  EXPECT_EQ(selector.HedgeAfter(1), SegmentSelector::kMaxHedge);
}

TEST(SegmentSelector, DescribesItself) {
  SegmentSelector selector(3, 1);
  selector.SetUp(0, true);
  selector.SetScl(0, Lsn(104));
  selector.Observe(0, Duration::Micros(1200));
  selector.SetUp(1, true);
  selector.ObserveFailure(1);
  EXPECT_EQ(selector.Describe(),
            "A up scl 104 mean 1200 us dev 600 us\n"
            "B failed scl 0\n"
            "C down scl 0\n");
}

// What Pick may answer, stated without its order: up, complete, not tried; and somebody whenever
// somebody qualifies. Same seed, same answers.
RC_GTEST_PROP(SegmentSelector, PicksOnlyWhoQualifiesAndRepeatsItself, (uint64_t seed)) {
  SegmentSelector first(6, seed);
  SegmentSelector second(6, seed);
  std::vector<Lsn> scls(6);
  MemberSet up;
  for (int step = 0; step < 100; ++step) {
    const int member = *rc::gen::inRange(0, 6);
    const uint64_t number = *rc::gen::inRange(0, 10);
    const int action = *rc::gen::inRange(0, 4);
    for (SegmentSelector* selector : {&first, &second}) {
      if (action == 0) selector->SetScl(member, Lsn(number));
      if (action == 1) selector->SetUp(member, number > 3);
      if (action == 2) selector->Observe(member, Duration::Micros(static_cast<int64_t>(number)));
      if (action == 3) selector->ObserveFailure(member);
    }
    if (action == 0) scls[member] = Lsn(number);
    if (action == 1 && number > 3) up.Add(member);
    if (action == 1 && number <= 3) up.Remove(member);

    const Lsn complete_to(*rc::gen::inRange(0, 10));
    const MemberSet tried(static_cast<uint32_t>(*rc::gen::inRange(0, 64)));
    MemberSet qualified = up - tried;
    for (int m = 0; m < 6; ++m) {
      if (scls[m] < complete_to) qualified.Remove(m);
    }
    const auto pick = first.Pick(complete_to, tried);
    RC_ASSERT(pick == second.Pick(complete_to, tried));
    RC_ASSERT(pick.has_value() == !qualified.empty());
    if (pick) RC_ASSERT(qualified.Has(*pick));
  }
}

}  // namespace
}  // namespace hexad::quorum
