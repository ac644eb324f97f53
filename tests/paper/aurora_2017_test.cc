// Verbitski et al., "Amazon Aurora: Design Considerations for High Throughput Cloud-Native
// Relational Databases", SIGMOD 2017: one test per claim that this code base makes its own, in the
// paper's order. The test's name starts with the section. The comments paraphrase; "derived" marks
// what follows from the text without standing in it.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "quorum/lsn_allocator.h"
#include "quorum/membership.h"
#include "quorum/path.h"
#include "quorum/quorum_set.h"
#include "quorum/segment_selector.h"
#include "quorum/trackers.h"
#include "quorum/volume_recovery.h"
#include "tests/unit/volume_model.h"

namespace hexad::quorum {
namespace {

constexpr MemberSet kAll = MemberSet::FirstN(6);
const std::vector<AzId> kTwoPerAz = {AzId("a"), AzId("a"), AzId("b"),
                                     AzId("b"), AzId("c"), AzId("c")};
const std::vector<AzId> kOnePerAz = {AzId("a"), AzId("b"), AzId("c")};

// ---- 2.1 Replication and correlated failures ---------------------------------------------------

// Vr + Vw > V: each read meets the newest write.
TEST(Section2_1, ReadAndWriteQuorumsMeet) {
  const QuorumSet set = QuorumSet::FourOfSix();
  EXPECT_EQ(set.write.Describe(), "4/6{ABCDEF}");
  EXPECT_EQ(set.read.Describe(), "3/6{ABCDEF}");
  EXPECT_FALSE(FindDisjoint(set.write, set.read));
  EXPECT_TRUE(FindDisjoint(set.write, QuorumExpr::KOf(2, kAll))) << "two answers are too few";
}

// Vw > V/2: two writes cannot miss each other.
TEST(Section2_1, WriteQuorumsMeetEachOther) {
  EXPECT_FALSE(FindDisjoint(QuorumSet::FourOfSix().write, QuorumSet::FourOfSix().write));
  EXPECT_TRUE(FindDisjoint(QuorumExpr::KOf(3, kAll), QuorumExpr::KOf(3, kAll)));
  EXPECT_FALSE(QuorumSet::KOfN(3, 6).ok());
}

// Why 2/3 is not enough: an AZ and one more node lost, one copy is left, of which nobody knows
// whether it is current.
TEST(Section2_1, TwoOfThreeDoesNotSurviveAnAzAndOneMore) {
  const QuorumSet two_of_three = *QuorumSet::KOfN(2, 3);
  EXPECT_EQ(ReadSlack(two_of_three, MemberSet::FirstN(3), kOnePerAz).azs, 1);
  EXPECT_EQ(ReadSlack(two_of_three, MemberSet::FirstN(3), kOnePerAz).az_plus_nodes, 0);
}

// Design point (a): an AZ and one more node (AZ+1) may be lost without losing data.
TEST(Section2_1, FourOfSixReadsAfterAnAzAndOneMore) {
  EXPECT_EQ(ReadSlack(QuorumSet::FourOfSix(), kAll, kTwoPerAz).az_plus_nodes, 1);
}

// Design point (b): an AZ may be lost without losing the ability to write; any two nodes, in fact.
TEST(Section2_1, FourOfSixWritesAfterAnAzOrAnyTwoNodes) {
  const Slack slack = WriteSlack(QuorumSet::FourOfSix(), kAll, kTwoPerAz);
  EXPECT_EQ(slack.azs, 1);
  EXPECT_EQ(slack.nodes, 2);
  EXPECT_EQ(slack.az_plus_nodes, 0) << "AZ+1 stops writes; reads go on";
}

// ---- 2.2 Segmented storage ---------------------------------------------------------------------

// A PG is six segments over three AZs, two in each.
TEST(Section2_2, APgIsSixSegmentsTwoPerAz) {
  std::vector<RosterNode> roster;
  for (int i = 0; i < 18; ++i) {
    roster.push_back({NodeId("n" + std::to_string(i)),
                      AzId(std::string(1, static_cast<char>('a' + i % 3))), Incarnation(1)});
  }
  const auto members = PlaceSegments(7, roster, 6);
  ASSERT_TRUE(members.ok()) << members.status();
  for (const char* az : {"a", "b", "c"}) {
    EXPECT_EQ(std::count_if(members->begin(), members->end(),
                            [az](const Member& member) { return member.az == AzId(az); }),
              2);
  }
}

// A volume is a concatenation of PGs, which are allocated as it grows.
TEST(Section2_2, PagesAreConcatenatedOverPgs) {
  Manifest manifest;
  manifest.pages_per_pg = 10;
  manifest.pgs.resize(2);
  EXPECT_EQ(manifest.PgIndexOf(PageNo(9)), 0u);
  EXPECT_EQ(manifest.PgIndexOf(PageNo(10)), 1u);
  EXPECT_EQ(manifest.PgIndexOf(PageNo(20)), manifest.pgs.size()) << "the next PG, not there yet";
}

// ---- 4.1 Solution sketch: asynchronous processing ----------------------------------------------

// The paper's example: the data is complete up to 1007, but the CPLs are 900, 1000 and 1100, so the
// log is truncated at 1000. Complete to 1007, durable to 1000.
TEST(Section4_1, CompleteTo1007IsDurableTo1000) {
  VclTracker vcl(Lsn(899));
  VdlTracker vdl(Lsn(899));
  for (const uint64_t cpl : {900, 1000, 1100}) vdl.IssuedCpl(Lsn(cpl));
  vcl.Issued(0, Lsn(900), Lsn(1007));
  vcl.Issued(1, Lsn(1008), Lsn(1100));
  vcl.PgclMoved(0, Lsn(1007));
  EXPECT_EQ(vcl.vcl(), Lsn(1007));
  EXPECT_TRUE(vdl.VclMoved(vcl.vcl()));
  EXPECT_EQ(vdl.vdl(), Lsn(1000));
}

// The same numbers as recovery sees them, in a read quorum's answers.
TEST(Section4_1, RecoveryTruncatesThereToo) {
  const Membership membership = SixMembers(1);
  SegmentInventory answer{Lsn(1007), Lsn(900), Lsn(900), {}};
  for (uint64_t lsn = 901; lsn <= 1007; ++lsn) {
    answer.records.push_back({Lsn(lsn), Lsn(lsn - 1), Lsn(lsn - 1), lsn == 1000});
  }
  SegmentInventory behind{Lsn(950), Lsn(900), Lsn(900), {}};
  PgInventory pg{&membership, {answer, behind, behind, {}, {}, {}}};
  const auto recovered = Recover({pg});
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->vcl, Lsn(1007));
  EXPECT_EQ(recovered->vdl, Lsn(1000));
  EXPECT_EQ(recovered->pgs[0].tail, Lsn(1000));
  EXPECT_EQ(recovered->pgs[0].complete, MemberSet(0b000001)) << "and must be refilled";
}

// The last record of a mini-transaction is a CPL: VDL never rests inside one.
TEST(Section4_1, TheVdlNeverRestsInsideAMiniTransaction) {
  VdlTracker vdl(Lsn(0));
  vdl.IssuedCpl(Lsn(3));  // one MTR: 1, 2, 3
  vdl.IssuedCpl(Lsn(7));  // the next: 4, 5, 6, 7
  for (uint64_t vcl = 0; vcl <= 7; ++vcl) {
    vdl.VclMoved(Lsn(vcl));
    EXPECT_EQ(vdl.vdl(), Lsn(vcl < 3 ? 0 : vcl < 7 ? 3 : 7));
  }
}

// ---- 4.2 Normal operation ----------------------------------------------------------------------

// Acknowledgements are collected until each batch has its write quorum: four of the six, wherever
// they are.
TEST(Section4_2_1, FourAcknowledgementsMakeABatchDurable) {
  PgclTracker pgcl(QuorumSet::FourOfSix().write, 6, Lsn::None());
  EXPECT_FALSE(pgcl.Ack(5, Lsn(10)));
  EXPECT_FALSE(pgcl.Ack(1, Lsn(10)));
  EXPECT_FALSE(pgcl.Ack(3, Lsn(10)));
  EXPECT_TRUE(pgcl.Ack(0, Lsn(10)));
  EXPECT_EQ(pgcl.pgcl(), Lsn(10));
  EXPECT_FALSE(pgcl.Ack(2, Lsn(10))) << "the fifth and sixth change nothing";
}

// No LSN is allocated above the current VDL plus the LSN allocation limit, which is 10 million.
TEST(Section4_2_1, NoLsnIsAllocatedAboveVdlPlusTenMillion) {
  EXPECT_EQ(kMaxLal, 10'000'000u);
  LsnAllocator allocator(Lsn::First(), Lsn::None(), kMaxLal);
  EXPECT_EQ(allocator.Allocate(kMaxLal), Lsn(1));
  EXPECT_FALSE(allocator.Allocate(1)) << "back-pressure: storage must catch up first";
  allocator.VdlMoved(Lsn(5));
  EXPECT_EQ(allocator.Allocate(5), Lsn(10'000'001));
  EXPECT_FALSE(allocator.Allocate(1));
}

// Each record links back within its PG, and so each segment knows its segment complete LSN.
TEST(Section4_2_1, BacklinksGiveTheSegmentCompleteLsn) {
  SclTracker scl;
  scl.Add(Lsn(0), Lsn(1), Lsn(3));
  scl.Add(Lsn(7), Lsn(9), Lsn(9));  // 7 is missing; 4, 5, 6, 8 belong to other PGs
  EXPECT_EQ(scl.scl(), Lsn(3));
  EXPECT_TRUE(scl.has_gap()) << "what gossip will ask its peers for";
  scl.Add(Lsn(3), Lsn(7), Lsn(7));
  EXPECT_EQ(scl.scl(), Lsn(9));
}

// A commit is complete if and only if the VDL is at or above its LSN.
TEST(Section4_2_2, ACommitIsCompleteOnceTheVdlReachesIt) {
  const Lsn commit(2);
  VclTracker vcl(Lsn(0));
  VdlTracker vdl(Lsn(0));
  vcl.Issued(0, Lsn(1), Lsn(1));
  vcl.Issued(1, Lsn(2), Lsn(2));
  vdl.IssuedCpl(commit);
  vcl.PgclMoved(1, Lsn(2));  // the commit record itself has its quorum,
  vdl.VclMoved(vcl.vcl());
  EXPECT_LT(vdl.vdl(), commit) << "but what it commits has not";
  vcl.PgclMoved(0, Lsn(1));
  vdl.VclMoved(vcl.vcl());
  EXPECT_GE(vdl.vdl(), commit);
}

// A read needs no read quorum: the database knows which segment is complete for the read point, and
// one that is behind is never asked.
TEST(Section4_2_3, AReadAsksOneSegmentThatIsComplete) {
  SegmentSelector selector(6, 1);
  for (int member = 0; member < 6; ++member) {
    selector.SetUp(member, true);
    selector.SetScl(member, Lsn(member == 4 ? 120 : 99));
  }
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(selector.Pick(Lsn(120), MemberSet()), 4);
}

// ---- 4.3 Recovery ------------------------------------------------------------------------------

// Recovery asks a read quorum of each PG, which is enough to discover whatever could have reached a
// write quorum: any three find what any four hold.
TEST(Section4_3, AReadQuorumDiscoversWhateverReachedAWriteQuorum) {
  const Membership membership = SixMembers(1);
  const SegmentInventory has{Lsn(1), Lsn(0), Lsn(0), {{Lsn(1), Lsn(0), Lsn(0), true}}};
  for (uint32_t holding = 0; holding < 64; ++holding) {
    for (uint32_t answering = 0; answering < 64; ++answering) {
      if (MemberSet(holding).size() != 4 || MemberSet(answering).size() != 3) continue;
      PgInventory pg{&membership, std::vector<std::optional<SegmentInventory>>(6)};
      for (int member = 0; member < 6; ++member) {
        if (!MemberSet(answering).Has(member)) continue;
        pg.answers[member] = MemberSet(holding).Has(member) ? has : SegmentInventory{};
      }
      ASSERT_EQ(Recover({pg})->vdl, Lsn(1)) << holding << " " << answering;
    }
  }
}

// Everything above the new VDL is annulled, up to an end that is provably at or above every LSN
// ever issued: VDL + LAL.
TEST(Section4_3, TheTruncationRangeCoversEverythingEverIssued) {
  const TimelineId timeline(1);
  const Path crashed = Path::Root(timeline).Fork(timeline, EpochId{1, 1}, Lsn::None(), Lsn(1));
  LsnAllocator writer(Lsn(1), Lsn::None(), 100);
  writer.Allocate(60);
  writer.VdlMoved(Lsn(50));
  while (writer.Allocate(1)) {
  }
  const Lsn last_issued = writer.next().Prev();

  const Lsn recovered_vdl(50);
  const Lsn end = AllocationBound(recovered_vdl, Lsn(1), 100);
  EXPECT_GE(end, last_issued);
  const Path opened = crashed.Fork(timeline, EpochId{2, 2}, recovered_vdl, end.Next());
  EXPECT_TRUE(opened.Visible(timeline, recovered_vdl));
  for (Lsn annulled = recovered_vdl.Next(); annulled <= end; annulled = annulled.Next()) {
    EXPECT_FALSE(opened.Visible(timeline, annulled)) << annulled;
  }
  EXPECT_TRUE(opened.Visible(timeline, end.Next())) << "where the next writer begins";
}

// Derived: a recovery that finds a higher VDL than the writer had heard of is on the safe side.
TEST(Section4_3, TheBoundOnlyGrowsWithTheVdlThatIsFound) {
  for (uint64_t vdl = 1; vdl < 200; ++vdl) {
    EXPECT_GE(AllocationBound(Lsn(vdl + 1), Lsn(100), 10), AllocationBound(Lsn(vdl), Lsn(100), 10));
  }
}

}  // namespace
}  // namespace hexad::quorum
