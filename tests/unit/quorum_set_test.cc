// Quorum sets: the arithmetic of "k of n", expressions against a dumb twin, overlap proofs with a
// broken rule for each kind, and slack. A membership change is proved step by step
// (Verbitski 2018, section 4.1).
#include "quorum/quorum_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace hexad::quorum {
namespace {

using ::testing::HasSubstr;

MemberSet Set(const std::string& letters) {
  MemberSet set;
  for (const char c : letters) set.Add(c - 'A');
  return set;
}

QuorumExpr Of(int k, const std::string& letters) { return QuorumExpr::KOf(k, Set(letters)); }

// ---- expressions -------------------------------------------------------------------------------

// The dumb twin of an expression: a tree that counts by hand.
struct Tree {
  enum class Op { kKOf, kAnd, kOr } op = Op::kKOf;
  int k = 1;
  std::vector<int> of;
  std::vector<Tree> parts;

  bool Holds(uint32_t present) const {
    int count = 0;
    if (op == Op::kKOf) {
      for (const int member : of) count += (present >> member) & 1;
      return count >= k;
    }
    for (const Tree& part : parts) count += part.Holds(present) ? 1 : 0;
    return op == Op::kAnd ? count == static_cast<int>(parts.size()) : count > 0;
  }

  QuorumExpr Expr() const {
    if (op == Op::kKOf) {
      MemberSet set;
      for (const int member : of) set.Add(member);
      return QuorumExpr::KOf(k, set);
    }
    std::vector<QuorumExpr> exprs;
    for (const Tree& part : parts) exprs.push_back(part.Expr());
    return op == Op::kAnd ? QuorumExpr::And(exprs) : QuorumExpr::Or(exprs);
  }
};

// A random tree over `members` members, at most `depth` operators deep.
Tree AnyTree(int members, int depth) {
  Tree tree;
  const int shape = depth == 0 ? 0 : *rc::gen::inRange(0, 3);
  tree.op = static_cast<Tree::Op>(shape);
  if (tree.op == Tree::Op::kKOf) {
    for (int m = 0; m < members; ++m) {
      if (*rc::gen::inRange(0, 3) != 0) tree.of.push_back(m);
    }
    if (tree.of.empty()) tree.of.push_back(*rc::gen::inRange(0, members));
    tree.k = *rc::gen::inRange(1, static_cast<int>(tree.of.size()) + 1);
  } else {
    const int parts = *rc::gen::inRange(1, 4);
    for (int p = 0; p < parts; ++p) tree.parts.push_back(AnyTree(members, depth - 1));
  }
  return tree;
}

RC_GTEST_PROP(QuorumExpr, SatisfiedByAgreesWithCountingByHand, ()) {
  const Tree tree = AnyTree(7, 2);
  const QuorumExpr expr = tree.Expr();
  for (uint32_t present = 0; present < (1u << 7); ++present) {
    RC_ASSERT(expr.SatisfiedBy(MemberSet(present)) == tree.Holds(present));
  }
}

// QuorumLsn, FindDisjoint and Slack all lean on it.
RC_GTEST_PROP(QuorumExpr, AddingAMemberNeverBreaksIt, ()) {
  const QuorumExpr expr = AnyTree(7, 2).Expr();
  for (uint32_t present = 0; present < (1u << 7); ++present) {
    if (!expr.SatisfiedBy(MemberSet(present))) continue;
    for (int member = 0; member < 7; ++member) {
      RC_ASSERT(expr.SatisfiedBy(MemberSet(present | (1u << member))));
    }
  }
}

TEST(QuorumExpr, DescribesItself) {
  const QuorumExpr change = QuorumExpr::And({Of(4, "ABCDEF"), Of(4, "ABCDEG")});
  EXPECT_EQ(Of(4, "ABCDEF").Describe(), "4/6{ABCDEF}");
  EXPECT_EQ(change.Describe(), "4/6{ABCDEF} AND 4/6{ABCDEG}");
  EXPECT_EQ(QuorumExpr::Or({change, Of(3, "ACE")}).Describe(),
            "(4/6{ABCDEF} AND 4/6{ABCDEG}) OR 3/3{ACE}");
  EXPECT_EQ(change.members(), Set("ABCDEFG"));
}

TEST(QuorumExprDeathTest, RefusesRulesThatHoldForNobodyOrForEverybody) {
  EXPECT_DEATH(Of(0, "AB"), "INVARIANT");
  EXPECT_DEATH(Of(3, "AB"), "INVARIANT");
  EXPECT_DEATH(QuorumExpr::And({}), "INVARIANT");
  EXPECT_DEATH(QuorumExpr::Or({}), "INVARIANT");
  EXPECT_DEATH(QuorumExpr().SatisfiedBy(Set("ABCDEF")), "INVARIANT");
}

// ---- k of n ------------------------------------------------------------------------------------

TEST(KOfN, TakesExactlyTheMajoritiesAndDerivesTheReadQuorum) {
  for (int of = -1; of <= kMaxMembers + 2; ++of) {
    for (int write = -1; write <= kMaxMembers + 2; ++write) {
      const bool legal = of >= 1 && of <= kMaxMembers && write <= of && 2 * write > of;
      const auto set = QuorumSet::KOfN(write, of);
      ASSERT_EQ(set.ok(), legal) << write << "/" << of;
      if (!legal) {
        EXPECT_EQ(set.status().code(), absl::StatusCode::kInvalidArgument);
        continue;
      }
      const MemberSet fewest = MemberSet::FirstN(of - write + 1);
      EXPECT_TRUE(set->CanRead(fewest));
      EXPECT_FALSE(set->CanRead(MemberSet::FirstN(of - write)));
      EXPECT_TRUE(set->CanWrite(MemberSet::FirstN(write)));
      EXPECT_FALSE(set->CanWrite(MemberSet::FirstN(write - 1)));
    }
  }
}

TEST(KOfN, EveryLegalSetOverlaps) {
  for (int of = 1; of <= 9; ++of) {
    for (int write = of / 2 + 1; write <= of; ++write) {
      EXPECT_TRUE(ProveOverlap(*QuorumSet::KOfN(write, of)).ok()) << write << "/" << of;
    }
  }
}

TEST(KOfN, HugeNumbersFromOutsideAreRefused) {
  EXPECT_FALSE(QuorumSet::KOfN(2147483647, 2147483647).ok());
  EXPECT_FALSE(QuorumSet::KOfN(2147483647, 6).ok());
}

// ---- overlap -----------------------------------------------------------------------------------

// The dumb twin: every pair of sets, smallest total size; nothing if all pairs meet.
int SmallestDisjointSize(const QuorumExpr& a, const QuorumExpr& b, int members) {
  int smallest = -1;
  for (uint32_t x = 0; x < (1u << members); ++x) {
    for (uint32_t y = 0; y < (1u << members); ++y) {
      if ((x & y) != 0 || !a.SatisfiedBy(MemberSet(x)) || !b.SatisfiedBy(MemberSet(y))) continue;
      const int size = MemberSet(x | y).size();
      if (smallest < 0 || size < smallest) smallest = size;
    }
  }
  return smallest;
}

RC_GTEST_PROP(FindDisjoint, AgreesWithTryingEveryPair, ()) {
  const QuorumExpr a = AnyTree(6, 2).Expr();
  const QuorumExpr b = AnyTree(6, 2).Expr();
  const int expected = SmallestDisjointSize(a, b, 6);
  const auto found = FindDisjoint(a, b);
  RC_ASSERT(found.has_value() == (expected >= 0));
  if (!found) return;
  RC_ASSERT(a.SatisfiedBy(found->a) && b.SatisfiedBy(found->b));
  RC_ASSERT((found->a & found->b).empty());
  RC_ASSERT(found->a.size() + found->b.size() == expected);
}

// Every rule "k of these" over four members against every AND and OR of two such rules.
TEST(FindDisjoint, AgreesWithTryingEveryPairForAllSmallRules) {
  std::vector<QuorumExpr> rules;
  for (uint32_t of = 1; of < 16; ++of) {
    for (int k = 1; k <= MemberSet(of).size(); ++k) {
      rules.push_back(QuorumExpr::KOf(k, MemberSet(of)));
    }
  }
  ASSERT_EQ(rules.size(), 32u);
  for (const QuorumExpr& x : rules) {
    for (const QuorumExpr& y : rules) {
      for (const QuorumExpr& b : {QuorumExpr::And({x, y}), QuorumExpr::Or({x, y})}) {
        for (const QuorumExpr& a : rules) {
          const auto found = FindDisjoint(a, b);
          const int size = found ? found->a.size() + found->b.size() : -1;
          ASSERT_EQ(size, SmallestDisjointSize(a, b, 4)) << a.Describe() << "  " << b.Describe();
        }
      }
    }
  }
}

TEST(ProveOverlap, NamesTheTwoSetsThatMiss) {
  const absl::Status writes = ProveOverlap(QuorumSet{Of(3, "ABCDEF"), Of(4, "ABCDEF")});
  EXPECT_EQ(writes.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(writes.message(), HasSubstr("write and write quorums do not meet: ABC"));
  EXPECT_THAT(writes.message(), HasSubstr("and DEF"));
  const absl::Status reads = ProveOverlap(QuorumSet{Of(4, "ABCDEF"), Of(2, "ABCDEF")});
  EXPECT_THAT(reads.message(), HasSubstr("write and read quorums do not meet"));
}

// Three full and three tail segments (Verbitski 2018, section 4.2).
TEST(ProveOverlap, HoldsForFullAndTailSegments) {
  const QuorumExpr write = QuorumExpr::Or({Of(4, "ABCDEF"), Of(3, "ACE")});
  const QuorumExpr read = QuorumExpr::And({Of(3, "ABCDEF"), Of(1, "ACE")});
  EXPECT_TRUE(ProveOverlap(QuorumSet{write, read}).ok());
  // Without the full segment in the read rule, BDF would miss a write to ACE.
  EXPECT_FALSE(ProveOverlap(QuorumSet{write, Of(3, "ABCDEF")}).ok());
}

// ---- membership change, step by step -----------------------------------------------------------

// F is suspected, G joins. While G fills, G answers no recovery read; once it is full it does.
const QuorumSet kF{Of(4, "ABCDEF"), Of(3, "ABCDEF")};
const QuorumSet kG{Of(4, "ABCDEG"), Of(3, "ABCDEG")};
QuorumSet BothFilling() { return {QuorumExpr::And({kF.write, kG.write}), kF.read}; }
QuorumSet BothFull() { return {BothFilling().write, QuorumExpr::Or({kF.read, kG.read})}; }

TEST(MembershipChange, EveryStepForwardAndBackOverlaps) {
  EXPECT_TRUE(ProveOverlap(kF, BothFilling()).ok());
  EXPECT_TRUE(ProveOverlap(BothFilling(), BothFull()).ok());
  EXPECT_TRUE(ProveOverlap(BothFull(), kG).ok());     // forward
  EXPECT_TRUE(ProveOverlap(BothFull(), kF).ok());     // back, late
  EXPECT_TRUE(ProveOverlap(BothFilling(), kF).ok());  // back, early
}

TEST(MembershipChange, EachShortcutIsCaught) {
  // From F to G at once: CDEF wrote, ABG reads.
  const absl::Status at_once = ProveOverlap(kF, kG);
  EXPECT_THAT(at_once.message(), HasSubstr("write and later read quorums do not meet"));
  // G counted as an answer before it is full.
  EXPECT_FALSE(ProveOverlap(kF, BothFull()).ok());
  // G full, but the change declared done while writes still needed only the old set.
  EXPECT_FALSE(ProveOverlap(QuorumSet{kF.write, kF.read}, kG).ok());
  // A dual write rule that is satisfied by either set.
  const QuorumSet either{QuorumExpr::Or({kF.write, kG.write}), kF.read};
  EXPECT_FALSE(ProveOverlap(kF, either).ok());
  // Three of six would do.
  EXPECT_FALSE(ProveOverlap(QuorumSet{Of(3, "ABCDEF"), Of(4, "ABCDEF")}, BothFilling()).ok());
}

// E fails while F is being replaced: four combinations, and ABCD alone still satisfies them all
// (Verbitski 2018, section 4.1).
TEST(MembershipChange, SurvivesASecondOneInTheMiddle) {
  const std::vector<std::string> sets = {"ABCDEF", "ABCDEG", "ABCDFH", "ABCDGH"};
  std::vector<QuorumExpr> writes;
  std::vector<QuorumExpr> reads;
  for (const std::string& set : sets) {
    writes.push_back(Of(4, set));
    reads.push_back(Of(3, set));
  }
  const QuorumSet filling{QuorumExpr::And(writes), kF.read};
  const QuorumSet full{QuorumExpr::And(writes), QuorumExpr::Or(reads)};
  EXPECT_TRUE(filling.CanWrite(Set("ABCD")));
  EXPECT_TRUE(ProveOverlap(BothFilling(), filling).ok());
  EXPECT_TRUE(ProveOverlap(filling, full).ok());
  for (size_t i = 0; i < sets.size(); ++i) {
    EXPECT_TRUE(ProveOverlap(full, QuorumSet{writes[i], reads[i]}).ok()) << "ends at " << sets[i];
  }
  EXPECT_FALSE(ProveOverlap(BothFilling(), full).ok()) << "G and H answer before they are full";
}

// 3/4 during a long zone loss: straight there loses data, through a dual set it does not.
TEST(MembershipChange, ReachesThreeOfFourThroughADualSet) {
  const QuorumSet four{Of(3, "ABCD"), Of(2, "ABCD")};
  const QuorumSet dual{QuorumExpr::And({kF.write, four.write}), kF.read};
  EXPECT_FALSE(ProveOverlap(kF, four).ok());
  EXPECT_TRUE(ProveOverlap(kF, dual).ok());
  EXPECT_TRUE(ProveOverlap(dual, four).ok());
}

// ---- slack -------------------------------------------------------------------------------------

std::vector<AzId> TwoPerAz() {
  return {AzId("a"), AzId("a"), AzId("b"), AzId("b"), AzId("c"), AzId("c")};
}

TEST(Slack, OfAHealthyPgIsTwoToWriteAndAnAzPlusOneToRead) {
  const QuorumSet set = QuorumSet::FourOfSix();
  const Slack write = WriteSlack(set, Set("ABCDEF"), TwoPerAz());
  EXPECT_EQ(write.nodes, 2);
  EXPECT_EQ(write.azs, 1);
  EXPECT_EQ(write.az_plus_nodes, 0);
  const Slack read = ReadSlack(set, Set("ABCDEF"), TwoPerAz());
  EXPECT_EQ(read.nodes, 3);
  EXPECT_EQ(read.azs, 1);
  EXPECT_EQ(read.az_plus_nodes, 1);
}

TEST(Slack, OfALostQuorumIsMinusOne) {
  const Slack write = WriteSlack(QuorumSet::FourOfSix(), Set("ACE"), TwoPerAz());
  EXPECT_EQ(write.nodes, -1);
  EXPECT_EQ(write.azs, -1);
  EXPECT_EQ(write.az_plus_nodes, -1);
  EXPECT_EQ(ReadSlack(QuorumSet::FourOfSix(), Set("ACE"), TwoPerAz()).nodes, 0);
  EXPECT_EQ(ReadSlack(QuorumSet::FourOfSix(), MemberSet(), TwoPerAz()).azs, -1);
}

// An AZ that is down cannot fail again, and does not count as one that may.
TEST(Slack, CountsOnlyWhatCanStillFail) {
  const Slack write = WriteSlack(QuorumSet::FourOfSix(), Set("ABCD"), TwoPerAz());
  EXPECT_EQ(write.nodes, 0);
  EXPECT_EQ(write.azs, 0);
  EXPECT_EQ(write.az_plus_nodes, -1);
}

// The dumb twin says "any f more may fail" by recursion: one fails, whichever, then any f - 1.
bool Survives(const QuorumExpr& rule, MemberSet alive, int failures) {
  if (!rule.SatisfiedBy(alive)) return false;
  if (failures == 0) return true;
  for (int m = 0; m < kMaxMembers; ++m) {
    if (alive.Has(m) && !Survives(rule, alive - MemberSet(1u << m), failures - 1)) return false;
  }
  return !alive.empty();
}

RC_GTEST_PROP(Slack, OfNodesAgreesWithFailingThemOneByOne, ()) {
  const QuorumExpr expr = AnyTree(6, 1).Expr();
  const MemberSet alive(static_cast<uint32_t>(*rc::gen::inRange(0, 64)));
  const Slack slack = WriteSlack(QuorumSet{expr, expr}, alive, TwoPerAz());
  const MemberSet counted = alive & expr.members();
  RC_ASSERT(slack.nodes == -1 || Survives(expr, counted, slack.nodes));
  RC_ASSERT(!Survives(expr, counted, slack.nodes + 1));
}

RC_GTEST_PROP(Slack, OfAzsAgreesWithFailingThemOneByOne, ()) {
  const QuorumExpr expr = AnyTree(6, 1).Expr();
  const MemberSet alive(static_cast<uint32_t>(*rc::gen::inRange(0, 64)));
  const Slack slack = WriteSlack(QuorumSet{expr, expr}, alive, TwoPerAz());
  const MemberSet counted = alive & expr.members();
  int worst = 99;  // nodes to spare after the AZ whose loss hurts most
  for (const MemberSet az : {Set("AB"), Set("CD"), Set("EF")}) {
    if ((counted & az).empty()) continue;
    int spare = -1;
    while (Survives(expr, counted - az, spare + 1)) ++spare;
    worst = std::min(worst, spare);
  }
  RC_ASSERT(slack.az_plus_nodes == (worst == 99 ? -1 : worst));
  RC_ASSERT((slack.azs >= 1) == (slack.az_plus_nodes >= 0));
}

}  // namespace
}  // namespace hexad::quorum
