// Each edge of docs/recovery.md's table, and what an opening does with answers that cannot be.
#include <gmock/gmock.h>

#include "tests/unit/opening_cluster.h"

namespace hexad::backtrack {
namespace {

using ::testing::HasSubstr;
using Answers = OpeningCluster::Answers;

const std::vector<int> kAll = {1, 2, 3, 4, 5, 6};

std::string Phase(const OpeningDrive& drive) {
  const std::string text = drive.opening().Describe();
  return text.substr(0, text.find(" epoch"));
}

template <class Request>
int Count(const OpeningDrive& drive) {
  return static_cast<int>(std::count_if(
      drive.sent.begin(), drive.sent.end(),
      [](const quorum::Send& send) { return std::holds_alternative<Request>(send.request); }));
}

// Answers only what is none of `Request`.
template <class Request>
OpeningCluster::Between Without() {
  return [](const quorum::Send& send) -> std::optional<Answers> {
    if (!std::holds_alternative<Request>(send.request)) return std::nullopt;
    return Answers{};
  };
}

// --- the edges -----------------------------------------------------------------------------------

TEST(Opening, NeedsAReadQuorumToSealAndAWriteQuorumToBegin) {
  OpeningCluster cluster;
  OpeningDrive drive(cluster, cluster.Options(1));
  drive.Up({1, 2}).Run(nullptr, Duration::Seconds(3));
  EXPECT_EQ(Phase(drive), "polling");
  drive.Up({3}).Run(nullptr, Duration::Millis(200));
  EXPECT_EQ(Phase(drive), "refilling") << "three are complete, a write quorum is four";
  EXPECT_EQ(Count<quorum::Begin>(drive), 0);
  drive.Up({4}).Run(nullptr, Duration::Millis(200));
  ASSERT_TRUE(drive.opened.has_value()) << drive.opening().Describe();
  EXPECT_EQ(drive.opened->start.epoch, (EpochId{1, 1}));
  EXPECT_EQ(drive.opened->start.first_lsn, Lsn(1));
}

TEST(Opening, WaitsInEachPhaseForItsQuorum) {
  OpeningCluster cluster;
  const auto stays = [&](OpeningCluster::Between between, const std::string& phase) {
    OpeningDrive drive(cluster, cluster.Options(1));
    drive.Through(std::move(between)).Up(kAll).Run(nullptr, Duration::Seconds(1));
    EXPECT_EQ(Phase(drive), phase);
    EXPECT_FALSE(drive.Ended());
  };
  stays(Without<quorum::Poll>(), "polling");
  stays(Without<quorum::Seal>(), "sealing");
  stays(Without<quorum::TakeInventory>(), "taking inventory");
  stays(Without<quorum::Begin>(), "beginning");
}

TEST(Opening, OffersReadsWithoutAWriteQuorumAndStillOpensLater) {
  OpeningCluster cluster;
  OpeningDrive drive(cluster, cluster.Options(1));
  const Instant start = cluster.now;
  drive.Up({1, 2, 3}).Run([&] { return drive.read_only.has_value(); }, Duration::Seconds(5));
  ASSERT_TRUE(drive.read_only.has_value());
  EXPECT_GE(cluster.now - start, Duration::Seconds(2));
  EXPECT_EQ(drive.read_only->epoch, (EpochId{1, 1}));
  drive.Up({4}).Run();
  EXPECT_TRUE(drive.opened.has_value());
}

TEST(Opening, OutnumbersAHigherPromise) {
  OpeningCluster cluster;
  const EpochId other{9, 9};
  OpeningDrive drive(cluster, cluster.Options(1));
  bool outbid = false;
  drive.Through([&](const quorum::Send& send) -> std::optional<Answers> {
    if (std::holds_alternative<quorum::TakeInventory>(send.request) && !outbid) {
      outbid = true;
      for (const int node : kAll) cluster.Ask(node, quorum::Seal{cluster.To(0, other)});
    }
    return std::nullopt;
  });
  drive.Up(kAll).Run([&] { return Phase(drive) == "backing off"; });
  EXPECT_EQ(Phase(drive), "backing off");
  drive.Run();
  ASSERT_TRUE(drive.opened.has_value());
  EXPECT_EQ(drive.opened->start.epoch, (EpochId{10, 1}));
}

// A contender that is always faster: the pauses grow, so that a slow opening gets its time, and end
// at five seconds.
TEST(Opening, PausesLongerEachTimeItIsOutbid) {
  OpeningCluster cluster;
  OpeningDrive drive(cluster, cluster.Options(1));
  uint32_t number = 0;
  drive.Through([&](const quorum::Send& send) -> std::optional<Answers> {
    if (const auto* seal = std::get_if<quorum::Seal>(&send.request)) {
      number = std::max(number, seal->to.epoch.number + 1);
      for (const int node : kAll) cluster.Ask(node, quorum::Seal{cluster.To(0, {number, 9})});
    }
    return std::nullopt;
  });
  drive.Up(kAll).Run(nullptr, Duration::Seconds(100));
  ASSERT_FALSE(drive.Ended());
  // Without doubling: some 100 s / 0.15 s attempts. With it: some 6 short ones, then 40 of 2.5 s.
  EXPECT_LT(number, 120u);
  EXPECT_GT(number, 2 * 20u);
}

TEST(Opening, ASupervisorsOpeningKeepsOffAWriterThatIsHeard) {
  OpeningCluster cluster;
  const Opened first = OpenWith(cluster, 1, kAll);
  const auto box = cluster.Box(0, first.start.epoch, first.start.first_lsn, Lsn(), Lsn());
  ASSERT_EQ(cluster.Append({1, 2, 3, 4}, box), 4);
  cluster.now = cluster.now + Duration::Seconds(1);
  OpeningOptions options = cluster.Options(2);
  options.mode = OpenMode::kAutomatic;
  OpeningDrive drive(cluster, options);
  drive.Up(kAll).Run();
  ASSERT_TRUE(drive.failed.has_value());
  EXPECT_EQ(drive.failed->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Count<quorum::Seal>(drive), 0);
  cluster.now = cluster.now + Duration::Seconds(4);
  OpeningDrive later(cluster, options);
  later.Up(kAll).Run();
  EXPECT_TRUE(later.opened.has_value());
}

// The grace for the fourth to sixth answer counts from a read quorum that is there.
TEST(Opening, AReadQuorumThatIsLostWithinTheGraceStartsItAnew) {
  OpeningCluster cluster;
  OpeningDrive drive(cluster, cluster.Options(1));
  drive.Through([&](const quorum::Send& send) -> std::optional<Answers> {
    if (send.node == cluster.N(4)) return Answers{};  // up, and silent: everybody waits the grace
    return std::nullopt;
  });
  const Instant start = cluster.now;
  drive.Up({1, 2, 3, 4}).Run([&, n = 0]() mutable { return ++n > 3; });
  drive.Down(1);
  cluster.now = start + Duration::Millis(35);
  drive.Tick();  // asserts that the next deadline lies ahead
  EXPECT_EQ(Phase(drive), "polling");
}

// --- members that were never created -------------------------------------------------------------

TEST(Opening, CreatesMembersThatWereDownWhenThePgWasMade) {
  OpeningCluster cluster({5, 6});
  OpeningDrive two(cluster, cluster.Options(1));
  two.Up({1, 5, 6, 2}).Run(nullptr, Duration::Seconds(2));
  EXPECT_EQ(Phase(two), "polling") << "what holds nothing proves nothing";
  EXPECT_EQ(Count<quorum::CreateSegment>(two), 0);

  OpeningDrive three(cluster, cluster.Options(2));
  three.Up({1, 2, 3, 5}).Run(nullptr, Duration::Seconds(3));
  ASSERT_TRUE(three.opened.has_value()) << three.opening().Describe();
  EXPECT_EQ(Count<quorum::CreateSegment>(three), 1);
  const auto polled = cluster.Ask(5, quorum::Poll{cluster.To(0, EpochId())});
  ASSERT_EQ(polled.size(), 1u);
  const auto* answer = std::get_if<quorum::Polled>(&polled[0]);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->begun.path.epoch(), three.opened->start.epoch);
}

// --- answers that cannot be ----------------------------------------------------------------------

TEST(Opening, AnEmptyHistoryIsNoAnswer) {
  OpeningCluster cluster;
  OpeningDrive drive(cluster, cluster.Options(1));
  drive.Through([&](const quorum::Send& send) -> std::optional<Answers> {
    if (send.node.value() > "n3") return std::nullopt;
    if (const auto* poll = std::get_if<quorum::Poll>(&send.request)) {
      quorum::Polled polled;
      polled.from = cluster.To(0, EpochId());
      polled.round = poll->round;
      return Answers{polled};
    }
    if (const auto* seal = std::get_if<quorum::Seal>(&send.request)) {
      quorum::Promised promised;
      promised.from = seal->to;
      return Answers{promised};
    }
    return std::nullopt;
  });
  drive.Up({1, 2, 3, 4, 5}).Run(nullptr, Duration::Seconds(1));
  EXPECT_EQ(Phase(drive), "polling");
}

// Every member tells the same inventory, changed by `spoil`.
absl::Status OpenSpoiled(const std::function<void(quorum::SegmentInventory&)>& spoil) {
  OpeningCluster cluster;
  const Opened first = OpenWith(cluster, 1, kAll);  // path: root, epoch 1 from LSN 1
  const Lsn lsn = first.start.first_lsn;
  EXPECT_EQ(cluster.Append(kAll, cluster.Box(0, first.start.epoch, lsn, Lsn(), Lsn())), 6);
  const Opened second = OpenWith(cluster, 2, kAll);  // forked at 1, from 1 + LAL
  EXPECT_EQ(second.start.vdl, lsn);
  OpeningDrive drive(cluster, cluster.Options(3));
  drive.Through([&](const quorum::Send& send) -> std::optional<Answers> {
    if (!std::holds_alternative<quorum::TakeInventory>(send.request)) return std::nullopt;
    auto answers = cluster.Ask(send.node, send.request);
    spoil(std::get<quorum::InventoryTaken>(answers[0]).inventory);
    return answers;
  });
  drive.Up(kAll).Run();
  EXPECT_TRUE(drive.failed.has_value());
  return drive.failed.value_or(absl::OkStatus());
}

TEST(Opening, InventoriesThatNoHistoryHasAreDataLoss) {
  const auto lost = [](std::function<void(quorum::SegmentInventory&)> spoil, const char* why) {
    const absl::Status status = OpenSpoiled(spoil);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(status.message(), HasSubstr(why));
  };
  lost(
      [](auto& inventory) {
        inventory = {Lsn(500), Lsn(500), Lsn(1), {}};
      },
      "the fork is outside the history");
  lost(
      [](auto& inventory) {
        inventory = {Lsn::Max().Prev(), Lsn::Max().Prev(), Lsn(1), {}};
      },
      "no LSN is left to start at");
  lost([](auto& inventory) { inventory = {Lsn(1001), Lsn(1001), Lsn(), {}}; }, "no history of it");
  lost(
      [](auto& inventory) {
        inventory = {Lsn(1500), Lsn(1500), Lsn(700), {}};
      },
      "is not of that step");
}

TEST(Opening, AVdlHeardAboveTheRecoveredOneIsDataLoss) {
  OpeningCluster cluster;
  OpeningDrive drive(cluster, cluster.Options(1));
  drive.Up({1, 2, 3}).Run([&] { return Phase(drive) == "refilling"; });
  ASSERT_EQ(Phase(drive), "refilling");
  quorum::InventoryTaken taken;
  taken.from = cluster.To(0, {1, 1});
  taken.history = EpochId::Root();
  taken.inventory.scl = taken.inventory.vdl_heard = Lsn(5);
  drive.Up({4});
  drive.Answer(4, taken);
  ASSERT_TRUE(drive.failed.has_value());
  EXPECT_EQ(drive.failed->code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace hexad::backtrack
