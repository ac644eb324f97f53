// Backtrack: an opening that forks at an older commit, and what it leaves behind (docs/fork.md).
#include <gmock/gmock.h>

#include "tests/unit/opening_cluster.h"

namespace hexad::backtrack {
namespace {

using quorum::Begin;
using ::testing::HasSubstr;
using Answers = OpeningCluster::Answers;

const std::vector<int> kAll = {1, 2, 3, 4, 5, 6};

// Two PGs; epoch 1 has committed 1..8, odd LSNs in PG 0 and even ones in PG 1, at time 10 * LSN.
class OpeningBacktrack : public ::testing::Test {
 protected:
  OpeningBacktrack() {
    Opened alone = OpenWith(cluster, 1, kAll);
    epoch = alone.start.epoch;
    Manifest grown = alone.start.manifest;
    grown.geometry_epoch = GeometryEpoch(2);
    grown.pgs.push_back(cluster.Pg(1));
    for (const int node : kAll) {
      cluster.Create(1, node);
      cluster.Ask(node, Begin{cluster.To(1, epoch), alone.start.pg_paths[0], std::nullopt});
      cluster.Ask(node, Begin{cluster.To(0, epoch), alone.start.pg_paths[0], grown});
    }
    for (uint64_t lsn = 1; lsn <= 8; ++lsn) Commit(epoch, lsn, lsn - 1, lsn < 2 ? 0 : lsn - 2);
  }

  // One record of the PG that its LSN's parity names.
  void Commit(EpochId in, uint64_t lsn, uint64_t volume_prev, uint64_t pg_prev,
              const std::vector<int>& to = kAll) {
    const auto pg = static_cast<uint32_t>((lsn + 1) % 2);
    const auto box = cluster.Box(pg, in, Lsn(lsn), Lsn(volume_prev), Lsn(pg_prev));
    ASSERT_EQ(cluster.Append(to, box, Lsn(volume_prev)), static_cast<int>(to.size()));
  }

  OpeningOptions To(uint64_t claimant, BacktrackTarget target) {
    OpeningOptions options = cluster.Options(claimant);
    options.backtrack = target;
    return options;
  }
  Opened BacktrackTo(uint64_t claimant, BacktrackTarget target, const std::vector<int>& up = kAll) {
    OpeningDrive drive(cluster, To(claimant, target));
    drive.Up(up).Run();
    EXPECT_TRUE(drive.opened.has_value())
        << (drive.failed.has_value() ? drive.failed->ToString() : drive.opening().Describe());
    return drive.opened.value_or(Opened{});
  }
  static std::vector<Lsn> Tails(const Opened& opened) {
    std::vector<Lsn> tails;
    for (const auto& path : opened.start.pg_paths) tails.push_back(path.fork_tail());
    return tails;
  }

