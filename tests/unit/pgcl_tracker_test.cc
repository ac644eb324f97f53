// PGCL beside a dumb twin that tries every set of members: all small SCL vectors, random acks, and
// the pictures.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "quorum/trackers.h"

namespace hexad::quorum {
namespace {

// The dumb twin: over every set of members that satisfies the rule, the best of its worst.
Lsn BestOfWorst(const QuorumExpr& write, const std::vector<Lsn>& scls) {
  Lsn best;
  for (uint32_t bits = 0; bits < (1u << scls.size()); ++bits) {
    if (!write.SatisfiedBy(MemberSet(bits))) continue;
    Lsn worst = Lsn::Max();
    for (size_t m = 0; m < scls.size(); ++m) {
      if (MemberSet(bits).Has(static_cast<int>(m))) worst = std::min(worst, scls[m]);
    }
    best = std::max(best, worst);
  }
  return best;
}

std::vector<QuorumExpr> Rules() {
  const MemberSet f = MemberSet::FirstN(6);  // ABCDEF
  const MemberSet g(0b1011111);              // ABCDEG
  const QuorumExpr four = QuorumExpr::KOf(4, f);
  return {four, QuorumExpr::KOf(3, MemberSet::FirstN(4)), QuorumExpr::KOf(1, MemberSet::FirstN(1)),
          QuorumExpr::And({four, QuorumExpr::KOf(4, g)}),
          QuorumExpr::Or({four, QuorumExpr::KOf(3, MemberSet(0b010101))})};
}

TEST(QuorumLsn, AgreesWithTheTwinForAllVectorsOfSevenSclsUpToThree) {
  for (const QuorumExpr& rule : Rules()) {
    for (uint32_t code = 0; code < (1u << 14); ++code) {
      std::vector<Lsn> scls;
      for (int m = 0; m < 7; ++m) scls.push_back(Lsn((code >> (2 * m)) & 3));
      ASSERT_EQ(QuorumLsn(rule, scls), BestOfWorst(rule, scls)) << rule.Describe() << " " << code;
    }
  }
}

RC_GTEST_PROP(QuorumLsn, OfFourOfSixIsTheFourthHighest, ()) {
  std::vector<Lsn> scls;
  for (int m = 0; m < 6; ++m) scls.push_back(Lsn(*rc::gen::arbitrary<uint64_t>()));
  std::vector<Lsn> sorted = scls;
  std::sort(sorted.rbegin(), sorted.rend());
  RC_ASSERT(QuorumLsn(QuorumSet::FourOfSix().write, scls) == sorted[3]);
}

TEST(QuorumLsn, IsNoneIfTheMembersThereAreCannotDoIt) {
  EXPECT_EQ(QuorumLsn(QuorumSet::FourOfSix().write, {Lsn(9), Lsn(9), Lsn(9)}), Lsn::None());
  EXPECT_EQ(QuorumLsn(QuorumSet::FourOfSix().write, {}), Lsn::None());
}

RC_GTEST_PROP(PgclTracker, AgreesWithRecomputingAndNeverMovesBack, ()) {
  const std::vector<QuorumExpr> rules = Rules();
  const QuorumExpr rule = rules[*rc::gen::inRange<size_t>(0, rules.size())];
  const Lsn start(*rc::gen::inRange(0, 5));
  PgclTracker tracker(rule, 7, start);
  std::vector<Lsn> scls(7);
  Lsn pgcl = start;
  for (int step = 0; step < 200; ++step) {
    const int member = *rc::gen::inRange(0, 7);
    const Lsn before = pgcl;
    if (*rc::gen::inRange(0, 20) == 0) {
      tracker.Distrust(member);
      scls[member] = Lsn::None();
    } else {
      const Lsn scl(*rc::gen::inRange(0, step + 2));
      scls[member] = std::max(scls[member], scl);
      pgcl = std::max(pgcl, BestOfWorst(rule, scls));
      RC_ASSERT(tracker.Ack(member, scl) == (pgcl > before));
    }
    RC_ASSERT(tracker.pgcl() == pgcl);
    RC_ASSERT(tracker.scls() == scls);
  }
}

PgclTracker SixMembersAt(const std::vector<uint64_t>& scls, uint64_t start) {
  PgclTracker tracker(QuorumSet::FourOfSix().write, 6, Lsn(start));
  for (size_t m = 0; m < scls.size(); ++m) tracker.Ack(static_cast<int>(m), Lsn(scls[m]));
  return tracker;
}

TEST(PgclTracker, DrawsTheSclsAndTheLineThatFourHaveReached) {
  EXPECT_EQ(SixMembersAt({106, 104, 104, 104, 103, 0}, 0).Describe(),
            "PGCL 104, write 4/6{ABCDEF}\n"
            "A =+>  106\n"
            "B =+   104\n"
            "C =+   104\n"
            "D =+   104\n"
            "E >|   103\n"
            "F  |   ?\n");
  EXPECT_EQ(SixMembersAt({12, 0, 12, 0, 12}, 5).Describe(),
            "PGCL 5, write 4/6{ABCDEF}\n"
            "A +>  12\n"
            "B |   ?\n"
            "C +>  12\n"
            "D |   ?\n"
            "E +>  12\n"
            "F |   ?\n");
  EXPECT_EQ(SixMembersAt({}, 0).Describe(),
            "PGCL 0, write 4/6{ABCDEF}\n"
            "A |  ?\nB |  ?\nC |  ?\nD |  ?\nE |  ?\nF |  ?\n");
  EXPECT_EQ(SixMembersAt({5, 4, 3, 2, 1, 6}, 0).Describe(),
            "PGCL 3, write 4/6{ABCDEF}\n"
            "A ==+=>   5\n"
            "B ==+>    4\n"
            "C ==+     3\n"
            "D =>|     2\n"
            "E > |     1\n"
            "F ==+==>  6\n");
}

}  // namespace
}  // namespace hexad::quorum
