// Each checker, with a history that it accepts and those that it must refuse: a checker that cannot
// fail proves nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/checkers/ack_quorum.h"
#include "tests/sim/checkers/annulled.h"
#include "tests/sim/checkers/begin_quorum.h"
#include "tests/sim/checkers/bounds.h"
#include "tests/sim/checkers/durability.h"
#include "tests/sim/checkers/fence.h"
#include "tests/sim/checkers/freshness.h"
#include "tests/sim/checkers/gave_up.h"
#include "tests/sim/checkers/one_writer.h"
#include "tests/sim/checkers/pages.h"
#include "tests/sim/checkers/read_quorum.h"
#include "tests/sim/checkers/trackers.h"
#include "tests/sim/history.h"

namespace hexad::sim {
namespace {

using testing::HasSubstr;

template <class C>
History Of() {
  return History([](std::shared_ptr<DiskModel> disks) -> std::unique_ptr<Checker> {
    if constexpr (std::is_constructible_v<C, std::shared_ptr<DiskModel>>) {
      return std::make_unique<C>(std::move(disks));
    } else if constexpr (std::is_constructible_v<C, uint32_t>) {
      return std::make_unique<C>(4096);
    } else {
      return std::make_unique<C>();
    }
  });
}

// Epoch 1's first MTR, [101,103], is on these nodes' disks.
void WriteFirst(History& h, std::vector<NodeIndex> nodes) {
  h.StartFirstEpoch();
  h.Issue(1, 1, 101, 103);
  h.Store(std::move(nodes), {Epoch(1), 0, 101, 103});
}

// ---- I1 -----------------------------------------------------------------------------------------

TEST(AckQuorum, AcceptsAVdlThatFourDisksHold) {
  auto h = Of<AckQuorumChecker>();
  WriteFirst(h, {0, 1, 2, 3});
  h.Acks({0, 1, 2, 3}, 1, 103);
  h.Vdl(1, 1, 103);
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(AckQuorum, CountsADiskThatWasHarmedAfterItsFsync) {
  auto h = Of<AckQuorumChecker>();
  WriteFirst(h, {0, 1, 2, 3});
  h.Harm(3);
  h.Vdl(1, 1, 103);
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(AckQuorum, RefusesAVdlThatThreeDisksHold) {
  auto h = Of<AckQuorumChecker>();
  WriteFirst(h, {0, 1, 2});
  h.Vdl(1, 1, 103);
  EXPECT_THAT(h.failure(), HasSubstr("LSN 101 was fsynced on 3 nodes"));
}

TEST(AckQuorum, RefusesAVdlWithAHoleBelowIt) {
  auto h = Of<AckQuorumChecker>();
  WriteFirst(h, {0, 1, 2});
  h.Issue(1, 1, 104, 104);
  h.Store(History::kAll, {Epoch(1), 103, 104, 104});
  h.Vdl(1, 1, 104);
  EXPECT_THAT(h.failure(), HasSubstr("LSN 101 was fsynced on 3 nodes"));
}

TEST(AckQuorum, RefusesAnAckBeforeTheFsync) {
  auto h = Of<AckQuorumChecker>();
  WriteFirst(h, {0, 1, 2});
  h.Acks({3}, 1, 103);
  EXPECT_THAT(h.failure(), HasSubstr("n4 tells SCL 103"));
}

TEST(AckQuorum, RefusesAVdlInsideAnMtr) {
  auto h = Of<AckQuorumChecker>();
  WriteFirst(h, History::kAll);
  h.Vdl(1, 1, 102);
  EXPECT_THAT(h.failure(), HasSubstr("not the end of an MTR"));
}

TEST(AckQuorum, RefusesAnOpeningThatDidNotRefill) {
  auto h = Of<AckQuorumChecker>();
  WriteFirst(h, {0, 1, 2});
  h.Begin(History::kAll, 2, 103, 1001);
  h.Open(2);
  EXPECT_THAT(h.failure(), HasSubstr("an opening calls LSN 103 durable"));
}

TEST(ReadQuorum, AcceptsWhatAnyThreeDisksProve) {
  auto h = Of<ReadQuorumChecker>();
  WriteFirst(h, {0, 1, 2, 3});
  h.Vdl(1, 1, 103);
  h.Harm(0);
  h.Harm(1);
  h.Tell(Healed{true});
  h.Look();
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(ReadQuorum, RefusesADiskThatLies) {
  auto h = Of<ReadQuorumChecker>();
  WriteFirst(h, {0, 1, 2});
  h.Store({3}, {Epoch(1), 0, 101, 103}, /*synced=*/false);
  h.Vdl(1, 1, 103);
  h.Tell(Healed{true});
  h.Look();
  EXPECT_THAT(h.failure(), HasSubstr("VDL 103 of epoch 1 needs LSN 103"));
}

TEST(ReadQuorum, RefusesALogThatWasDroppedTooEarly) {
  auto h = Of<ReadQuorumChecker>();
  WriteFirst(h, {0, 1, 2, 3});
  h.Vdl(1, 1, 103);
  h.Persist(3, {storage_node::DropLog{kPg, kTimeline, Lsn(200)}});
  h.Tell(Healed{true});
  h.Look();
  EXPECT_TRUE(h.refused());
}

TEST(Durability, AcceptsAHistoryWithEveryAcknowledgedMtr) {
  auto h = Of<DurabilityChecker>();
  WriteFirst(h, History::kAll);
  h.Tell(MtrAcked{1, Epoch(1), Lsn(103)});
  h.Issue(1, 1, 104, 105);
  h.Begin(History::kAll, 2, 103, 1001);
  h.Open(2);
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(Durability, RefusesAHistoryWithoutAnAcknowledgedMtr) {
  auto h = Of<DurabilityChecker>();
  WriteFirst(h, History::kAll);
  h.Tell(MtrAcked{1, Epoch(1), Lsn(103)});
  h.Begin(History::kAll, 2, 0, 1001);
  h.Open(2);
  EXPECT_THAT(h.failure(), HasSubstr("was acknowledged and is not in the history"));
}

TEST(Durability, RefusesAHistoryThatCutsAnMtrInTwo) {
  auto h = Of<DurabilityChecker>();
  WriteFirst(h, History::kAll);
  h.Begin(History::kAll, 2, 102, 1001);
  h.Open(2);
  EXPECT_THAT(h.failure(), HasSubstr("is cut in two"));
}

TEST(Durability, RefusesTheAckOfWhatWasCutOff) {
  auto h = Of<DurabilityChecker>();
  WriteFirst(h, History::kAll);
  h.Begin(History::kAll, 2, 0, 1001);
  h.Open(2);
  h.Tell(MtrAcked{1, Epoch(1), Lsn(103)});
  EXPECT_THAT(h.failure(), HasSubstr("had cut it off"));
}

TEST(GaveUp, AcceptsALostRaceAndRefusesLostData) {
  auto h = Of<GaveUpChecker>();
  h.Tell(OpeningGivenUp{1, absl::UnavailableError("the writer is heard")});
  EXPECT_EQ(h.failure(), "accepted");
  h.Tell(OpeningGivenUp{1, absl::DataLossError("two records at LSN 7")});
  EXPECT_THAT(h.failure(), HasSubstr("two records at LSN 7"));
  auto other = Of<GaveUpChecker>();
  other.Tell(OpeningGivenUp{1, absl::InternalError("?")});
  EXPECT_TRUE(other.refused());
}

// ---- I2 -----------------------------------------------------------------------------------------

// [101,103] reached nobody's disk, and epoch 2 has cut it off; n6 has not heard of that.
void CutFirst(History& h) {
  h.StartFirstEpoch();
  h.Issue(1, 1, 101, 103);
  h.Begin({0, 1, 2, 3, 4}, 2, 0, 1001);
  h.Open(2);
}

TEST(Annulled, AcceptsItWhereTheCutIsUnknown) {
  auto h = Of<AnnulledChecker>();
  CutFirst(h);
  h.Store({5}, {Epoch(1), 0, 101, 103});
  h.Store(History::kAll, {Epoch(2), 0, 1001, 1002});
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(Annulled, RefusesItWhereTheCutIsKnown) {
  auto h = Of<AnnulledChecker>();
  CutFirst(h);
  h.Store({4}, {Epoch(1), 0, 101, 103});
  EXPECT_THAT(h.failure(), HasSubstr("n5 stores LSN 101, which epoch 2 has cut off"));
}

TEST(Annulled, RefusesAZombiesMtr) {
  auto h = Of<AnnulledChecker>();
  CutFirst(h);
  h.Issue(1, 1, 104, 104);
  h.Store({0}, {Epoch(1), 103, 104, 104});
  EXPECT_TRUE(h.refused());
}

TEST(Annulled, RefusesAnInventoryThatListsIt) {
  auto h = Of<AnnulledChecker>();
  CutFirst(h);
  quorum::InventoryTaken taken;
  taken.inventory.records = {{Lsn(102), Lsn(101), Lsn(101), false}};
  h.Answers(5, 1, taken);
  EXPECT_EQ(h.failure(), "accepted");
  h.Answers(5, 3, taken);
  EXPECT_THAT(h.failure(), HasSubstr("n6 tells an opening of epoch 3 of LSN 102"));
}

// ---- I3 -----------------------------------------------------------------------------------------

TEST(OneContent, RefusesTwoBoxcarsUnderOneLsn) {
  const auto make = [](std::shared_ptr<DiskModel> disks) {
    return std::make_unique<DiskModelChecker>(std::move(disks));
  };
  History same(make);
  same.Store({0, 1}, {Epoch(1), 0, 101, 103});
  EXPECT_EQ(same.failure(), "accepted");
  History other(make);
  other.Store({0}, {Epoch(1), 0, 101, 103});
  other.Store({1}, {Epoch(1), 0, 101, 103, 'y'});
  EXPECT_THAT(other.failure(), HasSubstr("another boxcar at LSN 101"));
  History overlapping(make);
  overlapping.Store({0}, {Epoch(1), 0, 101, 103});
  overlapping.Store({1}, {Epoch(1), 101, 102, 103});
  EXPECT_THAT(overlapping.failure(), HasSubstr("LSN 102 is in the boxcars at"));
}

TEST(OneWriter, AcceptsAZombieBelowItsSuccessor) {
  auto h = Of<OneWriterChecker>();
  WriteFirst(h, History::kAll);
  h.Begin(History::kAll, 2, 103, 1001);
  h.Open(2);
  h.Issue(2, 2, 1001, 1002);
  h.Issue(1, 1, 104, 110);
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(OneWriter, RefusesAZombieAmongItsSuccessorsLsns) {
  auto h = Of<OneWriterChecker>();
  WriteFirst(h, History::kAll);
  h.Begin(History::kAll, 2, 103, 1001);
  h.Open(2);
  h.Issue(1, 1, 104, 1001);
  EXPECT_THAT(h.failure(), HasSubstr("epoch 2 has started below it"));
}

TEST(OneWriter, RefusesAnEpochThatStartsAmongOldLsns) {
  auto h = Of<OneWriterChecker>();
  WriteFirst(h, History::kAll);
  h.Issue(1, 1, 104, 1005);
  h.Begin(History::kAll, 2, 103, 1001);
  h.Open(2);
  EXPECT_TRUE(h.refused());
}

TEST(OneWriter, RefusesALsnGivenTwice) {
  auto h = Of<OneWriterChecker>();
  WriteFirst(h, History::kAll);
  h.Issue(1, 1, 103, 104);
  EXPECT_TRUE(h.refused());
}

TEST(OneWriter, RefusesTwoWritersOfAnEpoch) {
  auto opened_twice = Of<OneWriterChecker>();
  opened_twice.StartFirstEpoch();
  opened_twice.Open(2);
  EXPECT_THAT(opened_twice.failure(), HasSubstr("opened a second time"));
  auto strange = Of<OneWriterChecker>();
  strange.StartFirstEpoch();
  strange.Issue(2, 1, 101, 101);
  EXPECT_THAT(strange.failure(), HasSubstr("not its own"));
}

TEST(BeginQuorum, AcceptsFourAndRefusesThree) {
  auto four = Of<BeginQuorumChecker>();
  four.Begin({0, 1, 2, 3}, 1, 0, 101);
  four.Open(1);
  EXPECT_EQ(four.failure(), "accepted");
  auto three = Of<BeginQuorumChecker>();
  three.Begin({0, 1, 2}, 1, 0, 101);
  three.Open(1);
  EXPECT_THAT(three.failure(), HasSubstr("begun durably on 3 segments"));
}

TEST(BeginQuorum, RefusesARecordOfAnEpochThatHasNotBegun) {
  auto h = Of<BeginQuorumChecker>();
  h.StartFirstEpoch();
  h.Begin({0, 1, 2}, 2, 0, 1001);
  h.Store({0}, {Epoch(2), 0, 1001, 1001});
  EXPECT_THAT(h.failure(), HasSubstr("epoch 2 has written and has begun durably on 3"));
}

TEST(BeginQuorum, RefusesAManifestThatThreeHold) {
  auto h = Of<BeginQuorumChecker>();
  h.Begin({0, 1, 2}, 1, 0, 101);
  for (const NodeIndex node : {3, 4, 5}) h.PersistPath(node, h.path());
  h.Open(1);
  EXPECT_THAT(h.failure(), HasSubstr("is on 3 segments of the first PG"));
}

TEST(Fence, AcceptsAPromiseThatIsKept) {
  auto h = Of<FenceChecker>();
  WriteFirst(h, History::kAll);
  h.Acks({0}, 1, 103);
  h.Promise(0, Epoch(2));
  h.Answers(0, 2, quorum::Promised{});
  h.Restart(0);
  h.Answers(0, 3, quorum::Refused{});
  h.Acks({1}, 1, 103);
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(Fence, RefusesAnAckOfAnOlderEpochEvenAfterARestart) {
  auto h = Of<FenceChecker>();
  WriteFirst(h, History::kAll);
  h.Promise(0, Epoch(2));
  h.Answers(0, 2, quorum::Promised{});
  h.Restart(0);
  h.Acks({0}, 1, 103);
  EXPECT_THAT(h.failure(), HasSubstr("has promised epoch 2 of PG 70 and answers in epoch 1"));
}

TEST(Fence, RefusesAPromiseBeforeItIsDurable) {
  auto h = Of<FenceChecker>();
  h.StartFirstEpoch();
  h.Answers(0, 2, quorum::Promised{});
  EXPECT_THAT(h.failure(), HasSubstr("before it is durable"));
}

TEST(Fence, RefusesABegunBeforeItsHistoryIsDurable) {
  auto h = Of<FenceChecker>();
  h.StartFirstEpoch();
  h.Promise(0, Epoch(2));
  h.Answers(0, 2, quorum::Begun{});
  EXPECT_THAT(h.failure(), HasSubstr("epoch 2 has begun before its history is durable"));
}

TEST(Fence, RefusesAForgottenPromiseUnlessTheDiskWasHarmed) {
  for (const bool harmed : {false, true}) {
    auto h = Of<FenceChecker>();
    h.StartFirstEpoch();
    h.Promise(0, Epoch(2));
    h.Answers(0, 2, quorum::Promised{});
    if (harmed) h.Harm(0);
    h.Promise(0, Epoch(1));
    EXPECT_EQ(h.refused(), !harmed) << h.failure();
  }
}

TEST(Fence, RefusesAHistoryThatGoesBack) {
  auto h = Of<FenceChecker>();
  h.StartFirstEpoch();
  const quorum::PgPath first = h.path();
  h.Answers(0, 1, quorum::Begun{});
  h.Begin({0}, 2, 0, 1001);
  h.Persist(0, {storage_node::PutMeta{storage_node::PathKey(kPg, kTimeline),
                                      storage_node::Encode(first)}});
  EXPECT_THAT(h.failure(), HasSubstr("goes back from epoch 2 to 1"));
}

}  // namespace
}  // namespace hexad::sim
