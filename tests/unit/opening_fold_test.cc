// An opening tells its history more shortly when every segment is done with what lies before
// (docs/fork.md, Short paths), and only then.
#include <gmock/gmock.h>

#include "tests/unit/opening_cluster.h"

namespace hexad::backtrack {
namespace {

using quorum::Promised;
using Answers = OpeningCluster::Answers;

const std::vector<int> kAll = {1, 2, 3, 4, 5, 6};

// Six node cores that coalesce nothing here: what they would say of it is put into their promises.
class OpeningFold : public ::testing::Test {
 protected:
  struct Said {
    EpochId settled;
    Lsn retained = Lsn(1'000'000);
  };

  OpeningFold() {
    for (uint64_t claimant = 1; claimant <= 4; ++claimant) Live(claimant);
  }

  // One more epoch, which commits three records and then is heard of no more.
  Opened Live(uint64_t claimant) {
    Opened opened = OpenWith(cluster, claimant, kAll);
    Write(opened, 3);
    epochs.push_back(opened.start.epoch);
    return opened;
  }
  void Write(const Opened& opened, int records) {
    last_ = opened.start.pg_paths.front().fork_tail();
    for (int i = 0; i < records; ++i) {
      const Lsn lsn(opened.start.first_lsn.value() + static_cast<uint64_t>(i));
      const auto box = cluster.Box(0, opened.start.epoch, lsn, last_, last_);
      EXPECT_EQ(cluster.Append(kAll, box, lsn), 6);
      last_ = lsn;
    }
  }
  Lsn last() const { return last_; }

  // Every promise says that it is done with what lies before `said`; `change` may say otherwise of
  // one node.
  Opened Open(uint64_t claimant, Said said,
              const std::function<void(int, Promised&)>& change = nullptr,
              const std::vector<int>& up = kAll) {
    OpeningDrive drive(cluster, cluster.Options(claimant));
    drive.Through([&](const quorum::Send& send) -> std::optional<Answers> {
      if (!std::holds_alternative<quorum::Seal>(send.request)) return std::nullopt;
      Answers answers = cluster.Ask(send.node, send.request);
      for (auto& answer : answers) {
        auto* promised = std::get_if<Promised>(&answer);
        if (promised == nullptr) continue;
        promised->settled = said.settled;
        if (promised->manifest.has_value()) promised->manifest->retained_from = said.retained;
        if (change) change(send.node.value().back() - '0', *promised);
      }
      return answers;
    });
    drive.Up(up).Run();
    EXPECT_TRUE(drive.opened.has_value());
    return drive.opened.value_or(Opened{});
  }
  static size_t Steps(const Opened& opened) {
    return opened.start.pg_paths.front().path.steps().size();
  }

  OpeningCluster cluster;
  std::vector<EpochId> epochs;

