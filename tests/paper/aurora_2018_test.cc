// Verbitski et al., "Amazon Aurora: On Avoiding Distributed Consensus for I/Os, Commits, and
// Membership Changes", SIGMOD 2018: one test per claim that this code base makes its own, in the
// paper's order. The test's name starts with the section. The comments paraphrase; "derived" marks
// what follows from the text without standing in it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "quorum/lsn_allocator.h"
#include "quorum/path.h"
#include "quorum/quorum_set.h"
#include "quorum/segment_selector.h"
#include "quorum/trackers.h"
#include "quorum/volume_recovery.h"
#include "tests/unit/volume_model.h"

namespace hexad::quorum {
namespace {

QuorumExpr Of(int k, const std::string& letters) {
  MemberSet set;
  for (const char c : letters) set.Add(c - 'A');
  return QuorumExpr::KOf(k, set);
}

MemberSet Set(const std::string& letters) {
  MemberSet set;
  for (const char c : letters) set.Add(c - 'A');
  return set;
}

// ---- 2.2 Writes --------------------------------------------------------------------------------

// A storage node learns from the segment chain which records it has not received.
TEST(Section2_2, TheSegmentChainShowsWhatIsMissing) {
  SclTracker scl;
  EXPECT_EQ(scl.Add(Lsn(0), Lsn(1), Lsn(1)), SclTracker::Verdict::kAdvanced);
  EXPECT_EQ(scl.Add(Lsn(5), Lsn(8), Lsn(8)), SclTracker::Verdict::kWaiting);
  EXPECT_EQ(scl.Add(Lsn(1), Lsn(5), Lsn(5)), SclTracker::Verdict::kAdvanced);
  EXPECT_EQ(scl.scl(), Lsn(8)) << "2, 3, 4, 6, 7 are other PGs' and no gap";
}

// ---- 2.3 Consistency points and commits --------------------------------------------------------

// SCL: the inclusive upper bound of the records linked without a gap through the segment chain.
TEST(Section2_3, TheSclIsAnInclusiveUpperBoundWithoutGaps) {
  SclTracker scl;
  scl.Add(Lsn(0), Lsn(1), Lsn(4));
  EXPECT_EQ(scl.scl(), Lsn(4));
  scl.Add(Lsn(5), Lsn(6), Lsn(9));
  EXPECT_EQ(scl.scl(), Lsn(4));
}

// PGCL advances, locally at the database, once SCL has at four of the six members.
TEST(Section2_3, ThePgclIsTheFourthHighestScl) {
  EXPECT_EQ(QuorumLsn(QuorumSet::FourOfSix().write,
                      {Lsn(60), Lsn(50), Lsn(40), Lsn(30), Lsn(20), Lsn(10)}),
            Lsn(30));
}

// Derived: an ack carries an SCL and not a receipt. All six have received record 3, and four of
// them lack 2.
TEST(Section2_3, SixReceiptsBehindAHoleAreNoQuorum) {
  PgclTracker pgcl(QuorumSet::FourOfSix().write, 6, Lsn::None());
  for (int member = 0; member < 6; ++member) {
    SclTracker segment;
    segment.Add(Lsn(0), Lsn(1), Lsn(1));
    if (member < 2) segment.Add(Lsn(1), Lsn(2), Lsn(2));
    segment.Add(Lsn(2), Lsn(3), Lsn(3));
    EXPECT_EQ(segment.highest(), Lsn(3));
    pgcl.Ack(member, segment.scl());
  }
  EXPECT_EQ(pgcl.pgcl(), Lsn(1));
}

// Figure 3: odd LSNs go to PG1 and even ones to PG2. 105 and 106 lack their quorums, so PGCL1 is
// 103 and PGCL2 is 104. VCL is 104: everything up to there has met quorum.
TEST(Section2_3, Figure3HasVcl104) {
  VclTracker vcl(Lsn(100));
  for (uint64_t lsn = 101; lsn <= 106; ++lsn) vcl.Issued(lsn % 2 == 1 ? 0 : 1, Lsn(lsn), Lsn(lsn));
  vcl.PgclMoved(0, Lsn(103));
  vcl.PgclMoved(1, Lsn(104));
  EXPECT_EQ(vcl.vcl(), Lsn(104)) << "neither min(PGCL) = 103 nor 105";
}

// Derived: with min(PGCL) a PG that nobody writes to would freeze the volume.
TEST(Section2_3, AnIdlePgDoesNotHoldTheVclBack) {
  VclTracker vcl(Lsn(0));
  vcl.Issued(0, Lsn(1), Lsn(1));
  vcl.PgclMoved(0, Lsn(1));
  for (uint64_t lsn = 2; lsn <= 1000; ++lsn) {
    vcl.Issued(1, Lsn(lsn), Lsn(lsn));
    vcl.PgclMoved(1, Lsn(lsn));
    ASSERT_EQ(vcl.vcl(), Lsn(lsn));
  }
  EXPECT_TRUE(vcl.idle());
}

// No consensus is needed to advance SCL, PGCL or VCL: they are local bookkeeping of what was heard,
// in whatever order. Every order of the same seven acks ends at the same point.
TEST(Section2_3, TheOrderOfAcknowledgementsDoesNotMatter) {
  std::vector<std::pair<int, uint64_t>> acks = {{0, 10}, {0, 70}, {1, 60}, {2, 50},
                                                {3, 40}, {4, 30}, {5, 20}};
  int orders = 0;
  do {
    PgclTracker pgcl(QuorumSet::FourOfSix().write, 6, Lsn::None());
    for (const auto& [member, scl] : acks) pgcl.Ack(member, Lsn(scl));
    ASSERT_EQ(pgcl.pgcl(), Lsn(40));
    ++orders;
  } while (std::next_permutation(acks.begin(), acks.end()));
  EXPECT_EQ(orders, 5040);
}

// ---- 2.4 Crash recovery ------------------------------------------------------------------------

struct TwoPgs {
  Membership first = SixMembers(1);
  Membership second = SixMembers(2);
  std::vector<PgInventory> answers = {
      {&first, std::vector<std::optional<SegmentInventory>>(6)},
      {&second, std::vector<std::optional<SegmentInventory>>(6)},
  };

