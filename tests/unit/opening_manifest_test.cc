// A geometry that a dying writer wrote to one segment must not outlive the epochs that did without
// it, and one that it wrote to four must not be lost to them: the manifest that counts is the one
// that was written in the latest epoch (Manifest::written_in).
#include "tests/unit/opening_cluster.h"

namespace hexad::backtrack {
namespace {

using quorum::Begin;
using quorum::Manifest;

const std::vector<int> kAll = {1, 2, 3, 4, 5, 6};

// Creates and begins PG 1 everywhere, and writes the manifest that lists it to `holders` only.
Manifest Grow(OpeningCluster& cluster, const Opened& opened, const std::vector<int>& holders) {
  Manifest grown = opened.start.manifest;
  grown.geometry_epoch = GeometryEpoch(2);
  grown.pgs.push_back(cluster.Pg(1));
  const EpochId epoch = opened.start.epoch;
  for (const int node : kAll) {
    cluster.Create(1, node);
    cluster.Ask(node, Begin{cluster.To(1, epoch), opened.start.pg_paths[0], std::nullopt});
  }
  for (const int node : holders) {
    cluster.Ask(node, Begin{cluster.To(0, epoch), opened.start.pg_paths[0], grown});
  }
  return grown;
}

TEST(OpeningManifest, AHalfGrownGeometryDoesNotReturnAfterALaterEpochWrote) {
  OpeningCluster cluster;
  const Opened first = OpenWith(cluster, 1, kAll);
  Grow(cluster, first, {5});
  // The next writer opens without n5, so with one PG, and commits.
  const Opened second = OpenWith(cluster, 2, {1, 2, 3, 4});
  ASSERT_EQ(second.start.manifest.pgs.size(), 1u);
  const Lsn commit = second.start.first_lsn;
  const Lsn vdl = second.start.vdl;
  ASSERT_EQ(cluster.Append({1, 2, 3, 4}, cluster.Box(0, second.start.epoch, commit, vdl, vdl), vdl),
            4);
  // n5 learns the path, and the record, by gossip; its manifest stays what it was.
  quorum::GossipAsk ask;
  ask.to = cluster.To(0, first.start.epoch);
  ask.asker = cluster.N(5);
  cluster.Step(cluster.N(1), storage_node::GossipAsked{storage_node::CallId(5), ask});
  const auto fill = cluster.gossiped[cluster.N(1)];
  ASSERT_TRUE(fill.has_value());
  cluster.Step(cluster.N(5), storage_node::PeerAnswered{cluster.N(1), cluster.Pg(0).pg,
                                                        cluster.named.timeline, fill});

  const Opened third = OpenWith(cluster, 3, kAll);
  EXPECT_EQ(third.start.manifest.pgs.size(), 1u);
  EXPECT_NE(third.start.pg_paths[0].path.Find(cluster.named.timeline, second.start.epoch), nullptr)
      << "an acknowledged commit is gone";
  EXPECT_GT(third.start.first_lsn, commit) << "its LSN is used twice";
}

TEST(OpeningManifest, AGrownGeometryIsFoundAlthoughALaterEpochWasLearnedWithoutIt) {
  OpeningCluster cluster;
  const Opened first = OpenWith(cluster, 1, kAll);
  const Manifest grown = Grow(cluster, first, {1, 2, 3, 4});
  const Lsn commit = first.start.first_lsn;
  ASSERT_EQ(cluster.Append({1, 2, 3, 4}, cluster.Box(1, first.start.epoch, commit, Lsn(), Lsn())),
            4);
  // Opening 2 begins at n1 only, in both PGs, and dies.
  const quorum::PgPath& path1 = first.start.pg_paths[0];
  const EpochId second{first.start.epoch.number + 1, 2};
  const auto path20 = path1.Fork(second, commit, Lsn(3000), Lsn());
  const auto path21 = path1.Fork(second, commit, Lsn(3000), commit);
  cluster.Ask(1, Begin{cluster.To(0, second), path20, grown});
  cluster.Ask(1, Begin{cluster.To(1, second), path21, std::nullopt});
  // Opening 3 takes that as the parent; its inventory teaches n5 the path; it dies.
  const EpochId third{second.number + 1, 3};
  cluster.Ask(5, quorum::Seal{cluster.To(0, third)});
  cluster.Ask(5, quorum::TakeInventory{cluster.To(0, third), path20, std::nullopt});
  // n1 and n4 die.
  const Opened fourth = OpenWith(cluster, 4, {2, 3, 5, 6});
  EXPECT_EQ(fourth.start.manifest.pgs.size(), 2u) << "PG 1 and its acknowledged commit are gone";
  EXPECT_GE(fourth.start.vdl, commit);
}

// A late promise of the first PG may name a newer manifest that does not list the PGs which an
// earlier one did. Then nothing of this attempt fits.
TEST(OpeningManifest, StartsOverIfALatePromiseListsOtherPgs) {
  OpeningCluster cluster;
  const Opened first = OpenWith(cluster, 1, kAll);
  Grow(cluster, first, {5});
  const Opened second = OpenWith(cluster, 2, {1, 2, 3, 4});
  ASSERT_EQ(second.start.manifest.pgs.size(), 1u);
  // By the second epoch's Begin, n1 to n4 have its manifest, n5 and n6 the first's. The promises of
  // n5, n6 and one that seems to know no manifest come first: PG 1 is sealed as well.
  OpeningDrive drive(cluster, cluster.Options(3));
  int hidden = 0;
  drive.Through([&](const quorum::Send& send) -> std::optional<OpeningCluster::Answers> {
    const auto* seal = std::get_if<quorum::Seal>(&send.request);
    if (seal == nullptr) return std::nullopt;
    if (send.node == cluster.N(4) && hidden == 0) {
      ++hidden;
      auto answers = cluster.Ask(send.node, send.request);
      std::get<quorum::Promised>(answers[0]).manifest.reset();
      return answers;
    }
    // PG 1 does not answer until n4, which goes away and returns, has promised again.
    if (seal->to.pg == cluster.Pg(1).pg && hidden == 1) return OpeningCluster::Answers{};
    return std::nullopt;
  });
  drive.Up({4, 5, 6}).Run([&] {
    return std::any_of(drive.sent.begin(), drive.sent.end(), [&](const quorum::Send& send) {
      const auto* seal = std::get_if<quorum::Seal>(&send.request);
      return seal != nullptr && seal->to.pg == cluster.Pg(1).pg;
    });
  });
  ASSERT_FALSE(drive.Ended());
  drive.Down(4);
  hidden = 2;
  drive.Up({4}).Run(nullptr, Duration::Millis(300));
  drive.Up({1}).Run();
  ASSERT_TRUE(drive.opened.has_value()) << drive.opening().Describe();
  EXPECT_EQ(drive.opened->start.manifest.pgs.size(), 1u);
  EXPECT_EQ(drive.opened->start.pg_paths.size(), 1u) << "PGs of one manifest, writer of another";
}

}  // namespace
}  // namespace hexad::backtrack