 private:
  Lsn last_;
};

TEST_F(OpeningFold, NothingIsFoldedBeforeItIsCoalesced) {
  EXPECT_EQ(Steps(OpenWith(cluster, 9, kAll)), 6u);
}

TEST_F(OpeningFold, WhatEverySegmentIsDoneWithIsToldAsOne) {
  const Opened opened = Open(9, {epochs[3]});
  const auto& path = opened.start.pg_paths.front().path;
  EXPECT_EQ(path.steps().size(), 4u) << path.Describe();
  EXPECT_EQ(path.steps()[1].epoch, epochs[2]);
  EXPECT_EQ(path.steps()[2].epoch, epochs[3]);
  // It is what the segments know from now on.
  EXPECT_EQ(Steps(OpenWith(cluster, 10, kAll)), 5u);
}

TEST_F(OpeningFold, TheOneThatIsLeastDoneDecides) {
  EXPECT_EQ(Steps(Open(9, {epochs[3]},
                       [&](int node, Promised& promised) {
                         if (node == 5) promised.settled = epochs[2];
                       })),
            5u);
  EXPECT_EQ(Steps(Open(10, {epochs[3]},
                       [](int node, Promised& promised) {
                         if (node == 2) promised.settled = EpochId::Root();
                       })),
            6u)
      << "and what has been told as one stays so";
}

TEST_F(OpeningFold, ASegmentThatHasNotPromisedMayKnowLess) {
  EXPECT_EQ(Steps(Open(9, {epochs[3]}, nullptr, {1, 2, 3, 4, 5})), 6u);
}

TEST_F(OpeningFold, WhatIsRetainedSomewhereStaysAsItWas) {
  const auto retains = [&](int node, Promised& promised) {
    // Epoch 3 begins where epoch 2's last record lies.
    if (node == 6) promised.manifest->retained_from = promised.begun.path.steps()[2].last_lsn;
  };
  const auto path = Open(9, {epochs[3]}, retains).start.pg_paths.front().path;
  EXPECT_EQ(path.steps().size(), 5u) << path.Describe();
  EXPECT_EQ(path.steps()[1].epoch, epochs[1]);
}

TEST_F(OpeningFold, ASegmentWithoutAManifestSaysNothingOfWhatIsRetained) {
  EXPECT_EQ(Steps(Open(9, {epochs[3]},
                       [](int node, Promised& promised) {
                         if (node == 3) promised.manifest.reset();
                       })),
            6u);
}

// The opener told it to one segment and died. Whoever opens next hears one history at two lengths.
TEST_F(OpeningFold, AHalfBegunShorterHistoryIsTheSameHistory) {
  OpeningDrive half(cluster, cluster.Options(9));
  half.Through([&](const quorum::Send& send) -> std::optional<Answers> {
    if (std::holds_alternative<quorum::Begin>(send.request) && send.node != OpeningCluster::N(1)) {
      return Answers{};
    }
    Answers answers = cluster.Ask(send.node, send.request);
    for (auto& answer : answers) {
      if (auto* promised = std::get_if<Promised>(&answer)) {
        promised->settled = epochs[3];
        if (promised->manifest.has_value()) promised->manifest->retained_from = Lsn(1'000'000);
      }
    }
    return answers;
  });
  half.Up(kAll).Run(nullptr, Duration::Seconds(2));
  ASSERT_FALSE(half.opened.has_value());
  // Both of what only the others know, and of what the one knows beside them.
  const Opened without = OpenWith(cluster, 10, {2, 3, 4, 5});
  EXPECT_EQ(without.start.vdl, Lsn(without.start.pg_paths.front().path.fork_lsn()));
  const Opened all = OpenWith(cluster, 11, kAll);
  EXPECT_EQ(all.start.vdl, without.start.vdl);
}

// --- branches ------------------------------------------------------------------------------------

// Epochs 1 to 3, a backtrack into epoch 1 by epoch 4, and the way forward again by epoch 5: the
// branch that is left then shares only the beginning of epoch 1.
class OpeningFoldBranch : public OpeningFold {
 protected:
  OpeningFoldBranch() {
    const Lsn target = Path(Open(9, {EpochId::Root(), Lsn()})).steps()[1].last_lsn;
    const Lsn forward = last();
    GoTo(10, Lsn(target.value() - 1), 3);
    end = last();
    GoTo(11, forward, 0);
  }

  static const quorum::Path& Path(const Opened& opened) {
    return opened.start.pg_paths.front().path;
  }
  void GoTo(uint64_t claimant, Lsn target, int records) {
    OpeningOptions options = cluster.Options(claimant);
    options.backtrack = target;
    OpeningDrive drive(cluster, options);
    drive.Up(kAll).Run();
    ASSERT_TRUE(drive.opened.has_value()) << *drive.failed;
    Write(*drive.opened, records);
  }

  Lsn end;
};

TEST_F(OpeningFoldBranch, WhatABranchThatIsKeptDoesNotShareStaysApart) {
  const Opened opened = Open(12, {Path(Open(13, {})).epoch(), end});
  const quorum::PgPath& path = opened.start.pg_paths.front();
  EXPECT_EQ(path.branches.size(), 1u);
  EXPECT_NE(path.path.Find(cluster.named.timeline, epochs[0]), nullptr) << path.path.Describe();
}

TEST_F(OpeningFoldBranch, ABranchThatIsOverIsToldNoMore) {
  const Opened opened = Open(12, {Path(Open(13, {})).epoch(), end.Next()});
  const quorum::PgPath& path = opened.start.pg_paths.front();
  EXPECT_TRUE(path.branches.empty());
  EXPECT_EQ(path.path.Find(cluster.named.timeline, epochs[0]), nullptr) << path.path.Describe();
}

}  // namespace
}  // namespace hexad::backtrack
