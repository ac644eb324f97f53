// What checks backtracks must refuse (docs/testing.md): each with a history made by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "tests/sim/checkers/annulled.h"
#include "tests/sim/checkers/backtracks.h"
#include "tests/sim/checkers/claims.h"
#include "tests/sim/checkers/durability.h"
#include "tests/sim/history.h"

namespace hexad::sim {
namespace {

using ::testing::HasSubstr;

// Epoch 1 of process 1 has committed [101,103], [104,105] and [106,106].
void WriteThree(History& h) {
  h.StartFirstEpoch();
  h.Issue(1, 1, 101, 103);
  h.Issue(1, 1, 104, 105);
  h.Issue(1, 1, 106, 106);
}

struct Ended {
  uint32_t epoch = 2;
  uint64_t forked_at = 0;
  std::optional<uint64_t> first_left;
  absl::Status status;
};

void Tell(History& h, const Ended& ended) {
  BacktrackEnded event{1, Epoch(ended.epoch), ended.status, Lsn(ended.forked_at), std::nullopt};
  if (ended.first_left.has_value()) event.first_left = Lsn(*ended.first_left);
  h.Tell(event);
}

// Process 1 is told to go back to `target`, forks at `fork`, and says so.
std::string WentBack(uint64_t target, uint64_t fork, std::optional<uint64_t> first_left) {
  History h([](auto) { return std::make_unique<BacktracksChecker>(); });
  WriteThree(h);
  h.Tell(BacktrackAsked{1, Lsn(target)});
  h.GoBack(2, fork, 1001, 106);
  h.Open(1);
  Tell(h, {2, fork, first_left, absl::OkStatus()});
  return h.failure();
}

TEST(Backtracks, AcceptTheLastCommitAtOrBeforeTheTarget) {
  EXPECT_EQ(WentBack(103, 103, 105), "accepted");
  EXPECT_EQ(WentBack(104, 103, 105), "accepted") << "inside the second MTR";
  EXPECT_EQ(WentBack(105, 105, 106), "accepted");
}

TEST(Backtracks, RefuseAForkInsideAnMtr) {
  EXPECT_THAT(WentBack(104, 104, 105), HasSubstr("is not the end of an MTR"));
}

TEST(Backtracks, RefuseAnotherCommit) {
  EXPECT_THAT(WentBack(105, 103, 105), HasSubstr("the last commit at or before 105 is"));
  EXPECT_THAT(WentBack(103, 105, 106), HasSubstr("went back to LSN 105"));
}

TEST(Backtracks, RefuseAWrongFirstCommitThatIsLeft) {
  EXPECT_THAT(WentBack(103, 103, 106), HasSubstr("calls LSN 106 the first that it left"));
  EXPECT_THAT(WentBack(103, 103, std::nullopt), HasSubstr("which is 105"));
}

TEST(Backtracks, AcceptThatAHeadWhichEndsThereLeavesNothing) {
  History h([](auto) { return std::make_unique<BacktracksChecker>(); });
  WriteThree(h);
  h.GoBack(2, 103, 1001, 106);  // its process is heard of no more
  h.Tell(BacktrackAsked{1, Lsn(103)});
  h.Begin(History::kAll, 3, 103, 2001);
  h.Open(1);
  Tell(h, {3, 103, std::nullopt, absl::OkStatus()});
  EXPECT_EQ(h.failure(), "accepted");
}

TEST(Backtracks, RefuseOneThatNobodyAskedForOrThatHasNotOpened) {
  History unasked([](auto) { return std::make_unique<BacktracksChecker>(); });
  WriteThree(unasked);
  Tell(unasked, {2, 103, 105, absl::OkStatus()});
  EXPECT_THAT(unasked.failure(), HasSubstr("nobody asked it to"));
  History closed([](auto) { return std::make_unique<BacktracksChecker>(); });
  WriteThree(closed);
  closed.Tell(BacktrackAsked{1, Lsn(103)});
  Tell(closed, {2, 103, 105, absl::OkStatus()});
  EXPECT_THAT(closed.failure(), HasSubstr("has not opened"));
  History elsewhere([](auto) { return std::make_unique<BacktracksChecker>(); });
  WriteThree(elsewhere);
  elsewhere.Tell(BacktrackAsked{1, Lsn(103)});
  elsewhere.GoBack(2, 103, 1001, 106);
  elsewhere.Open(1);
  Tell(elsewhere, {2, 105, 106, absl::OkStatus()});
  EXPECT_THAT(elsewhere.failure(), HasSubstr("forks at 103, and its backtrack says 105"));
}

TEST(Backtracks, RefuseThatAKeptCommitIsOutOfRange) {
  const auto refused = [](uint64_t target, bool branch) {
    History h([](auto) { return std::make_unique<BacktracksChecker>(); });
    WriteThree(h);
    if (branch) {
      h.GoBack(2, 103, 1001, 105);
    } else {
      h.Begin(History::kAll, 2, 105, 1001);
    }
    h.Open(1);
    h.Tell(BacktrackAsked{1, Lsn(target)});
    Tell(h, {2, 0, std::nullopt, absl::OutOfRangeError("no")});
    return h.failure();
  };
  EXPECT_THAT(refused(103, false), HasSubstr("which epoch 2 keeps"));
  EXPECT_THAT(refused(105, true), HasSubstr("which epoch 2 keeps"));
  EXPECT_EQ(refused(106, true), "accepted") << "above the branch's end";
  EXPECT_EQ(refused(104, false), "accepted") << "no commit";
}

TEST(Durability, AcceptsWhatIsOnABranchAndRefusesWhatABacktrackLost) {
  for (const uint64_t end : {106, 105}) {
    History h([](auto) { return std::make_unique<DurabilityChecker>(); });
    WriteThree(h);
    for (const uint64_t commit : {103, 105, 106}) h.Tell(MtrAcked{1, Epoch(1), Lsn(commit)});
    h.Tell(BacktrackAsked{1, Lsn(103)});
    h.Tell(OpeningBegins{1, Epoch(2), nullptr});
    h.GoBack(2, 103, 1001, end);
    h.Open(1);
    if (end == 106) {
      EXPECT_EQ(h.failure(), "accepted");
    } else {
      EXPECT_THAT(h.failure(), HasSubstr("the MTR at 106 of epoch 1 was acknowledged"));
    }
  }
}

TEST(Durability, RefusesABranchThatNoBacktrackLeft) {
  History h([](auto) { return std::make_unique<DurabilityChecker>(); });
  WriteThree(h);
  h.Tell(MtrAcked{1, Epoch(1), Lsn(105)});
  h.GoBack(2, 103, 1001, 106);
  h.Open(1);
  EXPECT_THAT(h.failure(), HasSubstr("the MTR at 105 of epoch 1 was acknowledged"));
}

TEST(Annulled, RefusesWhatLiesBeyondABranchsEndAndAcceptsTheBranch) {
  for (const uint64_t lsn : {105, 106}) {
    History h([](auto disks) { return std::make_unique<AnnulledChecker>(std::move(disks)); });
    WriteThree(h);
    h.GoBack(2, 103, 1001, 105);
    h.Open(1);
    quorum::InventoryTaken taken;
    taken.inventory.records = {{Lsn(lsn), Lsn(lsn - 1), Lsn(lsn - 1), false}};
    h.Answers(5, 3, taken);
    EXPECT_EQ(h.refused(), lsn == 106) << h.failure();
  }
}

// A segment that was whole up to 106 in epoch 1, asked along the branch that ends at 105.
TEST(Claims, OfABranchEndWithIt) {
  const auto tells = [](uint64_t scl, uint32_t history) {
    History h([](auto disks) { return std::make_unique<ClaimsChecker>(std::move(disks)); });
    WriteThree(h);
    h.Store(History::kAll, {Epoch(1), 0, 101, 105});
    h.Store(History::kAll, {Epoch(1), 105, 106, 106});
    h.Acks({0}, 1, 106);
    h.GoBack(2, 103, 1001, 105);
    h.Open(1);
    h.Promise(0, Epoch(3));
    const quorum::Envelope to{kTimeline, kPg, Epoch(3), MembershipEpoch(1)};
    const quorum::SegmentRequest ask = quorum::TakeInventory{to, h.path(), Epoch(2)};
    h.Tell(OpeningAsked{9, 0, &ask});
    quorum::InventoryTaken taken;
    taken.inventory.scl = Lsn(scl);
    taken.history = Epoch(history);
    h.Answers(0, 3, taken);
    return h.failure();
  };
  EXPECT_EQ(tells(105, 1), "accepted");
  EXPECT_THAT(tells(103, 1), HasSubstr("has told epoch 1 that it is whole up to 106"));
  EXPECT_THAT(tells(105, 7), HasSubstr("of a history that it was not asked about"));
}

}  // namespace
}  // namespace hexad::sim
