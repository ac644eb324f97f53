// The scrub on a few nodes that talk to each other: what it finds, whom it believes, what it puts
// where, and what it leaves alone.
#include "storage-node/core/scrub.h"

#include <array>

#include "storage-node/io/scrub_runner.h"
#include "tests/unit/node_under_test.h"

namespace hexad::storage_node {
namespace {

constexpr uint64_t kRecords = 40;
const PageNo kPage{1};

struct Member : NodeUnderTest {
  explicit Member(size_t index) {
    options.node = roster[index].node;
    options.az = roster[index].az;
    options.incarnation = roster[index].incarnation;
    EXPECT_TRUE(Start().ok());
  }
  // One page with kRecords records, all durable.
  void Write() {
    Open();
    Ask(Append(Box(Epoch(1), Lsn(1), kRecords, Lsn(), kPage)));
  }
  void CoalesceWith(Lsn floor) {
    Ask(Tell(Epoch(1), Lsn(kRecords), floor));
    Tick();
    RunCoalesce();
    Scrubs(floor);
  }
  // From now on, on what is on the disk.
  void Scrubs(Lsn floor) {
    options.scrub_pages = 4;
    store.Sync();
    ASSERT_TRUE(Start().ok());
    Ask(Tell(Epoch(1), Lsn(kRecords), floor));
  }
  // How the page begins: "lsn 38".
  absl::StatusOr<std::string> PageAt(uint64_t read_point) {
    auto read = Read(ReadOf(Epoch(1), kPage, Lsn(read_point), Lsn(read_point)));
    if (!read.ok()) return read.status();
    return std::string(read->page.view().substr(0, 6));
  }
};

// Members of one PG: the first one scrubs. Those that were not made do not answer.
struct Cluster {
  std::vector<std::unique_ptr<Member>> nodes;
  std::map<NodeId, int> asked;
  std::function<void(quorum::ScrubFill&)> forge = [](quorum::ScrubFill&) {};

  explicit Cluster(size_t count, Lsn floor = Lsn(20)) {
    for (size_t i = 0; i < count; ++i) {
      nodes.push_back(std::make_unique<Member>(i));
      nodes.back()->Write();
      nodes.back()->CoalesceWith(floor);
    }
  }
  Member& scrubbing() { return *nodes.front(); }
  const ScrubProgress& progress() { return scrubbing().core->scrub(); }

