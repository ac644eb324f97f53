// What happens rarely at a storage node: two calls at once, a drop in the middle of a coalescing,
// messages that no honest writer sends.
#include <set>

#include "tests/unit/node_under_test.h"

namespace hexad::storage_node {
namespace {

using quorum::RefusalReason;

int Forms(const std::vector<NodeEffect>& effects) {
  int formed = 0;
  for (const NodeEffect& e : effects) {
    if (const auto* done = std::get_if<FormDone>(&e)) formed += done->status.ok();
  }
  return formed;
}

TEST(Form, OfTwoAtOnceOneIsTold) {
  NodeUnderTest node;
  const auto first = node.Step(FormAsked{CallId(1), ClusterId(7), node.roster});
  EXPECT_EQ(Forms(node.Do(FormAsked{CallId(2), ClusterId(8), node.roster})), 0);
  EXPECT_EQ(Forms(node.CarryOut(first)), 1);
  EXPECT_EQ(node.core->cluster(), ClusterId(7));
}

TEST(Create, OfTwoShapesAtOnceOneIsTold) {
  NodeUnderTest node;
  node.Form();
  const auto first = node.Step(RequestReceived{kConn, node.Create(4)});
  EXPECT_EQ(Reason(node.Ask(node.Create(8))), RefusalReason::kBadRequest);
  const auto told = node.CarryOut(first);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<quorum::Created>(std::get<Reply>(told[0]).answer));
}

// A boxcar that names the timeline its PG was branched from is on the path, and not of this log.
TEST(Append, OfAnAncestorsTimelineIsRefused) {
  NodeUnderTest node;
  node.Form();
  node.Ask(node.Create());
  const TimelineId other(0xB);
  auto steps = quorum::Path::FromSteps(
      {{other, Epoch(1), Lsn(1), Lsn(50)}, {node.timeline, Epoch(1), Lsn(51), Lsn::Max()}});
  ASSERT_TRUE(steps.ok());
  node.Ask(node.BeginOf(quorum::PgPath{*steps, {Lsn(50)}, {}}));
  quorum::BoxcarBuilder builder(other, node.pg, Epoch(1));
  quorum::RecordView record;
  record.lsn = Lsn(3);
  record.volume_prev = record.pg_prev = Lsn(2);
  record.epoch_number = 1;
  record.flags = quorum::RecordFlags::kAll;
  builder.Add(record);
  EXPECT_EQ(Reason(node.Ask(node.Append(builder.Seal(Lsn(2), Lsn(2))))),
            RefusalReason::kBadRequest);
}

// A repeated question of the opening, from another connection, while the Begin is written: the
// parent's path would land on the disk after the new one, and a restart would find it there.
TEST(Begin, IsNotOverwrittenByALateInventory) {
  NodeUnderTest node;
  node.Open();
  const auto second = node.First().Fork(Epoch(2), Lsn(), Lsn(2000), Lsn());
  const auto third = second.Fork(Epoch(3), Lsn(), Lsn(4000), Lsn());
  node.Ask(quorum::Seal{node.To(Epoch(3))});
  const auto begin = node.Step(RequestReceived{kConn, node.BeginOf(third)});
  EXPECT_EQ(Reason(node.Ask(quorum::TakeInventory{node.To(Epoch(3)), second, std::nullopt})),
            RefusalReason::kOverloaded);
  node.CarryOut(begin);
  ASSERT_TRUE(node.Start().ok());
  EXPECT_EQ(node.core->Describe(node.now).at(0).begun, Epoch(3));
}

TEST(Register, ABallotThatNoneCouldFollowIsRefused) {
  NodeUnderTest node;
  node.Form();
  const RegisterAsked asked{CallId(1), node.cluster, "v/a", {UINT64_MAX, 1}, std::nullopt};
  const auto sent = node.Do(asked);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(absl::IsInvalidArgument(std::get<RegisterDone>(sent[0]).status));
}

// More segments than a round has questions, all of them behind, and peers that answer none.
TEST(Gossip, ComesToEverySegmentInTurn) {
  constexpr uint32_t kSegments = 3 * kGossipAsksPerRound;
  NodeUnderTest node;
  node.Form();
  for (uint32_t i = 0; i < kSegments; ++i) {
    node.pg = quorum::MakePgId(node.timeline, i);
    node.Ask(node.Create());
  }
  std::set<PgId> asked;
  for (int round = 0; round < 4; ++round) {
    node.asks.clear();
    node.Tick();
    EXPECT_LE(node.asks.size(), static_cast<size_t>(kGossipAsksPerRound));
    for (const AskPeer& ask : node.asks) {
      asked.insert(ask.ask.to.pg);
      node.Do(PeerAnswered{ask.peer, ask.ask.to.pg, ask.ask.to.timeline, std::nullopt});
    }
  }
  EXPECT_EQ(asked.size(), kSegments);
}

// A segment with one record that is just being coalesced.
struct Coalescing : NodeUnderTest {
  Coalescing() {
    Open();
    Ask(Append(Box(Epoch(1), Lsn(1), 1, Lsn())));
    Ask(Tell(Epoch(1), Lsn(1)));
    Tick();
    EXPECT_EQ(coalesces.size(), 1u);
  }
};

TEST(Begin, ThatForksBelowWhatIsBeingCoalescedIsRefused) {
  Coalescing node;
  const auto below = node.Root().Fork(Epoch(2), Lsn(), Lsn(2000), Lsn());
  EXPECT_EQ(Reason(node.Ask(node.BeginOf(below))), RefusalReason::kBadRequest);
  node.RunCoalesce();
  EXPECT_EQ(Reason(node.Ask(node.BeginOf(below))), RefusalReason::kBadRequest);
}

// --- dropping ------------------------------------------------------------------------------------

bool IsDropped(const std::vector<NodeEffect>& effects) {
  for (const NodeEffect& e : effects) {
    if (const auto* done = std::get_if<DropSegmentsDone>(&e)) return done->status.ok();
  }
  return false;
}

TEST(Drop, WaitsForTheCoalescerWhoseMarkWouldComeBack) {
  Coalescing node;
  EXPECT_FALSE(
      IsDropped(node.Do(DropSegmentsAsked{CallId(3), node.cluster, node.timeline, {node.pg}})));
  EXPECT_EQ(Reason(node.Ask(node.Tell(Epoch(1), Lsn(1)))), RefusalReason::kUnknownSegment);
  node.RunCoalesce();
  ASSERT_TRUE(node.Start().ok());
  EXPECT_TRUE(node.core->Describe(node.now).empty());
}

TEST(Drop, AnswersNobodyFromTheMomentItIsAsked) {
  NodeUnderTest node;
  node.Open();
  const auto drop = node.Step(DropSegmentsAsked{CallId(3), node.cluster, node.timeline, {node.pg}});
  EXPECT_EQ(Reason(node.Ask(node.Create())), RefusalReason::kUnknownSegment);
  EXPECT_EQ(Reason(node.Ask(quorum::Poll{node.To(Epoch(1))})), RefusalReason::kUnknownSegment);
  const auto read = node.Do(ReadAsked{CallId(4), node.ReadOf(Epoch(1), PageNo(1), Lsn(), Lsn())});
  EXPECT_EQ(std::get<CallRefused>(read.at(0)).refused.reason, RefusalReason::kUnknownSegment);
  EXPECT_TRUE(IsDropped(node.CarryOut(drop)));
  EXPECT_EQ(Reason(node.Ask(node.Create())), std::nullopt);
}

// A batch that was not stored dropped nothing: the segment goes on.
TEST(Drop, ThatWasNotStoredLeavesTheSegment) {
  NodeUnderTest node;
  node.Open();
  const auto drop = node.Step(DropSegmentsAsked{CallId(3), node.cluster, node.timeline, {node.pg}});
  ASSERT_EQ(drop.size(), 1u);
  const auto told = node.Do(NotPersisted{std::get<Persist>(drop[0]).ticket});
  EXPECT_FALSE(IsDropped(told));
  EXPECT_EQ(Reason(node.Ask(node.Append(node.Box(Epoch(1), Lsn(1), 1, Lsn())))), std::nullopt);
}

TEST(Drop, ReachesTheDiskAlsoForWhatIsNotInMemory) {
  NodeUnderTest node;
  node.Form();
  const auto drop = node.Step(DropSegmentsAsked{CallId(3), node.cluster, node.timeline, {node.pg}});
  ASSERT_EQ(drop.size(), 1u);
  const auto& ops = std::get<Persist>(drop[0]).batch.ops;
  ASSERT_EQ(ops.size(), 1u);
  EXPECT_EQ(std::get<DropSegment>(ops[0]).pg, node.pg);
}

TEST(Load, IgnoresWhatADropLeftBehind) {
  NodeUnderTest node;
  node.Form();
  StoreBatch remains;
  remains.ops.push_back(PutMeta{CoalescedKey(node.pg, node.timeline), Encode(CoalescedMark{})});
  ASSERT_TRUE(node.store.Write({&remains}, Durability::kSynced).ok());
  EXPECT_TRUE(node.Start().ok());
  EXPECT_EQ(Reason(node.Ask(node.Create())), std::nullopt);
}

TEST(Load, OfASegmentWithoutItsPathIsDamage) {
  NodeUnderTest node;
  node.Open();
  StoreBatch gone;
  gone.ops.push_back(DropMeta{PathKey(node.pg, node.timeline)});
  ASSERT_TRUE(node.store.Write({&gone}, Durability::kSynced).ok());
  EXPECT_EQ(node.Start().code(), absl::StatusCode::kDataLoss);
}

// --- bytes that no honest peer sends -------------------------------------------------------------

TEST(Hostile, HistoriesAreCheckedBeforeTheyAreLookedAt) {
  NodeUnderTest node;
  node.Open();
  PeerAnswered answered{NodeId("n2"), node.pg, node.timeline, quorum::GossipFill{}};
  EXPECT_TRUE(node.Do(answered).empty());
  node.Ask(quorum::Seal{node.To(Epoch(2))});
  const auto to = node.To(Epoch(2));
  quorum::PgPath ragged = node.First();
  ragged.tails.push_back(Lsn(9));
  for (const quorum::PgPath& path : {quorum::PgPath{}, ragged}) {
    EXPECT_EQ(Reason(node.Ask(quorum::TakeInventory{to, path, std::nullopt})),
              RefusalReason::kBadRequest);
    EXPECT_EQ(Reason(node.Ask(quorum::FetchLog{to, path, Lsn(), Lsn(9)})),
              RefusalReason::kBadRequest);
    EXPECT_EQ(Reason(node.Ask(quorum::Refill{to, path, {}})), RefusalReason::kBadRequest);
    EXPECT_EQ(Reason(node.Ask(quorum::Begin{to, path, std::nullopt})), RefusalReason::kBadRequest);
  }
}

}  // namespace
}  // namespace hexad::storage_node
