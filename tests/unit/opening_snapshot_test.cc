// Reading without opening: the read point of the first poll, what is complete for it of the second.
#include "tests/unit/opening_cluster.h"

namespace hexad::backtrack {
namespace {

const std::vector<int> kAll = {1, 2, 3, 4, 5, 6};

// A writer that has committed one MTR, told to nobody but n1.
struct Written {
  OpeningCluster cluster;
  Opened opened = OpenWith(cluster, 1, kAll);
  Lsn first = opened.start.first_lsn;
  Lsn second = first.Next();

  Written() {
    const auto box = cluster.Box(0, opened.start.epoch, first, Lsn(), Lsn());
    EXPECT_EQ(cluster.Append({1, 2, 3, 4}, box), 4);
  }
  OpeningOptions Snapshot() const {
    OpeningOptions options = cluster.Options(2);
    options.mode = OpenMode::kSnapshot;
    return options;
  }
  void CommitSecond() {
    const auto box = cluster.Box(0, opened.start.epoch, second, first, first);
    EXPECT_EQ(cluster.Append({1, 2, 3, 4}, box, first), 4);
    const auto next = cluster.Box(0, opened.start.epoch, second.Next(), second, second);
    EXPECT_EQ(cluster.Append({1}, next, second), 1);  // with it the VDL `second`
  }
};

// n2 and n3 answer the first poll before the second commit, n1 after it. With one poll, the read
// point would be the second commit, and n2, which lacks it in that answer, still "complete".
TEST(OpeningSnapshot, ASegmentIsCompleteByWhatItHoldsAfterTheReadPoint) {
  Written w;
  OpeningDrive drive(w.cluster, w.Snapshot());
  bool committed = false;
  drive.Through([&](const quorum::Send& send) -> std::optional<OpeningCluster::Answers> {
    if (send.node == w.cluster.N(1) && !committed) {
      committed = true;
      w.CommitSecond();
    }
    return std::nullopt;
  });
  drive.Up({5, 2, 3}).Up({1});
  drive.Run([&] { return drive.read_only.has_value(); });
  ASSERT_TRUE(drive.read_only.has_value()) << drive.opening().Describe();
  EXPECT_EQ(drive.read_only->read_point, w.second);
  EXPECT_EQ(drive.read_only->complete_to[0], w.second);
  EXPECT_EQ(drive.read_only->scls[0][1], w.second) << "n2's first answer is from before";
  EXPECT_EQ(drive.read_only->scls[0][4], Lsn()) << "n5 never had anything";
  EXPECT_EQ(drive.read_only->epoch, w.opened.start.epoch);
}

// A first poll that is answered late says what was held before the read point was chosen.
TEST(OpeningSnapshot, ALateAnswerToTheFirstPollIsNotOneToTheSecond) {
  Written w;
  OpeningDrive drive(w.cluster, w.Snapshot());
  OpeningCluster::Answers late;
  int polls_of_4 = 0;
  drive.Through([&](const quorum::Send& send) -> std::optional<OpeningCluster::Answers> {
    if (send.node != w.cluster.N(4)) return std::nullopt;
    ++polls_of_4;
    auto answers = w.cluster.Ask(send.node, send.request);
    if (polls_of_4 == 1) {
      late = std::move(answers);
      w.CommitSecond();
      return OpeningCluster::Answers{};
    }
    answers.insert(answers.begin(), late.begin(), late.end());
    return answers;
  });
  drive.Up({4, 1, 5, 6});
  drive.Run([&] { return drive.read_only.has_value(); });
  ASSERT_TRUE(drive.read_only.has_value()) << drive.opening().Describe();
  EXPECT_EQ(drive.read_only->read_point, w.second);
  EXPECT_EQ(drive.read_only->scls[0][3], w.second) << "n4's late answer was taken";
}

// Found by the simulator, whose streams may double what they carry: the first poll's answer once
// more says nothing about the second one.
TEST(OpeningSnapshot, ADoubledAnswerToTheFirstPollIsNotOneToTheSecond) {
  Written w;
  OpeningDrive drive(w.cluster, w.Snapshot());
  OpeningCluster::Answers first;
  drive.Through([&](const quorum::Send& send) -> std::optional<OpeningCluster::Answers> {
    if (send.node != w.cluster.N(4)) return std::nullopt;
    if (!first.empty()) return first;
    first = w.cluster.Ask(send.node, send.request);
    w.CommitSecond();
    return first;
  });
  drive.Up({4, 1, 5, 6});
  drive.Run([&] { return drive.read_only.has_value(); });
  ASSERT_TRUE(drive.read_only.has_value()) << drive.opening().Describe();
  EXPECT_EQ(drive.read_only->read_point, w.second);
  EXPECT_EQ(drive.read_only->scls[0][3], std::nullopt) << "n4 never answered the second poll";
}

// Found by the simulator (seed 1284): n4 had lost the record at the read point, and n5 and n6 never
// had it; their highest SCL is not what n1, n2 and n3 acknowledged together with n4.
TEST(OpeningSnapshot, ADamagedSegmentDoesNotSayWhatIsComplete) {
  Written w;
  OpeningOptions options = w.Snapshot();
  options.at_least = w.first;
  OpeningDrive drive(w.cluster, options);
  bool damaged = true;
  drive.Through([&](const quorum::Send& send) -> std::optional<OpeningCluster::Answers> {
    if (send.node != w.cluster.N(4)) return std::nullopt;
    auto answers = w.cluster.Ask(send.node, send.request);
    auto& polled = std::get<quorum::Polled>(answers.at(0));
    polled.damaged = damaged;
    if (damaged) polled.scl = Lsn();
    return answers;
  });
  drive.Up({4, 5, 6});
  drive.Run([&] { return drive.read_only.has_value(); });
  EXPECT_FALSE(drive.read_only.has_value()) << "at " << drive.read_only->read_point.value();
  damaged = false;  // its peers have refilled it
  drive.Run([&] { return drive.read_only.has_value(); });
  ASSERT_TRUE(drive.read_only.has_value()) << drive.opening().Describe();
  EXPECT_EQ(drive.read_only->complete_to[0], w.first);
}

// Found by the simulator (seed 36): a backtrack that has begun here and there. It may come to
// nothing, and what was acknowledged lies on the branch that it would leave.
TEST(OpeningSnapshot, ABacktrackHalfWayIsNotTheVolumesHistory) {
  Written w;
  w.CommitSecond();
  OpeningOptions back = w.cluster.Options(3);
  back.backtrack = w.first;
  OpeningDrive opening(w.cluster, back);
  std::vector<NodeId> begun = {w.cluster.N(5)};
  opening.Through([&](const quorum::Send& send) -> std::optional<OpeningCluster::Answers> {
    const bool begins = std::holds_alternative<quorum::Begin>(send.request);
    const bool reaches = std::find(begun.begin(), begun.end(), send.node) != begun.end();
    return begins && !reaches ? std::optional(OpeningCluster::Answers{}) : std::nullopt;
  });
  opening.Up(kAll).Run(nullptr, Duration::Seconds(1));
  ASSERT_FALSE(opening.Ended());
  const auto read_at = [&](const std::vector<int>& up) -> std::optional<Lsn> {
    OpeningDrive drive(w.cluster, w.Snapshot());
    drive.Up(up).Run([&] { return drive.read_only.has_value(); }, Duration::Seconds(2));
    return drive.read_only.has_value() ? std::optional(drive.read_only->read_point) : std::nullopt;
  };
  EXPECT_EQ(read_at({5, 6, 1, 2}), w.second) << "three lack it: it has not begun";
  EXPECT_EQ(read_at({5, 6, 1}), std::nullopt) << "four may have it";
  begun = {w.cluster.N(2), w.cluster.N(3), w.cluster.N(4), w.cluster.N(5)};
  opening.Run(nullptr, Duration::Seconds(10));
  ASSERT_TRUE(opening.Ended());
  EXPECT_EQ(read_at({2, 3, 4, 5}), w.first);
}

TEST(OpeningSnapshot, NeverGoesBelowAnEarlierReadPoint) {
  Written w;
  w.CommitSecond();
  OpeningOptions options = w.Snapshot();
  options.at_least = w.second;
  OpeningDrive drive(w.cluster, options);
  drive.Up({2, 5, 6});  // nobody of these has heard of the second commit
  drive.Run([&] { return drive.read_only.has_value(); });
  ASSERT_TRUE(drive.read_only.has_value()) << drive.opening().Describe();
  EXPECT_EQ(drive.read_only->read_point, w.second);
  EXPECT_EQ(drive.read_only->complete_to[0], w.second);
}

// An opening died after its Begin reached one segment that was behind, of which nothing follows for
// what the read point needs: what the others hold counts, cut at the fork.
TEST(OpeningSnapshot, ALeafOfADeadOpeningDoesNotHideWhatIsHeld) {
  Written w;
  w.CommitSecond();
  const EpochId leaf{w.opened.start.epoch.number + 1, 9};
  const auto path = w.opened.start.pg_paths[0].Fork(leaf, w.second, w.second.Plus(kLal), w.second);
  w.cluster.Ask(5, quorum::Begin{w.cluster.To(0, leaf), path, std::nullopt});
  OpeningDrive drive(w.cluster, w.Snapshot());
  drive.Up(kAll).Run([&] { return drive.read_only.has_value(); });
  ASSERT_TRUE(drive.read_only.has_value());
  EXPECT_EQ(drive.read_only->read_point, w.second);
  EXPECT_EQ(drive.read_only->complete_to[0], w.second);
  EXPECT_EQ(drive.read_only->scls[0][0], w.second)
      << "n1's record above the fork is not part of it";
  EXPECT_EQ(drive.read_only->epoch, w.opened.start.epoch)
      << "only n5 serves the leaf, and lacks it";
}

}  // namespace
}  // namespace hexad::backtrack