  using Manifest = quorum::Manifest;
  OpeningCluster cluster;
  EpochId epoch;
};

TEST_F(OpeningBacktrack, ForksAtTheCommitAndKeepsTheRestAsABranch) {
  const Opened opened = BacktrackTo(2, Lsn(5));
  EXPECT_EQ(opened.start.vdl, Lsn(5));
  EXPECT_EQ(Tails(opened), (std::vector<Lsn>{Lsn(5), Lsn(4)}));
  EXPECT_EQ(opened.forked_at, (quorum::CommitPoint{Lsn(5), CommitTime(50)}));
  EXPECT_EQ(opened.first_left, (quorum::CommitPoint{Lsn(6), CommitTime(60)}));
  const auto& branches = opened.start.pg_paths[1].branches;
  ASSERT_EQ(branches.size(), 1u);
  EXPECT_EQ(branches[0].end, (quorum::ForkPoint{Lsn(8), Lsn(8)}));
  EXPECT_EQ(opened.scls[0][0], Lsn(5));
}

TEST_F(OpeningBacktrack, ATimeMeansTheLastCommitAtOrBeforeIt) {
  EXPECT_EQ(BacktrackTo(2, CommitTime(59)).start.vdl, Lsn(5));
  EXPECT_EQ(BacktrackTo(3, CommitTime(20)).start.vdl, Lsn(2));
}

TEST_F(OpeningBacktrack, WorksWithTwoNodesOrAnAzDown) {
  EXPECT_EQ(BacktrackTo(2, Lsn(7), {1, 2, 3, 4}).start.vdl, Lsn(7));
  EXPECT_EQ(BacktrackTo(3, Lsn(3), {2, 3, 5, 6}).start.vdl, Lsn(3));
}

TEST_F(OpeningBacktrack, GoesForwardAgainOnTheBranch) {
  const Opened back = BacktrackTo(2, Lsn(3));
  const uint64_t first = back.start.first_lsn.value() | 1;
  Commit(back.start.epoch, first, 3, 3);
  const Opened again = BacktrackTo(3, Lsn(8));
  EXPECT_EQ(again.start.vdl, Lsn(8));
  EXPECT_EQ(Tails(again), (std::vector<Lsn>{Lsn(7), Lsn(8)}));
  const auto& branches = again.start.pg_paths[0].branches;
  ASSERT_EQ(branches.size(), 1u) << "the first branch is the head again";
  EXPECT_EQ(branches[0].end.at, Lsn(first));
  EXPECT_GT(again.start.first_lsn, Lsn(first)) << "an LSN would be used twice";
}

TEST_F(OpeningBacktrack, PlacesWithoutACommitAreRefusedAndNothingChanges) {
  const auto refuses = [&](uint64_t claimant, BacktrackTarget target, const std::string& why) {
    OpeningDrive drive(cluster, To(claimant, target));
    drive.Up(kAll).Run();
    ASSERT_TRUE(drive.failed.has_value());
    EXPECT_TRUE(absl::IsOutOfRange(*drive.failed)) << *drive.failed;
    EXPECT_THAT(drive.failed->ToString(), HasSubstr(why));
  };
  refuses(2, Lsn(9), "up to 8");
  refuses(3, CommitTime(9), "the first one is LSN 1");
  EXPECT_EQ(OpenWith(cluster, 4, kAll).start.vdl, Lsn(8));
}

// --- half-done -----------------------------------------------------------------------------------

// Answers Begins only where `reaches` says so.
OpeningCluster::Between BeginsOnly(std::function<bool(const quorum::Send&)> reaches) {
  return [reaches](const quorum::Send& send) -> std::optional<Answers> {
    if (!std::holds_alternative<Begin>(send.request) || reaches(send)) return std::nullopt;
    return Answers{};
  };
}

TEST_F(OpeningBacktrack, OneThatDiesHalfWayNeverHappened) {
  // It reaches every segment of PG 0 and none of PG 1.
  OpeningDrive drive(cluster, To(2, Lsn(3)));
  const PgId first = cluster.Pg(0).pg;
  drive
      .Through(BeginsOnly([first](const quorum::Send& send) {
        return std::get<Begin>(send.request).to.pg == first;
      }))
      .Up(kAll)
      .Run(nullptr, Duration::Seconds(1));
  ASSERT_FALSE(drive.Ended());
  const Opened after = OpenWith(cluster, 3, kAll);
  EXPECT_EQ(after.start.vdl, Lsn(8)) << "acknowledged commits are gone";
  EXPECT_EQ(Tails(after), (std::vector<Lsn>{Lsn(7), Lsn(8)}));
  EXPECT_TRUE(after.start.pg_paths[0].branches.empty());
}

TEST_F(OpeningBacktrack, OneThatBeganEverywhereHappened) {
  OpeningDrive drive(cluster, To(2, Lsn(3)));
  drive.Through(BeginsOnly([](const quorum::Send& send) { return send.node <= NodeId("n4"); }))
      .Up(kAll)
      .Run();
  ASSERT_TRUE(drive.opened.has_value());
  const Opened after = OpenWith(cluster, 3, {1, 5, 6, 2});
  EXPECT_EQ(after.start.vdl, Lsn(3)) << "what was left behind came back";
  EXPECT_EQ(after.start.pg_paths[0].branches.size(), 1u);
}

// Found by the simulator (seed 1756): the epoch began with two of what it had asked still there.
TEST_F(OpeningBacktrack, BeginsOnlyWhileAReadQuorumIsStillThere) {
  OpeningDrive drive(cluster, To(2, Lsn(3)));
  std::vector<Answers> held;
  drive.Through([&](const quorum::Send& send) -> std::optional<Answers> {
    if (!std::holds_alternative<quorum::FindCommit>(send.request)) return std::nullopt;
    if (send.node != OpeningCluster::N(4)) return Answers{};
    held.push_back(cluster.Ask(send.node, send.request));
    return Answers{};
  });
  drive.Up({1, 2, 3, 4}).Run([&] { return held.size() == 2; });
  ASSERT_EQ(held.size(), 2u) << drive.opening().Describe();
  // Which commit it is, in both PGs; then where each PG stands there.
  for (size_t i = 0; i < 2; ++i) drive.Answer(4, Answers(held[i]).front());
  drive.Run([&] { return held.size() == 4; });
  ASSERT_EQ(held.size(), 4u) << drive.opening().Describe();
  for (const int node : {1, 2, 3}) drive.Down(node);
  for (size_t i = 2; i < 4; ++i) drive.Answer(4, Answers(held[i]).front());
  EXPECT_THAT(drive.opening().Describe(), HasSubstr("looking for the commit"));
  drive.Through(nullptr).Up({1, 2, 3}).Run();
  ASSERT_TRUE(drive.opened.has_value()) << drive.opening().Describe();
  EXPECT_EQ(drive.opened->start.vdl, Lsn(3));
}

// Found by the simulator: what n1 said of the head came while the branch was asked about. It was
// taken for DATA_LOSS, and could have passed for a segment that holds the branch.
TEST_F(OpeningBacktrack, ALateAnswerAboutTheHeadSaysNothingOfTheBranch) {
  const Opened back = BacktrackTo(2, Lsn(3));
  Commit(back.start.epoch, back.start.first_lsn.value() | 1, 3, 3);
  OpeningDrive drive(cluster, To(3, Lsn(7)));
  Answers late;
  drive.Through([&](const quorum::Send& send) -> std::optional<Answers> {
    const auto* take = std::get_if<quorum::TakeInventory>(&send.request);
    if (take == nullptr || send.node != OpeningCluster::N(1) || take->to.pg != cluster.Pg(0).pg) {
      return std::nullopt;
    }
    Answers answers = cluster.Ask(send.node, send.request);
    if (take->branch.has_value()) return Answers{};
    late = answers;
    return Answers{};
  });
  drive.Up(kAll).Run([&] {
    return drive.opening().Describe().starts_with("taking inventory") &&
           std::any_of(drive.sent.begin(), drive.sent.end(), [](const auto& send) {
             const auto* take = std::get_if<quorum::TakeInventory>(&send.request);
             return take != nullptr && take->branch.has_value();
           });
  });
  ASSERT_EQ(late.size(), 1u);
  drive.Answer(1, late.front());
  EXPECT_FALSE(drive.opening().Count()[0].listed.Has(0));
  drive.Run();
  ASSERT_TRUE(drive.opened.has_value()) << drive.failed.value_or(absl::OkStatus());
  EXPECT_EQ(drive.opened->start.vdl, Lsn(7));
}

// The branch was whole on a write quorum before it was left: two nodes later lost cost nothing.
TEST_F(OpeningBacktrack, WhatIsLeftBehindWasRefilledFirst) {
  Commit(epoch, 9, 8, 7, {1, 2, 3, 4});
  Commit(epoch, 10, 9, 8, {1, 2, 3, 4});
  BacktrackTo(2, Lsn(3), {3, 4, 5, 6});
  const Opened again = BacktrackTo(3, Lsn(10), {1, 2, 5, 6});
  EXPECT_EQ(again.start.vdl, Lsn(10));
  EXPECT_EQ(Tails(again), (std::vector<Lsn>{Lsn(9), Lsn(10)}));
}

// Found by the simulator: commit times fell, once, where the writer changed. By time the first
// commit that is later came before the last one that is not.
TEST(CommitSearch, WhatIsLeftFirstLiesAboveTheFork) {
  CommitSearch search(CommitTime(100));
  quorum::CommitFound by_time;
  by_time.before = {Lsn(662), CommitTime(90)};
  by_time.after = {Lsn(457), CommitTime(110)};
  auto done = search.Take({by_time}, quorum::Manifest());
  ASSERT_TRUE(done.ok()) << done.status();
  ASSERT_FALSE(*done);
  EXPECT_EQ(search.question(), ForkTarget(Lsn(662)));
  quorum::CommitFound by_lsn;
  by_lsn.before = by_time.before;
  done = search.Take({by_lsn}, quorum::Manifest());
  ASSERT_TRUE(done.ok() && *done);
  EXPECT_EQ(search.fork()->lsn, Lsn(662));
  EXPECT_FALSE(search.after().has_value()) << "the fork is the last commit there is";
}

}  // namespace
}  // namespace hexad::backtrack
