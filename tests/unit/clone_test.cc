// Making a clone of a volume that goes on: real segment cores, six nodes, two PGs (docs/fork.md).
#include "backtrack/clone.h"

#include <gmock/gmock.h>

#include "tests/unit/clone_drive.h"

namespace hexad::backtrack {
namespace {

using quorum::Begin;
using quorum::CreateTimeline;
using quorum::Manifest;
using ::testing::HasSubstr;
using Answers = OpeningCluster::Answers;

const std::vector<int> kAll = {1, 2, 3, 4, 5, 6};
const TimelineId kClone{0xB};

// Two PGs; epoch 1 has committed 1..8, odd LSNs in PG 0 and even ones in PG 1, at time 10 * LSN.
class CloneTest : public ::testing::Test {
 protected:
  CloneTest() {
    const Opened alone = OpenWith(cluster, 1, kAll);
    epoch = alone.start.epoch;
    root = alone.start.pg_paths[0];
    manifest = alone.start.manifest;
    manifest.geometry_epoch = GeometryEpoch(2);
    manifest.pgs.push_back(cluster.Pg(1));
    for (const int node : kAll) {
      cluster.Create(1, node);
      cluster.Ask(node, Begin{cluster.To(1, epoch), root, std::nullopt});
    }
    TellManifest(kAll);
    for (uint64_t lsn = 1; lsn <= 8; ++lsn) Commit(epoch, lsn, lsn - 1, lsn < 2 ? 0 : lsn - 2);
    Tell(Lsn(8));
  }

  // What each of these nodes keeps as R afterwards.
  std::vector<Lsn> TellManifest(const std::vector<int>& nodes) {
    std::vector<Lsn> kept;
    for (const int node : nodes) {
      for (const auto& answer : cluster.Ask(node, Begin{cluster.To(0, epoch), root, manifest})) {
        const auto* begun = std::get_if<quorum::Begun>(&answer);
        if (begun != nullptr) kept.push_back(begun->retained_from);
      }
    }
    return kept;
  }
  void Tell(Lsn vdl) {
    for (const int node : kAll) {
      for (uint32_t pg = 0; pg < 2; ++pg) {
        cluster.Ask(node, quorum::Append{cluster.To(pg, epoch), vdl, Lsn(), {}});
      }
    }
  }
  // One record of the PG that its LSN's parity names, of the timeline that cluster.named says.
  void Commit(EpochId in, uint64_t lsn, uint64_t volume_prev, uint64_t pg_prev,
              const std::vector<int>& to = kAll) {
    const auto pg = static_cast<uint32_t>((lsn + 1) % 2);
    auto box = cluster.Box(pg, in, Lsn(lsn), Lsn(volume_prev), Lsn(pg_prev));
    ASSERT_EQ(cluster.Append(to, box, Lsn(volume_prev)), static_cast<int>(to.size()));
  }

