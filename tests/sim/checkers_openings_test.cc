// The checkers of openings: which answers one went on with, and whether those were true.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/checkers/claims.h"
#include "tests/sim/checkers/damage.h"
#include "tests/sim/checkers/opening_quorum.h"
#include "tests/sim/history.h"

namespace hexad::sim {
namespace {

using testing::HasSubstr;

quorum::Envelope In(EpochId epoch) { return {kTimeline, kPg, epoch, MembershipEpoch(1)}; }

// An opening, of process 2 in epoch 2 if nothing else is said, that follows a first epoch with one
// MTR, [101,103], on nodes 1 to 4.
struct Opening : History {
  using History::History;

  void Write() {
    StartFirstEpoch();
    Issue(1, 1, 101, 103);
    Store({0, 1, 2, 3}, {Epoch(1), 0, 101, 103});
    Acks({0, 1, 2, 3}, 1, 103);
    Vdl(1, 1, 103);
  }
  void Ask(NodeIndex node, const quorum::SegmentRequest& request, ProcessId opener = 2) {
    Tell(OpeningAsked{opener, node, &request});
  }
  // A segment's answer, on its way and there.
  void Hear(NodeIndex node, const quorum::SegmentAnswer& answer) {
    Tell(SegmentReplied{node, &answer});
    Tell(OpeningHeard{2, node, &answer});
  }
  void SealAt(std::vector<NodeIndex> nodes) {
    for (const NodeIndex node : nodes) {
      Ask(node, quorum::Seal{In(Epoch(2))});
      Promise(node, Epoch(2));
      Hear(node, quorum::Promised{In(Epoch(2)), path(), std::nullopt});
    }
  }
  void List(NodeIndex node, uint64_t scl, uint64_t vdl) {
    Ask(node, quorum::TakeInventory{In(Epoch(2)), path(), std::nullopt});
    quorum::InventoryTaken taken{In(Epoch(2)), {}, path().path.epoch()};
    taken.inventory.scl = Lsn(scl);
    taken.inventory.vdl_heard = Lsn(vdl);
    Hear(node, taken);
  }
  void BeginWith(std::vector<int> promised, std::vector<int> listed) {
    backtrack::OpeningCount count;
    count.pg = kPg;
    for (const int member : promised) count.promised.Add(member);
    for (const int member : listed) count.listed.Add(member);
    const std::vector<backtrack::OpeningCount> counts = {count};
    Tell(OpeningBegins{2, Epoch(2), &counts});
  }
};

template <class C>
Opening Of() {
  return Opening([](std::shared_ptr<DiskModel> disks) -> std::unique_ptr<Checker> {
    if constexpr (std::is_constructible_v<C, std::shared_ptr<DiskModel>>) {
      return std::make_unique<C>(std::move(disks));
    } else {
      return std::make_unique<C>();
    }
  });
}

// ---- what it goes on with -----------------------------------------------------------------------

TEST(OpeningQuorum, AcceptsAReadQuorumOfPromisesAndInventories) {
  auto h = Of<OpeningQuorumChecker>();
  h.Write();
  h.SealAt({0, 4, 5});
  for (const NodeIndex node : {0, 4, 5}) h.List(node, node == 0 ? 103 : 0, 0);
  h.BeginWith({0, 4, 5}, {0, 4, 5});
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(OpeningQuorum, RefusesTwoInventories) {
  auto h = Of<OpeningQuorumChecker>();
  h.Write();
  h.SealAt({0, 1, 2});
  h.List(0, 103, 0);
  h.List(1, 103, 0);
  h.BeginWith({0, 1, 2}, {0, 1});
  EXPECT_THAT(h.failure(), HasSubstr("2 have listed what they hold: no read quorum"));
}

// An empty disk says that it belongs to nobody: that is no promise and no inventory.
TEST(OpeningQuorum, DoesNotCountARefusal) {
  auto h = Of<OpeningQuorumChecker>();
  h.Write();
  h.SealAt({0, 1, 3});
  for (const NodeIndex node : {0, 1, 3}) h.List(node, 103, 0);
  quorum::Refused amnesiac;
  amnesiac.from = In(Epoch(2));
  amnesiac.reason = quorum::RefusalReason::kAmnesiac;
  h.Ask(2, quorum::Seal{In(Epoch(2))});
  h.Hear(2, amnesiac);
  h.BeginWith({0, 1, 3}, {0, 1, 3});
  EXPECT_EQ(h.failure(), "accepted");
  h.BeginWith({0, 1, 2, 3}, {0, 1, 3});
  EXPECT_THAT(h.failure(), HasSubstr("a promise of n3 for PG 70, which never gave it"));
}

TEST(OpeningQuorum, RefusesTwoOpeningsOfOneEpoch) {
  auto h = Of<OpeningQuorumChecker>();
  h.Write();
  h.Ask(0, quorum::Seal{In(Epoch(2))}, 2);
  EXPECT_EQ(h.failure(), "accepted");
  h.Ask(5, quorum::Seal{In(Epoch(2))}, 3);
  EXPECT_THAT(h.failure(), HasSubstr("epoch 2 is taken by two openings"));
}

// ---- what segments tell it ----------------------------------------------------------------------

TEST(Claims, AcceptsWhatASegmentHolds) {
  auto h = Of<ClaimsChecker>();
  h.Write();
  h.SealAt({0, 4});
  h.List(0, 103, 103);
  h.List(4, 0, 0);
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(Claims, RefusesAnInventoryWithoutAPromise) {
  auto h = Of<ClaimsChecker>();
  h.Write();
  h.List(0, 103, 103);
  EXPECT_THAT(h.failure(), HasSubstr("without having promised it that epoch"));
}

TEST(Claims, RefusesAnSclThatNobodyStored) {
  auto h = Of<ClaimsChecker>();
  h.Write();
  h.SealAt({4});
  h.List(4, 103, 103);
  EXPECT_THAT(h.failure(), HasSubstr("whole up to 0"));
}

// What was acknowledged and is lost since must not be kept silent about.
TEST(Claims, RefusesLessThanWasAcknowledged) {
  auto h = Of<ClaimsChecker>();
  h.Write();
  h.SealAt({0});
  h.Harm(0);
  h.List(0, 0, 0);
  EXPECT_THAT(h.failure(), HasSubstr("has told epoch 1 that it is whole up to 103"));
}

TEST(Claims, RefusesAVdlInsideAnMtr) {
  auto h = Of<ClaimsChecker>();
  h.Write();
  h.SealAt({0});
  h.List(0, 103, 102);
  EXPECT_THAT(h.failure(), HasSubstr("102 of PG 70, which is not the end of an MTR"));
}

TEST(Claims, RefusesAVdlThatNeverWas) {
  auto h = Of<ClaimsChecker>();
  h.Write();
  h.Issue(1, 1, 104, 106);
  quorum::Polled polled;
  polled.from = In(Epoch(1));
  polled.vdl_heard = Lsn(106);
  h.Hear(0, polled);
  EXPECT_THAT(h.failure(), HasSubstr("there was never one above 103"));
}

// ---- damage -------------------------------------------------------------------------------------

TEST(Damage, IsFoundOnlyWhereHarmWas) {
  quorum::Refused damaged;
  damaged.from = In(Epoch(1));
  damaged.reason = quorum::RefusalReason::kDamaged;
  auto harmed = Of<DamageChecker>();
  harmed.Write();
  harmed.Harm(1);
  harmed.Tell(PageRefused{1, &damaged});
  EXPECT_EQ(harmed.failure(), "accepted");
  auto sound = Of<DamageChecker>();
  sound.Write();
  sound.Harm(1);
  sound.Tell(PageRefused{2, &damaged});
  EXPECT_THAT(sound.failure(), HasSubstr("n3, whose disk was never harmed, finds damage"));
  auto listing = Of<DamageChecker>();
  listing.Write();
  listing.Hear(3, damaged);
  EXPECT_TRUE(listing.refused());
}

}  // namespace
}  // namespace hexad::sim