  // Until the scrub rests, having checked every page once.
  void Round() {
    const uint64_t rounds = progress().rounds;
    for (int tick = 0; tick < 20 && progress().rounds == rounds; ++tick) Turn();
    EXPECT_EQ(progress().rounds, rounds + 1);
  }
  void Turn() {
    scrubbing().now = scrubbing().now + Duration::Seconds(1);
    CarryOut(scrubbing().Step(storage_node::Tick{}));
  }
  void CarryOut(std::vector<NodeEffect> effects) {
    for (NodeEffect& effect : effects) {
      if (const auto* own = std::get_if<ScrubOwn>(&effect)) {
        Scrubbed scrubbed{own->question, {}, RunScrub(scrubbing().store, own->plan).value()};
        CarryOut(scrubbing().Step(scrubbed));
      } else if (const auto* ask = std::get_if<ScrubPeer>(&effect)) {
        ++asked[ask->peer];
        CarryOut(scrubbing().Step(Answer(*ask)));
      } else if (const auto* repair = std::get_if<Repair>(&effect)) {
        CarryOut(scrubbing().Step(
            Repaired{scrubbing().store.Write({&repair->batch}, Durability::kOrdered)}));
      }
    }
  }
  Scrubbed Answer(const ScrubPeer& ask) {
    Scrubbed scrubbed{ask.question, ask.peer, std::nullopt};
    for (const auto& node : nodes) {
      if (node->options.node != ask.peer) continue;
      for (const NodeEffect& effect : node->Step(ScrubAsked{CallId(5), ask.ask})) {
        const auto* serve = std::get_if<ServeScrub>(&effect);
        if (serve == nullptr) continue;
        auto fill = RunScrub(node->store, serve->plan);
        if (!fill.ok()) continue;
        forge(*fill);
        scrubbed.fill = *std::move(fill);
      }
    }
    return scrubbed;
  }
  void DamageEverything(Member& member) {
    for (const VersionPlace& place : member.store.VersionPlaces()) {
      ASSERT_TRUE(member.store.CorruptVersion(place.pg, place.page, place.timeline, place.lsn));
    }
  }
};

TEST(Scrub, OfWhatIsWholeAsksOnePeerAndWritesNothing) {
  Cluster cluster(6);
  cluster.Round();
  EXPECT_EQ(cluster.progress().pages, 2u);  // page 0 was never written
  EXPECT_EQ(cluster.progress().damaged + cluster.progress().different, 0u);
  EXPECT_EQ(cluster.asked.size(), 1u);
}

TEST(Scrub, PutsAPeersVersionsInThePlaceOfDamagedOnes) {
  Cluster cluster(6);
  Member& node = cluster.scrubbing();
  std::map<uint64_t, std::string> before;
  for (uint64_t at = 20; at <= kRecords; ++at) before[at] = node.PageAt(at).value();
  cluster.DamageEverything(node);
  ASSERT_FALSE(node.PageAt(kRecords).ok());
  cluster.Round();
  EXPECT_EQ(cluster.progress().damaged, 1u);
  EXPECT_EQ(cluster.progress().repaired, 1u);
  EXPECT_EQ(cluster.progress().unrepaired, 0u);
  for (const auto& [at, page] : before) EXPECT_EQ(node.PageAt(at).value(), page) << at;
  ASSERT_TRUE(node.Start().ok());
  EXPECT_EQ(node.PageAt(20).value(), before.at(20)) << "after a restart";
}

// Read points in the past need them, a read of today does not.
TEST(Scrub, FindsDamageBelowTheNewestImage) {
  Cluster cluster(6);
  Member& node = cluster.scrubbing();
  const PutVersion image{node.pg,
                         kPage,
                         node.timeline,
                         Lsn(kRecords),
                         VersionKind::kImage,
                         std::string(kTestPageSize, 'i')};
  for (const auto& member : cluster.nodes) {
    const StoreBatch batch{{image}};
    ASSERT_TRUE(member->store.Write({&batch}, Durability::kSynced).ok());
  }
  ASSERT_TRUE(node.store.CorruptVersion(node.pg, kPage, node.timeline,
                                        node.store.VersionPlaces().front().lsn));
  ASSERT_TRUE(node.PageAt(kRecords).ok());
  ASSERT_FALSE(node.PageAt(kRecords - 1).ok());
  cluster.Round();
  EXPECT_EQ(cluster.progress().repaired, 1u);
  EXPECT_TRUE(node.PageAt(kRecords - 1).ok());
}

struct Different : testing::Test {
  static void Falsify(Member& node) {
    const PutVersion wrong{node.pg,
                           kPage,
                           node.timeline,
                           Lsn(kRecords),
                           VersionKind::kImage,
                           std::string(kTestPageSize, 'x')};
    const StoreBatch batch{{wrong}};
    ASSERT_TRUE(node.store.Write({&batch}, Durability::kSynced).ok());
  }
};

TEST_F(Different, WhatMostHaveReplacesIt) {
  Cluster cluster(3);
  Falsify(cluster.scrubbing());
  cluster.Round();
  EXPECT_EQ(cluster.progress().different, 1u);
  EXPECT_EQ(cluster.progress().repaired, 1u);
  EXPECT_EQ(cluster.scrubbing().PageAt(kRecords).value(),
            cluster.nodes[1]->PageAt(kRecords).value());
}

TEST_F(Different, OneAgainstOneIsCountedAndLeftAlone) {
  Cluster cluster(2);
  Falsify(cluster.scrubbing());
  cluster.Round();
  EXPECT_EQ(cluster.progress().unrepaired, 1u);
  EXPECT_EQ(cluster.progress().repaired, 0u);
  EXPECT_EQ(cluster.scrubbing().PageAt(kRecords).value(), "xxxxxx");
}

TEST_F(Different, ThePeerThatStandsAloneIsNotBelieved) {
  Cluster cluster(3);
  const std::string right = cluster.scrubbing().PageAt(kRecords).value();
  Falsify(*cluster.nodes[1]);
  for (int round = 0; round < 8; ++round) cluster.Round();
  EXPECT_EQ(cluster.progress().repaired, 0u);
  EXPECT_EQ(cluster.scrubbing().PageAt(kRecords).value(), right);
}

// Its page store lacks what this one has already let go of in the hot log.
TEST(Scrub, APeerThatHasCoalescedLessGivesNothing) {
  Cluster cluster(1);
  auto behind = std::make_unique<Member>(1);
  behind->Write();
  behind->Ask(behind->Tell(Epoch(1), Lsn(kRecords)));
  cluster.nodes.push_back(std::move(behind));
  cluster.DamageEverything(cluster.scrubbing());
  cluster.Round();
  EXPECT_EQ(cluster.progress().unrepaired, 1u);
  EXPECT_EQ(cluster.progress().repaired, 0u);
}

// It merged versions that readers here were promised.
TEST(Scrub, APeerWithAFloorThatNobodyToldHereGivesNothing) {
  Cluster cluster(1, Lsn(20));
  auto ahead = std::make_unique<Member>(1);
  ahead->Write();
  ahead->CoalesceWith(Lsn(35));
  cluster.nodes.push_back(std::move(ahead));
  cluster.DamageEverything(cluster.scrubbing());
  cluster.Round();
  EXPECT_EQ(cluster.progress().repaired, 0u);
  cluster.scrubbing().Ask(cluster.scrubbing().Tell(Epoch(1), Lsn(kRecords), Lsn(35)));
  cluster.Round();
  EXPECT_EQ(cluster.progress().repaired, 1u);
  EXPECT_FALSE(cluster.scrubbing().PageAt(34).ok()) << "the floor came with the versions";
  EXPECT_TRUE(cluster.scrubbing().PageAt(35).ok());
}

TEST(Scrub, VersionsThatCannotBeAreNotTaken) {
  using Fill = quorum::ScrubFill;
  const std::vector<std::function<void(Fill&)>> forgeries = {
      [](Fill& fill) { fill.versions.back().bytes = BytesRef::Own("short"); },
      [](Fill& fill) { fill.versions.push_back(fill.versions.back()); },
      [](Fill& fill) { fill.versions.front().lsn = Lsn::None(); },
      [](Fill& fill) { fill.versions.back().lsn = fill.versions.back().lsn.Next(); },
      [](Fill& fill) { fill.coalesced = Lsn(3); },
      [](Fill& fill) { fill.digests.clear(); },
      [](Fill& fill) { fill.gc_floor = Lsn::Max(); },
  };
  for (size_t i = 0; i < forgeries.size(); ++i) {
    Cluster cluster(6);
    cluster.DamageEverything(cluster.scrubbing());
    cluster.forge = [&](Fill& fill) {
      if (!fill.versions.empty()) forgeries[i](fill);
    };
    cluster.Round();
    EXPECT_EQ(cluster.progress().repaired, 0u) << i;
    EXPECT_EQ(cluster.progress().unrepaired, 1u) << i;
  }
}

// Versions that are in order and do not make the page that was promised: found by reading them
// back.
TEST(Scrub, ARepairIsProven) {
  Cluster cluster(6);
  cluster.DamageEverything(cluster.scrubbing());
  cluster.forge = [&](quorum::ScrubFill& fill) {
    if (fill.versions.size() > 1) fill.versions.pop_back();
  };
  cluster.Round();
  EXPECT_EQ(cluster.progress().repaired, 0u);
  cluster.forge = [](quorum::ScrubFill&) {};
  cluster.Round();
  EXPECT_EQ(cluster.progress().repaired, 1u);
}

TEST(Scrub, ADropWaitsForTheWriteThatIsUnderWay) {
  Cluster cluster(6);
  Member& node = cluster.scrubbing();
  cluster.DamageEverything(node);
  std::optional<Repair> repair;
  std::vector<NodeEffect> effects;
  const auto step = [&](const NodeInput& input) { effects = node.Step(input); };
  for (int turn = 0; turn < 20 && !repair.has_value(); ++turn) {
    node.now = node.now + Duration::Seconds(1);
    step(storage_node::Tick{});
    while (!effects.empty() && !repair.has_value()) {
      const NodeEffect effect = std::move(effects.front());
      if (const auto* own = std::get_if<ScrubOwn>(&effect)) {
        step(Scrubbed{own->question, {}, RunScrub(node.store, own->plan).value()});
      } else if (const auto* ask = std::get_if<ScrubPeer>(&effect)) {
        step(cluster.Answer(*ask));
      } else if (const auto* found = std::get_if<Repair>(&effect)) {
        repair = *found;
      } else {
        effects.erase(effects.begin());
      }
    }
  }
  ASSERT_TRUE(repair.has_value());
  step(DropSegmentsAsked{CallId(3), node.cluster, node.timeline, {node.pg}});
  EXPECT_TRUE(effects.empty()) << "its write would come after the drop";
  ASSERT_TRUE(node.store.Write({&repair->batch}, Durability::kOrdered).ok());
  node.CarryOut(node.Step(Repaired{absl::OkStatus()}));
  EXPECT_TRUE(node.store.VersionPlaces().empty());
}

}  // namespace
}  // namespace hexad::storage_node
