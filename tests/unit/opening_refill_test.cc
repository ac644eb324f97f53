// Refill, when members refuse, are silent, lack what they should have, or die: the opening goes
// another way at once, comes back after retry_after, and never asks at network speed.
#include "tests/unit/opening_cluster.h"

namespace hexad::backtrack {
namespace {

using quorum::FetchLog;
using quorum::Refill;
using Answers = OpeningCluster::Answers;

const std::vector<int> kAll = {1, 2, 3, 4, 5, 6};

// A writer that wrote one record to `holders` and died.
struct Written {
  OpeningCluster cluster;
  Opened opened = OpenWith(cluster, 1, kAll);
  Lsn lsn = opened.start.first_lsn;

  explicit Written(const std::vector<int>& holders) {
    const auto box = cluster.Box(0, opened.start.epoch, lsn, Lsn(), Lsn());
    EXPECT_EQ(cluster.Append(holders, box), static_cast<int>(holders.size()));
  }
};

Answers Refuse(const quorum::Envelope& to, quorum::RefusalReason reason) {
  quorum::Refused refused;
  refused.from = to;
  refused.reason = reason;
  return {refused};
}

// Runs an opening in which `between` answers some requests, for at most `longest`.
template <class Request>
OpeningCluster::Between When(OpeningCluster& cluster, int node,
                             std::function<Answers(const Request&)> answer) {
  return [&cluster, node, answer](const quorum::Send& send) -> std::optional<Answers> {
    const auto* request = std::get_if<Request>(&send.request);
    if (request == nullptr || send.node != cluster.N(node)) return std::nullopt;
    return answer(*request);
  };
}

TEST(OpeningRefill, AFullTargetIsPassedOver) {
  Written w({1, 2, 3});
  OpeningDrive drive(w.cluster, w.cluster.Options(2));
  drive.Through(When<Refill>(w.cluster, 4, [](const Refill& refill) {
    return Refuse(refill.to, quorum::RefusalReason::kDiskFull);
  }));
  drive.Up(kAll).Run(nullptr, Duration::Millis(300));
  ASSERT_TRUE(drive.opened.has_value()) << "n4 is full, n5 and n6 are not";
  EXPECT_EQ(drive.opened->start.vdl, w.lsn);
}

TEST(OpeningRefill, ASourceThatRefusesIsPassedOver) {
  Written w({1, 2, 3});
  OpeningDrive drive(w.cluster, w.cluster.Options(2));
  drive.Through(When<FetchLog>(w.cluster, 1, [](const FetchLog& fetch) {
    return Refuse(fetch.to, quorum::RefusalReason::kDamaged);
  }));
  drive.Up(kAll).Run(nullptr, Duration::Millis(300));
  ASSERT_TRUE(drive.opened.has_value()) << "n1 is damaged, n2 and n3 are not";
  EXPECT_EQ(drive.opened->start.vdl, w.lsn);
}

TEST(OpeningRefill, ASilentSourceIsPassedOverInTime) {
  Written w({1, 2, 3});
  OpeningDrive drive(w.cluster, w.cluster.Options(2));
  drive.Through(When<FetchLog>(w.cluster, 1, [](const FetchLog&) { return Answers{}; }));
  drive.Up(kAll).Run(nullptr, Duration::Seconds(6));
  ASSERT_TRUE(drive.opened.has_value());
  EXPECT_EQ(drive.opened->start.vdl, w.lsn);
}

// A damaged boxcar is left out: the part moves nothing, and the next one would not either.
TEST(OpeningRefill, APartWithAHoleIsNotFetchedForEver) {
  Written w({1, 2, 3});
  const auto next = w.cluster.Box(0, w.opened.start.epoch, w.lsn.Next(), w.lsn, w.lsn);
  ASSERT_EQ(w.cluster.Append({1, 2, 3}, next), 3);
  const auto with_hole = [&](const FetchLog& fetch) {
    quorum::LogPart part;
    part.from = fetch.to;
    part.boxcars = {next.bytes};
    return Answers{part};
  };
  {
    OpeningDrive drive(w.cluster, w.cluster.Options(2));
    drive.Through(When<FetchLog>(w.cluster, 1, with_hole));
    drive.Up(kAll).Run(nullptr, Duration::Millis(300));
    ASSERT_TRUE(drive.opened.has_value()) << "n2 and n3 have all of it";
    EXPECT_EQ(drive.opened->start.vdl, w.lsn.Next());
  }
}

TEST(OpeningRefill, WithoutAnyGoodSourceItAsksSeldom) {
  Written w({1});
  OpeningDrive drive(w.cluster, w.cluster.Options(2));
  drive.Through(When<FetchLog>(w.cluster, 1, [](const FetchLog& fetch) {
    quorum::LogPart part;
    part.from = fetch.to;
    return Answers{part};
  }));
  // Three are up: without n1 there is no read quorum, so it cannot be done without.
  EXPECT_LT(drive.Up({1, 2, 3}).Run(nullptr, Duration::Seconds(20)), 400);
  ASSERT_FALSE(drive.Ended());
  ASSERT_TRUE(drive.read_only.has_value());
  EXPECT_EQ(drive.read_only->read_point, w.lsn);
}

// An empty part that comes late was asked for by an earlier fetch; it says nothing lasting.
TEST(OpeningRefill, ALateEmptyPartDoesNotCondemnASource) {
  Written w({1, 2, 3, 4});
  OpeningDrive drive(w.cluster, w.cluster.Options(2));
  int fetches = 0;
  drive.Through(When<FetchLog>(w.cluster, 1, [&](const FetchLog& fetch) {
    ++fetches;
    quorum::LogPart empty;
    empty.from = fetch.to;
    Answers answers = fetches == 1 ? Answers{} : w.cluster.Ask(1, fetch);
    if (fetches == 1) answers.insert(answers.begin(), empty);
    return answers;
  }));
  drive.Up({1, 2, 5, 6}).Run([&] { return false; }, Duration::Seconds(10));
  ASSERT_TRUE(drive.opened.has_value());
  EXPECT_EQ(drive.opened->start.vdl, w.lsn);
}

// Only n1 holds the record, and it dies after its inventory: nobody can be filled to it. It was
// never acknowledged, and five others answer.
TEST(OpeningRefill, ATailThatDiedWithItsSegmentIsRecoveredWithout) {
  Written w({1});
  OpeningDrive drive(w.cluster, w.cluster.Options(2));
  bool died = false;
  drive.Through(When<FetchLog>(w.cluster, 1, [&](const FetchLog&) {
    died = true;
    return Answers{};
  }));
  drive.Up(kAll).Run([&] { return died; });
  ASSERT_TRUE(died);
  drive.Down(1);
  drive.Run();
  ASSERT_TRUE(drive.opened.has_value()) << drive.opening().Describe();
  EXPECT_EQ(drive.opened->start.vdl, Lsn());
}

// The same, but it dies before the inventories are complete, so that nothing waits for it at all.
TEST(OpeningRefill, AnInventoryOfASegmentThatIsDownIsNotUsed) {
  Written w({1});
  OpeningDrive drive(w.cluster, w.cluster.Options(2));
  int taken = 0;
  drive.Through([&](const quorum::Send& send) -> std::optional<Answers> {
    taken += std::holds_alternative<quorum::TakeInventory>(send.request);
    return std::nullopt;
  });
  drive.Up(kAll).Run([&] { return taken == 6; });
  drive.Run([&, n = 0]() mutable { return ++n > 3; });  // n1's inventory, n2's, n3's
  drive.Down(1);
  drive.Run(nullptr, Duration::Millis(300));
  ASSERT_TRUE(drive.opened.has_value()) << drive.opening().Describe();
  EXPECT_EQ(drive.opened->start.vdl, Lsn());
}

// A segment that lives but cannot give what only it holds.
TEST(OpeningRefill, ATailThatItsSegmentCannotGiveIsRecoveredWithout) {
  Written w({1});
  OpeningDrive drive(w.cluster, w.cluster.Options(2));
  drive.Through(When<FetchLog>(w.cluster, 1, [](const FetchLog& fetch) {
    return Refuse(fetch.to, quorum::RefusalReason::kDamaged);
  }));
  drive.Up(kAll).Run(nullptr, Duration::Seconds(20));
  ASSERT_TRUE(drive.opened.has_value()) << drive.opening().Describe();
  EXPECT_EQ(drive.opened->start.vdl, Lsn());
}

}  // namespace
}  // namespace hexad::backtrack
