// Coalescing at a whole node: what a crash in the middle leaves, what a read that waits may see,
// and which segment is taken next.
#include <algorithm>

#include "storage-node/core/chain_index.h"
#include "tests/unit/node_under_test.h"

namespace hexad::storage_node {
namespace {

using quorum::RefusalReason;

std::string Start(const absl::StatusOr<quorum::PageRead>& read) {
  return read.ok() ? std::string(read->page.view().substr(0, 6)) : read.status().ToString();
}

// Enough records of one page that the coalescer makes an image of those at or below the floor.
struct Busy : NodeUnderTest {
  static constexpr uint64_t kRecords = 40;

  Busy() {
    Open();
    Ask(Append(Box(Epoch(1), Lsn(1), kRecords, Lsn())));
  }
  // Everyone reads at or above `floor`; everything is durable.
  void CoalesceWith(Lsn floor) {
    Ask(Tell(Epoch(1), Lsn(kRecords), floor));
    Tick();
    EXPECT_EQ(coalesces.size(), 1u);
  }
  quorum::ReadPage At(uint64_t read_point) const {
    return ReadOf(Epoch(1), PageNo(1), Lsn(read_point), Lsn(read_point));
  }
};

// The image replaced what it was made from before the mark with the new floor was written: without
// the first write a read below it would be admitted after the restart, and find an empty page.
TEST(Coalescing, CutShortAtAnyWriteServesNoHole) {
  for (int writes = 0; writes <= 1; ++writes) {  // of two: the pages, then the mark
    Busy node;
    node.CoalesceWith(Lsn(35));
    node.RunCoalesce(writes);
    node.store.Sync();
    ASSERT_TRUE(node.Start().ok());
    const auto below = node.Read(node.At(20));
    EXPECT_TRUE(!below.ok() || Start(below) == "lsn 20") << writes << ": " << Start(below);
    EXPECT_EQ(below.ok(), writes == 0) << "the floor is the first thing written";
    EXPECT_EQ(Start(node.Read(node.At(35))), "lsn 35") << writes;
    EXPECT_EQ(Start(node.Read(node.At(40))), "lsn 40") << writes;
    // The next coalescing, which starts by itself if the VDL came with the floor, finds what is
    // there already and ends in the same pages.
    node.CoalesceWith(Lsn(35));
    node.RunCoalesce();
    EXPECT_EQ(Start(node.Read(node.At(36))), "lsn 36") << writes;
    EXPECT_EQ(Start(node.Read(node.At(40))), "lsn 40") << writes;
  }
}

// A read that was planned before the floor rose finds the image only, which is too new for it.
TEST(Coalescing, UnderAReadThatWaitsRefusesIt) {
  Busy node;
  node.Ask(node.Tell(Epoch(1), Lsn(Busy::kRecords), Lsn(1)));
  node.Tick();
  node.RunCoalesce();  // into a run: nobody may lose a version yet
  const auto planned = node.Do(ReadAsked{CallId(5), node.At(20)});
  const ReadPlan plan = std::get<ServeRead>(planned.at(0)).plan;
  EXPECT_EQ(Start(node.Serve(plan)), "lsn 20");
  node.Ask(node.Append(node.Box(Epoch(1), Lsn(41), 1, Lsn(40))));
  node.Ask(node.Tell(Epoch(1), Lsn(41), Lsn(41)));
  node.Tick();
  node.RunCoalesce();
  EXPECT_FALSE(node.core->MayServe(plan));
  EXPECT_TRUE(absl::IsOutOfRange(node.Serve(plan).status()));
  EXPECT_EQ(Start(node.Read(node.At(41))), "lsn 41");
}

// Of the chain index stay the entry that holds the floor, and those above it.
TEST(Coalescing, EntriesOfTheChainBelowTheFloorGo) {
  Busy node;
  const auto entries = [&] {
    node.store.Sync();
    const auto places = node.store.VersionPlaces();
    return std::count_if(places.begin(), places.end(),
                         [](const VersionPlace& place) { return place.page == kChainPage; });
  };
  const auto round = [&](uint64_t last, uint64_t floor) {
    if (last > 40) node.Ask(node.Append(node.Box(Epoch(1), Lsn(last - 39), 40, Lsn(last - 40))));
    node.Ask(node.Tell(Epoch(1), Lsn(last), Lsn(floor)));
    node.Tick();
    node.RunCoalesce();
  };
  for (uint64_t last = 40; last <= 200; last += 40) round(last, 1);
  EXPECT_EQ(entries(), 5) << "all of it can be gone back to";
  round(240, 90);
  EXPECT_EQ(entries(), 4) << "from 81 on, and the one that came with this round";
  round(280, 280);
  round(320, 320);
  EXPECT_EQ(entries(), 2);
  const auto asked = node.Do(RequestReceived{
      kConn, quorum::FindCommit{node.To(Epoch(1)), node.First(), Lsn(320), Lsn(281)}});
  ASSERT_TRUE(std::holds_alternative<ServeFind>(asked.at(0)));
  const auto found = RunFind(node.store, std::get<ServeFind>(asked[0]).plan);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->tail, Lsn(281));
}

// What an image was made from goes with the write that brings it: images, and the runs between.
TEST(Coalescing, AnImageLeavesNothingBelowItself) {
  Busy node;
  for (uint64_t last = 40; last <= 160; last += 40) {
    if (last > 40) node.Ask(node.Append(node.Box(Epoch(1), Lsn(last - 39), 40, Lsn(last - 40))));
    const bool into_a_run = last == 80;
    node.Ask(node.Tell(Epoch(1), Lsn(last), Lsn(into_a_run ? 1 : last)));
    node.Tick();
    node.RunCoalesce();
    const auto below =
        node.store.ReadVersions(node.pg, PageNo(1), {{node.timeline, Lsn::First(), Lsn(last - 1)}});
    ASSERT_TRUE(below.ok());
    if (!into_a_run) {
      EXPECT_TRUE(below->empty()) << below->size() << " below " << last;
    }
    EXPECT_EQ(Start(node.Read(node.At(last))), ("lsn " + std::to_string(last)).substr(0, 6));
  }
}

// --- one bad page --------------------------------------------------------------------------------

TEST(Coalescing, GoesOnPastARottenVersion) {
  Busy node;
  node.CoalesceWith(Lsn(10));
  node.RunCoalesce();
  ASSERT_TRUE(node.store.CorruptVersion(node.pg, PageNo(1), node.timeline, Lsn(1)));
  EXPECT_TRUE(absl::IsDataLoss(node.Read(node.At(40)).status()));
  node.Ask(node.Append(node.Box(Epoch(1), Lsn(41), 20, Lsn(40))));
  node.Ask(node.Append(node.Box(Epoch(1), Lsn(61), 2, Lsn(60), PageNo(2))));
  node.Ask(node.Tell(Epoch(1), Lsn(62), Lsn(62)));
  node.Tick();
  node.RunCoalesce();
  const auto state = node.core->Describe(node.now).at(0);
  EXPECT_EQ(state.coalesced, Lsn(62));
  EXPECT_EQ(state.hot_log_bytes, 0u);
  EXPECT_TRUE(
      absl::IsDataLoss(node.Read(node.ReadOf(Epoch(1), PageNo(1), Lsn(62), Lsn())).status()));
  EXPECT_EQ(Start(node.Read(node.ReadOf(Epoch(1), PageNo(2), Lsn(62), Lsn()))), "lsn 62");
}

TEST(Coalescing, GoesOnPastABrokenPageChain) {
  Busy node;
  node.page_tail[PageNo(1)] = Lsn(37);  // the next record claims to follow another one
  node.Ask(node.Append(node.Box(Epoch(1), Lsn(41), 20, Lsn(40))));
  node.Ask(node.Tell(Epoch(1), Lsn(60), Lsn(60)));
  node.Tick();
  node.RunCoalesce();
  EXPECT_EQ(node.core->Describe(node.now).at(0).coalesced, Lsn(60));
  EXPECT_TRUE(absl::IsDataLoss(node.Read(node.At(60)).status()));
}

// --- which one is next ---------------------------------------------------------------------------

// The largest segment has nothing that may leave: the second largest must not wait for it.
TEST(Coalescing, TakesTheNextSegmentWhenTheLargestHasNothingToGive) {
  Busy node;
  const PgId first = node.pg;
  node.pg = quorum::MakePgId(node.timeline, 1);
  node.page_tail.clear();
  node.Ask(node.Create());
  node.Ask(node.BeginOf(node.First()));
  node.Ask(node.Append(node.Box(Epoch(1), Lsn(41), 2, Lsn())));
  node.Ask(node.Tell(Epoch(1), Lsn(42)));
  node.Tick();
  ASSERT_EQ(node.coalesces.size(), 1u);
  EXPECT_EQ(node.coalesces[0].plan.pg, node.pg);
  EXPECT_NE(node.coalesces[0].plan.pg, first);
}

// After a look that found nothing the next one comes with a Tick, or with much more log.
TEST(Coalescing, LooksAgainOnATickOrWhenMuchHasCome) {
  Busy node;
  node.Ask(node.Tell(Epoch(1), Lsn(40)));
  EXPECT_TRUE(node.coalesces.empty()) << "nothing much has come since the append";
  node.Tick();
  EXPECT_EQ(node.coalesces.size(), 1u);

  Busy other;
  other.Ask(other.Tell(Epoch(1), Lsn(40)));
  EXPECT_TRUE(other.coalesces.empty());
  for (uint64_t first = 41; other.coalesces.empty() && first < 4041; first += 100) {
    other.Ask(other.Append(other.Box(Epoch(1), Lsn(first), 100, Lsn(first - 1))));
  }
  EXPECT_EQ(other.coalesces.size(), 1u);
}

// --- a full hot log ------------------------------------------------------------------------------

TEST(Overload, LetsInWhatClosesAGapAndNothingElse) {
  NodeUnderTest node;
  const auto probe = node.Box(Epoch(1), Lsn(1), 10, Lsn());
  node.page_tail.clear();
  node.options.hot_log_limit_bytes = probe.size() * 2;
  ASSERT_TRUE(node.Start().ok());
  node.Open();
  std::vector<quorum::Boxcar> boxcars;
  for (uint64_t i = 0; i < 6; ++i) {
    boxcars.push_back(node.Box(Epoch(1), Lsn(10 * i + 1), 10, Lsn(10 * i)));
  }
  // Two boxcars behind a gap fill the log; they cannot leave it before the gap is closed.
  node.Ask(node.Append(boxcars[1]));
  node.Ask(node.Append(boxcars[2]));
  EXPECT_EQ(Reason(node.Ask(node.Append(boxcars[4]))), RefusalReason::kOverloaded);
  EXPECT_EQ(std::get<quorum::Ack>(node.Ask(node.Append(boxcars[0]))).scl, Lsn(30));
  // At twice the limit nothing is let in.
  EXPECT_EQ(std::get<quorum::Ack>(node.Ask(node.Append(boxcars[3]))).scl, Lsn(40));
  EXPECT_EQ(Reason(node.Ask(node.Append(boxcars[4]))), RefusalReason::kOverloaded);
  EXPECT_EQ(Reason(node.Ask(node.Append(boxcars[5]))), RefusalReason::kOverloaded);
}

}  // namespace
}  // namespace hexad::storage_node