  // Figure 3's log as a segment of PG1 (odd) or PG2 (even) whole up to `scl` reports it.
  static SegmentInventory Figure3(uint64_t pg, uint64_t scl) {
    SegmentInventory answer{Lsn(scl), Lsn(100), Lsn(pg == 1 ? 99 : 100), {}};
    for (uint64_t lsn = 100 + pg; lsn <= scl; lsn += 2) {
      answer.records.push_back({Lsn(lsn), Lsn(lsn - 1), Lsn(lsn - 2), true});
    }
    return answer;
  }
};

// PGCLs and VCL are computed anew from the SCLs of a read quorum of each PG.
TEST(Section2_4, RecoveryRecomputesTheConsistencyPoints) {
  TwoPgs volume;
  volume.answers[0].answers[0] = TwoPgs::Figure3(1, 103);
  volume.answers[0].answers[3] = TwoPgs::Figure3(1, 101);
  volume.answers[0].answers[5] = TwoPgs::Figure3(1, 103);
  volume.answers[1].answers[1] = TwoPgs::Figure3(2, 102);
  volume.answers[1].answers[2] = TwoPgs::Figure3(2, 104);
  EXPECT_EQ(Recover(volume.answers).status().code(), absl::StatusCode::kFailedPrecondition)
      << "two answers of PG 2 do not prove where it ends";
  volume.answers[1].answers[4] = TwoPgs::Figure3(2, 106);
  const auto recovered = Recover(volume.answers);
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->vcl, Lsn(104)) << "106 was found, but 105 was not";
  EXPECT_EQ(recovered->pgs[0].tail, Lsn(103));
  EXPECT_EQ(recovered->pgs[1].tail, Lsn(104));
  EXPECT_EQ(recovered->pgs[1].complete, Set("CE"));
}

// A PG without its write quorum is repaired from the read quorum first: what was found on one
// segment is refilled to four before it is served, so that the next crash finds it from any three.
TEST(Section2_4, WhatRecoveryFoundIsRefilledToAWriteQuorum) {
  TwoPgs volume;
  for (int member = 0; member < 3; ++member) {
    volume.answers[0].answers[member] = TwoPgs::Figure3(1, member == 0 ? 105 : 101);
    volume.answers[1].answers[member] = TwoPgs::Figure3(2, 106);
  }
  const Lsn first_crash = Recover(volume.answers)->vdl;
  ASSERT_EQ(first_crash, Lsn(106));
  ASSERT_FALSE(Recover(volume.answers)->pgs[0].write_quorum_complete);

  // Not refilled: A is gone at the second crash, and what was served after the first is lost.
  TwoPgs later = volume;
  later.answers[0].answers[0].reset();
  later.answers[0].answers[3] = TwoPgs::Figure3(1, 101);
  EXPECT_LT(Recover(later.answers)->vdl, first_crash);

  // Refilled on B, C and D as well: any three answers will do.
  for (const char* three : {"BCE", "BDF", "DEF", "AEF"}) {
    for (int member = 0; member < 6; ++member) {
      later.answers[0].answers[member].reset();
      if (!Set(three).Has(member)) continue;
      later.answers[0].answers[member] = TwoPgs::Figure3(1, Set("ABCD").Has(member) ? 105 : 101);
    }
    EXPECT_EQ(Recover(later.answers)->vdl, first_crash) << three;
  }
}

// Figure 4: requests that were in flight and arrive during or after recovery are ignored, because
// the range between VCL and the new LSNs is annulled; and an interrupted recovery is told from its
// successor by the epoch: the second attempt forks higher.
TEST(Section2_4, Figure4AnnulsWhatArrivesLate) {
  const TimelineId timeline(1);
  const Path crashed = Path::Root(timeline).Fork(timeline, EpochId{1, 1}, Lsn::None(), Lsn(1));
  const Lsn first = AllocationBound(Lsn(104), Lsn(1), 1000).Next();
  const Path interrupted = crashed.Fork(timeline, EpochId{2, 7}, Lsn(104), first);
  const Lsn second = AllocationBound(Lsn(104), first, 1000).Next();
  const Path opened = interrupted.Fork(timeline, EpochId{3, 8}, Lsn(104), second);
  EXPECT_TRUE(opened.Visible(timeline, Lsn(104)));
  for (const Lsn late : {Lsn(105), Lsn(106), Lsn(1104), first, first.Plus(500)}) {
    EXPECT_FALSE(opened.Visible(timeline, late)) << late;
  }
  EXPECT_TRUE(opened.Visible(timeline, second));
}

// ---- 3.1 Avoiding quorum reads -----------------------------------------------------------------

// Usually the segment with the lowest measured latency is asked; now and then another one, so that
// its estimate stays fresh.
TEST(Section3_1, ReadsGoToTheFastestCompleteSegmentWithAnOccasionalProbe) {
  SegmentSelector selector(6, 1);
  for (int member = 0; member < 6; ++member) {
    selector.SetUp(member, true);
    selector.SetScl(member, Lsn(member == 2 ? 99 : 100));
    selector.Observe(member, Duration::Millis(6 - member));
  }
  std::map<int, int> picks;
  for (int i = 0; i < 64'000; ++i) ++picks[*selector.Pick(Lsn(100), MemberSet())];
  EXPECT_GT(picks[5], 62'000);
  EXPECT_GT(picks[0], 50);
  EXPECT_EQ(picks.count(2), 0u) << "the database knows that C is not complete";
}

// A read that takes longer than expected is sent to another segment too; the first answer counts.
TEST(Section3_1, ALateReadIsHedgedToTheNextBest) {
  SegmentSelector selector(6, 1);
  for (int member = 0; member < 6; ++member) {
    selector.SetUp(member, true);
    selector.Observe(member, Duration::Millis(10 + member));
  }
  const auto hedge = selector.Pick(Lsn::None(), Set("A"));
  EXPECT_EQ(hedge, 1);
  EXPECT_GT(selector.HedgeAfter(0), Duration::Millis(10)) << "later than it usually takes";
  EXPECT_LT(selector.HedgeAfter(0), Duration::Millis(50));
}

// Derived: complete is measured against the PG's last record at or below the read point. The VDL is
// 118,204; this PG was last written at 7.
TEST(Section3_1, AQuietPgIsReadable) {
  SegmentSelector selector(6, 1);
  selector.SetUp(3, true);
  selector.SetScl(3, Lsn(7));
  EXPECT_EQ(selector.Pick(Lsn(7), MemberSet()), 3);
  EXPECT_FALSE(selector.Pick(Lsn(118'204), MemberSet()));
}

// ---- 4.1 Using quorum sets to change membership ------------------------------------------------

const QuorumSet kF{Of(4, "ABCDEF"), Of(3, "ABCDEF")};
const QuorumSet kG{Of(4, "ABCDEG"), Of(3, "ABCDEG")};

// Figure 5: the write rule is 4/6 of ABCDEF AND 4/6 of ABCDEG, the read rule 3/6 of ABCDEF OR 3/6
// of ABCDEG; when the OR may be used, see AnUnfilledMemberCountsForNoReadQuorum.
TEST(Section4_1, Figure5IsTwoStepsThatOverlap) {
  const QuorumSet dual{QuorumExpr::And({kF.write, kG.write}), QuorumExpr::Or({kF.read, kG.read})};
  EXPECT_EQ(dual.write.Describe(), "4/6{ABCDEF} AND 4/6{ABCDEG}");
  EXPECT_EQ(dual.read.Describe(), "3/6{ABCDEF} OR 3/6{ABCDEG}");
  EXPECT_TRUE(ProveOverlap(dual).ok());
  EXPECT_TRUE(ProveOverlap(dual, kG).ok()) << "epoch 3: G has replaced F";
  EXPECT_TRUE(ProveOverlap(dual, kF).ok()) << "or F came back: each step is reversible";
}

// A second change in the middle of the first: writing to ABCD alone still meets the quorum.
TEST(Section4_1, WritesGoOnWhileFAndEAreBothReplaced) {
  const QuorumExpr write = QuorumExpr::And({QuorumExpr::And({Of(4, "ABCDEF"), Of(4, "ABCDEG")}),
                                            QuorumExpr::And({Of(4, "ABCDFH"), Of(4, "ABCDGH")})});
  EXPECT_TRUE(write.SatisfiedBy(Set("ABCD")));
  EXPECT_FALSE(write.SatisfiedBy(Set("ABEFH"))) << "enough without G, too few of the sets with it";
  const QuorumExpr read =
      QuorumExpr::Or({Of(3, "ABCDEF"), Of(3, "ABCDEG"), Of(3, "ABCDFH"), Of(3, "ABCDGH")});
  EXPECT_TRUE(ProveOverlap(QuorumSet{write, read}).ok());
}

// Why it takes two steps, with nothing durable dropped before the end: a single one would overlook
// a write to CDEF.
TEST(Section4_1, OneStepWouldLoseWrites) {
  const auto lost = FindDisjoint(kF.write, kG.read);
  ASSERT_TRUE(lost);
  EXPECT_TRUE(kF.CanWrite(lost->a) && kG.CanRead(lost->b));
  EXPECT_FALSE(ProveOverlap(kF, kG).ok());
}

// Derived: an empty G proves nothing about what was written before it came, so it must not answer
// before it is full. Figure 5's read rule at once would let ABG overlook a write to CDEF.
TEST(Section4_1, AnUnfilledMemberCountsForNoReadQuorum) {
  const QuorumExpr write = QuorumExpr::And({kF.write, kG.write});
  EXPECT_FALSE(ProveOverlap(kF, QuorumSet{write, QuorumExpr::Or({kF.read, kG.read})}).ok());
  EXPECT_TRUE(ProveOverlap(kF, QuorumSet{write, kF.read}).ok());
}

// The model itself can change, from 4/6 to 3/4 in a long loss of an AZ, by the same two steps.
TEST(Section4_1, QuorumsCanChangeShape) {
  const QuorumSet three_of_four = *QuorumSet::KOfN(3, 4);
  const QuorumSet dual{QuorumExpr::And({kF.write, three_of_four.write}), kF.read};
  EXPECT_TRUE(ProveOverlap(kF, dual).ok());
  EXPECT_TRUE(ProveOverlap(dual, three_of_four).ok());
  EXPECT_FALSE(ProveOverlap(kF, three_of_four).ok());
}

// ---- 4.2 Using quorum sets to reduce costs -----------------------------------------------------

// Write: 4/6 of any segments OR 3/3 of the full ones. Read: 3/6 of any AND 1/3 of the full ones.
TEST(Section4_2, FullAndTailSegmentsOverlap) {
  const QuorumSet set{QuorumExpr::Or({Of(4, "ABCDEF"), Of(3, "ACE")}),
                      QuorumExpr::And({Of(3, "ABCDEF"), Of(1, "ACE")})};
  EXPECT_TRUE(ProveOverlap(set).ok());
  EXPECT_TRUE(set.CanWrite(Set("ACE")));
  EXPECT_FALSE(set.CanWrite(Set("BDF")));
  EXPECT_FALSE(set.CanRead(Set("BDF"))) << "tail segments alone have no pages";
}

}  // namespace
}  // namespace hexad::quorum