  CloneOptions Of(CloneTarget at, TimelineId timeline = kClone) {
    CloneOptions options;
    options.parent = cluster.named;
    options.at = at;
    options.timeline = timeline;
    options.name = "clone";
    return options;
  }
  Cloned Make(CloneTarget at, const std::vector<int>& up = kAll) {
    CloneDrive drive(cluster, Of(at));
    drive.Up(up).Run();
    EXPECT_TRUE(drive.cloned.has_value()) << drive.Outcome();
    return drive.cloned.value_or(Cloned{});
  }
  // The clone as its name would say it.
  Manifest Named(const Cloned& cloned) const {
    Manifest named = cluster.named;
    named.timeline = cloned.manifest.timeline;
    named.name = cloned.manifest.name;
    named.pgs = {cloned.manifest.pgs.front()};
    return named;
  }
  Opened Open(const Manifest& named, uint64_t claimant, const std::vector<int>& up = kAll,
              std::optional<ForkTarget> backtrack = std::nullopt) {
    OpeningOptions options = cluster.Options(claimant);
    options.named = named;
    options.backtrack = backtrack;
    OpeningDrive drive(cluster, options);
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
  // Commits on the clone: its PGs are those of the parent.
  void CommitOn(const Opened& opened, uint64_t lsn, uint64_t volume_prev, uint64_t pg_prev,
                const std::vector<int>& to = {1, 2, 3, 4}) {
    const auto pg = static_cast<uint32_t>((lsn + 1) % 2);
    const PgId pg_id = opened.start.manifest.pgs[pg].pg;
    const TimelineId timeline = opened.start.manifest.timeline;
    quorum::BoxcarBuilder builder(timeline, pg_id, opened.start.epoch);
    quorum::RecordView record;
    record.lsn = Lsn(lsn);
    record.volume_prev = Lsn(volume_prev);
    record.pg_prev = Lsn(pg_prev);
    record.page = PageNo(4 * pg + 1);
    record.epoch_number = opened.start.epoch.number;
    record.kind = quorum::RecordKind::kNop;
    record.flags = 3;
    record.commit_time = CommitTime(static_cast<int64_t>(10 * lsn));
    builder.Add(record);
    EXPECT_EQ(cluster.Append(to, builder.Seal(Lsn(), Lsn()), Lsn(volume_prev)),
              static_cast<int>(to.size()));
  }

  OpeningCluster cluster;
  EpochId epoch;
  quorum::PgPath root;
  Manifest manifest;
};

TEST_F(CloneTest, SeesExactlyTheParentAtTheFork) {
  const Cloned cloned = Make(Lsn(5));
  EXPECT_EQ(cloned.forked_at, (quorum::CommitPoint{Lsn(5), CommitTime(50)}));
  EXPECT_EQ(cloned.manifest.pgs.size(), 2u);
  EXPECT_EQ(cloned.manifest.retained_from, Lsn(5));
  const Opened opened = Open(Named(cloned), 2);
  EXPECT_EQ(opened.start.vdl, Lsn(5));
  EXPECT_EQ(opened.start.first_lsn, Lsn(6));
  EXPECT_EQ(opened.start.manifest.name, "clone");
  EXPECT_EQ(Tails(opened), (std::vector<Lsn>{Lsn(5), Lsn(4)}));
  EXPECT_EQ(opened.scls[0][0], Lsn(5)) << "its SCL starts at the tail of the fork";
  EXPECT_EQ(opened.scls[1][0], Lsn(4));
}

TEST_F(CloneTest, OfNowATimeOrAnLsnBetweenCommits) {
  EXPECT_EQ(Make(CloneNow{}).forked_at.lsn, Lsn(8));
  CloneDrive time(cluster, Of(CommitTime(39), TimelineId(0xC)));
  EXPECT_EQ(time.Up(kAll).Run().cloned->forked_at, (quorum::CommitPoint{Lsn(3), CommitTime(30)}));
}

// The segments hear a VDL with the next boxcar. The caller knows it from its writer.
TEST_F(CloneTest, OfNowHasWhatTheCallerCommitted) {
  Commit(epoch, 9, 8, 7);
  CloneOptions options = Of(CloneNow{});
  options.at_least = Lsn(9);
  CloneDrive drive(cluster, options);
  EXPECT_EQ(drive.Up(kAll).Run().cloned->forked_at.lsn, Lsn(9));
}

TEST_F(CloneTest, OfAVolumeWithoutACommit) {
  OpeningCluster fresh;
  OpenWith(fresh, 1, kAll);
  CloneOptions options = Of(CloneNow{});
  CloneDrive drive(fresh, options);
  drive.Up(kAll).Run();
  ASSERT_TRUE(drive.cloned.has_value()) << drive.Outcome();
  EXPECT_EQ(drive.cloned->forked_at.lsn, Lsn());
}

TEST_F(CloneTest, WorksWithTwoNodesOrAnAzDown) {
  uint64_t id = 0xB0;
  for (const auto& [up, later] : std::vector<std::pair<std::vector<int>, std::vector<int>>>{
           {{1, 2, 3, 4}, {1, 2, 3, 5}}, {{2, 3, 5, 6}, {1, 2, 3, 5}}}) {
    CloneDrive drive(cluster, Of(Lsn(7), TimelineId(++id)));
    drive.Up(up).Run();
    ASSERT_TRUE(drive.cloned.has_value()) << drive.Outcome();
    // Those that missed it are made when the clone is opened, and count like any other.
    const Opened opened = Open(Named(*drive.cloned), 2, later);
    EXPECT_EQ(Tails(opened), (std::vector<Lsn>{Lsn(7), Lsn(6)}));
    CommitOn(opened, 8, 7, 6, later);
  }
  CloneDrive three(cluster, Of(Lsn(7), TimelineId(0xC)));
  three.Up({1, 2, 3}).Run();
  ASSERT_TRUE(three.failed.has_value());
  EXPECT_TRUE(absl::IsUnavailable(three.failed->status)) << three.failed->status;
  EXPECT_THAT(three.failed->status.ToString(), HasSubstr("3 of 4 answers (n1 n2 n3)"));
}

TEST_F(CloneTest, ParentAndCloneGoTheirOwnWays) {
  const Opened opened = Open(Named(Make(Lsn(5))), 2);
  CommitOn(opened, 6, 5, 4);
  CommitOn(opened, 7, 6, 5);
  Commit(epoch, 9, 8, 7);
  EXPECT_EQ(Open(cluster.named, 3).start.vdl, Lsn(9));
  EXPECT_EQ(Tails(Open(Named({opened.start.manifest, {}}), 4)), (std::vector<Lsn>{Lsn(7), Lsn(6)}));
}

TEST_F(CloneTest, OfAClone) {
  const Cloned first = Make(Lsn(5));
  const Opened opened = Open(Named(first), 2);
  CommitOn(opened, 6, 5, 4);
  CommitOn(opened, 7, 6, 5);
  for (const auto& [at, tails] :
       std::map<Lsn, std::vector<Lsn>>{{Lsn(6), {Lsn(5), Lsn(6)}}, {Lsn(5), {Lsn(5), Lsn(4)}}}) {
    CloneOptions options = Of(at, TimelineId(0xC0 + at.value()));
    options.parent = Named(first);
    CloneDrive drive(cluster, options);
    drive.Up(kAll).Run();
    ASSERT_TRUE(drive.cloned.has_value()) << drive.Outcome();
    EXPECT_EQ(Tails(Open(Named(*drive.cloned), 3)), tails);
  }
  // Its own past ends at its fork.
  CloneOptions below = Of(Lsn(4), TimelineId(0xD));
  below.parent = Named(first);
  CloneDrive drive(cluster, below);
  drive.Up(kAll).Run();
  ASSERT_TRUE(drive.failed.has_value());
  EXPECT_THAT(drive.failed->status.ToString(), HasSubstr("5 and later"));
}

// --- the parent goes on --------------------------------------------------------------------------

TEST_F(CloneTest, WhileTheParentWritesAndIsOpenedAgain) {
  uint64_t next = 9;
  bool opened = false;
  CloneDrive drive(cluster, Of(CloneNow{}));
  drive
      .Through([&](const quorum::Send& send) -> std::optional<Answers> {
        if (next < 40 && !opened) {
          Commit(epoch, next, next - 1, next - 2);
          ++next;
        }
        if (std::holds_alternative<CreateTimeline>(send.request) && !opened) {
          opened = true;
          OpenWith(cluster, 7, kAll);
        }
        return std::nullopt;
      })
      .Up(kAll)
      .Run();
  ASSERT_TRUE(drive.cloned.has_value()) << drive.Outcome();
  const Lsn fork = drive.cloned->forked_at.lsn;
  EXPECT_GE(fork, Lsn(8));
  const Opened clone = Open(Named(*drive.cloned), 2);
  EXPECT_EQ(clone.start.vdl, fork);
  EXPECT_EQ(std::max(Tails(clone)[0], Tails(clone)[1]), fork);
}

// The first PG's segments were polled before it grew, the second one's heard a commit after that.
TEST_F(CloneTest, WhileTheParentGrowsNoRecordBelowTheForkIsMissed) {
  int sends = 0;
  CloneDrive drive(cluster, Of(CloneNow{}));
  drive
      .Through([&](const quorum::Send&) -> std::optional<Answers> {
        if (++sends != 7) return std::nullopt;
        for (const int node : kAll) {
          cluster.Create(2, node);
          cluster.Ask(node, Begin{cluster.To(2, epoch), root, std::nullopt});
        }
        manifest.geometry_epoch = GeometryEpoch(3);
        manifest.pgs.push_back(cluster.Pg(2));
        TellManifest(kAll);
        EXPECT_EQ(cluster.Append(kAll, cluster.Box(2, epoch, Lsn(9), Lsn(8), Lsn())), 6);
        Commit(epoch, 10, 9, 8);
        Tell(Lsn(10));
        return std::nullopt;
      })
      .Up(kAll)
      .Run();
  ASSERT_TRUE(drive.cloned.has_value()) << drive.Outcome();
  EXPECT_EQ(drive.cloned->forked_at.lsn, Lsn(10));
  EXPECT_EQ(Tails(Open(Named(*drive.cloned), 2)), (std::vector<Lsn>{Lsn(7), Lsn(10), Lsn(9)}));
}

// A member that lags says so, and is asked again; until gossip has filled it the others do.
TEST_F(CloneTest, AMemberThatLacksTheForkIsNotCounted) {
  Commit(epoch, 9, 8, 7, {1, 2, 3, 4});
  Tell(Lsn(9));
  CloneDrive drive(cluster, Of(CloneNow{}));
  drive.Up({1, 2, 4, 5, 6}).Run();
  ASSERT_TRUE(drive.failed.has_value()) << "1, 2 and 4 hold it; 5 and 6 do not";
  EXPECT_THAT(drive.failed->status.ToString(), HasSubstr("3 of 4 answers (n1 n2 n4)"));
}

TEST_F(CloneTest, OfAPlaceThatTheParentHasLeft) {
  const Cloned cloned = Make(Lsn(7));
  OpeningOptions back = cluster.Options(3);
  back.backtrack = Lsn(3);
  OpeningDrive drive(cluster, back);
  drive.Up(kAll).Run();
  ASSERT_TRUE(drive.opened.has_value());
  EXPECT_EQ(Tails(Open(Named(cloned), 4)), (std::vector<Lsn>{Lsn(7), Lsn(6)}));
  // And made of it afterwards, on the branch.
  CloneDrive late(cluster, Of(Lsn(6), TimelineId(0xC)));
  late.Up(kAll).Run();
  ASSERT_TRUE(late.cloned.has_value()) << late.Outcome();
  EXPECT_EQ(Tails(Open(Named(*late.cloned), 5)), (std::vector<Lsn>{Lsn(5), Lsn(6)}));
}

TEST_F(CloneTest, GrowsAndGoesBackLikeAnyVolume) {
  const Opened opened = Open(Named(Make(Lsn(5))), 2);
  CommitOn(opened, 6, 5, 4);
  CommitOn(opened, 7, 6, 5);
  const Manifest named = Named({opened.start.manifest, {}});
  const Opened back = Open(named, 3, kAll, Lsn(6));
  EXPECT_EQ(Tails(back), (std::vector<Lsn>{Lsn(5), Lsn(6)}));
  EXPECT_EQ(Tails(Open(named, 4, kAll, Lsn(7))), (std::vector<Lsn>{Lsn(7), Lsn(6)}));
  EXPECT_EQ(Tails(Open(named, 5, kAll, Lsn(5))), (std::vector<Lsn>{Lsn(5), Lsn(4)}));
}

// --- R -------------------------------------------------------------------------------------------

TEST_F(CloneTest, BelowWhatIsRetainedNothingIsAsked) {
  manifest.retained_from = Lsn(6);
  manifest.geometry_epoch = GeometryEpoch(3);
  TellManifest({1, 2, 3, 4});
  CloneDrive drive(cluster, Of(Lsn(5)));
  drive.Up({3, 4, 5, 6}).Run();
  ASSERT_TRUE(drive.failed.has_value());
  EXPECT_TRUE(absl::IsOutOfRange(drive.failed->status));
  EXPECT_THAT(drive.failed->status.ToString(), HasSubstr("6 and later"));
  EXPECT_EQ(drive.creates, 0);
  EXPECT_FALSE(drive.failed->remains.has_value());
}

// R is raised between the polls and the pin: one of them is first.
TEST_F(CloneTest, AnRThatHasAQuorumBeforeThePinRefusesIt) {
  CloneDrive drive(cluster, Of(Lsn(5)));
  bool raised = false;
  drive
      .Through([&](const quorum::Send& send) -> std::optional<Answers> {
        if (std::holds_alternative<CreateTimeline>(send.request) && !std::exchange(raised, true)) {
          manifest.retained_from = Lsn(6);
          manifest.geometry_epoch = GeometryEpoch(3);
          TellManifest({1, 2, 3, 4});
        }
        return std::nullopt;
      })
      .Up(kAll)
      .Run();
  ASSERT_TRUE(drive.failed.has_value());
  EXPECT_TRUE(absl::IsOutOfRange(drive.failed->status)) << drive.failed->status;
  ASSERT_TRUE(drive.failed->remains.has_value()) << "5 and 6 hold a pin of it";
  EXPECT_EQ(drive.failed->remains->timeline, kClone);
}

TEST_F(CloneTest, APinThatHasAQuorumHoldsR) {
  Make(Lsn(5), {1, 2, 3, 4});
  manifest.retained_from = Lsn(6);
  manifest.geometry_epoch = GeometryEpoch(3);
  EXPECT_EQ(TellManifest(kAll), (std::vector<Lsn>{Lsn(5), Lsn(5), Lsn(5), Lsn(5), Lsn(6), Lsn(6)}));
  // The next opening may meet the higher one, and keeps to it; it was never at four.
  EXPECT_EQ(OpenWith(cluster, 3, {3, 4, 5, 6}).start.manifest.retained_from, Lsn(6));
}

// --- half-done -----------------------------------------------------------------------------------

TEST_F(CloneTest, ACreatorThatDiesBetweenPinAndInstallLeavesNothingThatHarms) {
  CloneDrive dies(cluster, Of(Lsn(5)));
  const PgId first = cluster.Pg(0).pg;
  dies.Through([first](const quorum::Send& send) -> std::optional<Answers> {
        const auto* create = std::get_if<CreateTimeline>(&send.request);
        return create == nullptr || create->to.pg == first ? std::nullopt
                                                           : std::optional(Answers{});
      })
      .Up(kAll)
      .Run(Duration::Seconds(5));
  ASSERT_FALSE(dies.cloned || dies.failed);
  // The parent goes on, is opened again, and can be cloned, also at the same place.
  Commit(epoch, 9, 8, 7);
  EXPECT_EQ(OpenWith(cluster, 3, kAll).start.vdl, Lsn(9));
  CloneDrive again(cluster, Of(Lsn(5), TimelineId(0xC)));
  EXPECT_TRUE(again.Up(kAll).Run().cloned.has_value()) << again.Outcome();
  // What is left holds R until it is dropped.
  for (const int node : kAll) {
    for (const TimelineId timeline : {kClone, TimelineId(0xC)}) {
      cluster.Step(OpeningCluster::N(node),
                   storage_node::DropSegmentsAsked{
                       storage_node::CallId(5), ClusterId(7), timeline, {first, cluster.Pg(1).pg}});
    }
  }
  epoch = OpenWith(cluster, 4, kAll).start.epoch;
  manifest.retained_from = Lsn(6);
  const auto opened = OpenWith(cluster, 5, kAll);
  epoch = opened.start.epoch;
  root = opened.start.pg_paths[0];
  manifest.geometry_epoch = GeometryEpoch(9);
  EXPECT_EQ(TellManifest(kAll), std::vector<Lsn>(6, Lsn(6)));
}

TEST_F(CloneTest, MadeTwiceIsOne) {
  const Cloned once = Make(Lsn(5));
  const Cloned twice = Make(Lsn(5));
  EXPECT_EQ(once.manifest, twice.manifest);
  CloneDrive elsewhere(cluster, Of(Lsn(4)));
  elsewhere.Up(kAll).Run();
  ASSERT_TRUE(elsewhere.failed.has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(elsewhere.failed->status)) << elsewhere.failed->status;
}

}  // namespace
}  // namespace hexad::backtrack
