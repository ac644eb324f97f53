// docs/protocol.md, "what is durable before which answer", row by row; the refusals; and what a
// segment learns from its peers.
#include "tests/unit/node_under_test.h"

namespace hexad::storage_node {
namespace {

using quorum::PgPath;
using quorum::RefusalReason;

// --- what is durable before which answer ---------------------------------------------------------

// Steps a request: it must ask for a write and say nothing. Then: the answer comes with Persisted.
struct Row {
  StoreBatch batch;
  quorum::SegmentAnswer answer;
};
Row Watch(NodeUnderTest& node, quorum::SegmentRequest request) {
  Row row;
  auto effects = node.Step(RequestReceived{kConn, std::move(request)});
  EXPECT_EQ(effects.size(), 1u);
  if (effects.size() != 1 || !std::holds_alternative<Persist>(effects[0])) {
    ADD_FAILURE() << "answered before anything was durable";
    return row;
  }
  row.batch = std::get<Persist>(effects[0]).batch;
  const auto sent = node.CarryOut(std::move(effects));
  EXPECT_EQ(sent.size(), 1u);
  row.answer = std::get<Reply>(sent.at(0)).answer;
  return row;
}

std::vector<std::string> MetaKeys(const StoreBatch& batch) {
  std::vector<std::string> keys;
  for (const StoreOp& op : batch.ops) {
    if (const auto* put = std::get_if<PutMeta>(&op)) keys.push_back(put->key);
  }
  return keys;
}

TEST(DurableFirst, CreateSegment) {
  NodeUnderTest node;
  node.Form();
  const Row row = Watch(node, node.Create());
  EXPECT_EQ(MetaKeys(row.batch),
            (std::vector<std::string>{ConfigKey(node.pg), PathKey(node.pg, node.timeline)}));
  EXPECT_TRUE(std::holds_alternative<quorum::Created>(row.answer));
}

TEST(DurableFirst, Seal) {
  NodeUnderTest node;
  node.Open();
  const Row row = Watch(node, quorum::Seal{node.To(Epoch(2))});
  EXPECT_EQ(MetaKeys(row.batch), std::vector<std::string>{PromiseKey(node.pg, node.timeline)});
  EXPECT_TRUE(std::holds_alternative<quorum::Promised>(row.answer));
  ASSERT_TRUE(node.Start().ok());
  EXPECT_EQ(Reason(node.Ask(node.Tell(Epoch(1), Lsn()))), RefusalReason::kStaleEpoch);
}

TEST(DurableFirst, TakeInventoryAlongAHistoryThatWasNewHere) {
  NodeUnderTest node;
  node.Open();
  node.Ask(quorum::Seal{node.To(Epoch(3))});
  const PgPath parent = node.First().Fork(Epoch(2), Lsn(), Lsn(2000), Lsn());
  const Row row = Watch(node, quorum::TakeInventory{node.To(Epoch(3)), parent, std::nullopt});
  EXPECT_EQ(MetaKeys(row.batch), std::vector<std::string>{PathKey(node.pg, node.timeline)});
  EXPECT_TRUE(std::holds_alternative<quorum::InventoryTaken>(row.answer));
}

TEST(DurableFirst, Refill) {
  NodeUnderTest node;
  node.Open();
  const auto boxcar = node.Box(Epoch(1), Lsn(1), 2, Lsn());
  node.Ask(quorum::Seal{node.To(Epoch(2))});
  const Row row = Watch(node, quorum::Refill{node.To(Epoch(2)), node.First(), {boxcar.bytes}});
  ASSERT_EQ(row.batch.ops.size(), 1u);
  EXPECT_EQ(std::get<PutBoxcar>(row.batch.ops[0]).first_lsn, Lsn(1));
  EXPECT_EQ(std::get<quorum::Refilled>(row.answer).scl, Lsn(2));
}

// The boxcar is here, but perhaps not yet on the disk: the answer waits for its turn all the same.
TEST(DurableFirst, RefillOfWhatIsOnItsWay) {
  NodeUnderTest node;
  node.Open();
  const auto boxcar = node.Box(Epoch(1), Lsn(1), 2, Lsn());
  node.Ask(quorum::Seal{node.To(Epoch(2))});
  const quorum::Refill refill{node.To(Epoch(2)), node.First(), {boxcar.bytes}};
  const auto first = node.Step(RequestReceived{kConn, refill});
  const auto second = node.Step(RequestReceived{kConn, refill});
  ASSERT_EQ(second.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<Persist>(second[0]));
  node.CarryOut(first);
  const auto told = node.CarryOut(second);
  EXPECT_EQ(std::get<quorum::Refilled>(std::get<Reply>(told.at(0)).answer).scl, Lsn(2));
}

TEST(DurableFirst, Begin) {
  NodeUnderTest node;
  node.Form();
  node.Ask(node.Create());
  const Row row = Watch(node, node.BeginOf(node.First()));
  EXPECT_EQ(MetaKeys(row.batch), (std::vector<std::string>{PromiseKey(node.pg, node.timeline),
                                                           PathKey(node.pg, node.timeline)}));
  EXPECT_TRUE(std::holds_alternative<quorum::Begun>(row.answer));
}

TEST(DurableFirst, Append) {
  NodeUnderTest node;
  node.Open();
  const Row row = Watch(node, node.Append(node.Box(Epoch(1), Lsn(1), 2, Lsn())));
  ASSERT_EQ(row.batch.ops.size(), 1u);
  EXPECT_EQ(std::get<PutBoxcar>(row.batch.ops[0]).first_lsn, Lsn(1));
  EXPECT_EQ(std::get<quorum::Ack>(row.answer).scl, Lsn(2));
}

TEST(DurableFirst, Register) {
  NodeUnderTest node;
  node.Form();
  const auto effects =
      node.Step(RegisterAsked{CallId(2), node.cluster, "v", quorum::Ballot{1, 1}, std::nullopt});
  ASSERT_EQ(effects.size(), 1u);
  const auto told = node.CarryOut(effects);
  EXPECT_TRUE(std::get<RegisterDone>(told.at(0)).granted);
}

// --- a full disk ---------------------------------------------------------------------------------

TEST(DiskFull, TakesBackWhatWasOnlyInMemory) {
  NodeUnderTest node;
  node.Open();
  const auto boxcar = node.Box(Epoch(1), Lsn(1), 2, Lsn());
  node.store.SetFull(true);
  EXPECT_EQ(Reason(node.Ask(node.Append(boxcar))), RefusalReason::kDiskFull);
  EXPECT_TRUE(node.core->disk_full());
  node.store.SetFull(false);
  EXPECT_EQ(std::get<quorum::Ack>(node.Ask(node.Append(boxcar))).scl, Lsn(2));
  EXPECT_FALSE(node.core->disk_full());
}

// --- refusing starts earlier than promising ------------------------------------------------------

// Refused at once, but the promise is named only when a crash cannot take it back: a writer that is
// told of a higher promise stops for ever.
TEST(Seal, RefusesAtOnceAndNamesItsPromiseOnlyWhenDurable) {
  NodeUnderTest node;
  node.Open();
  const auto seal = node.Step(RequestReceived{kConn, quorum::Seal{node.To(Epoch(2))}});
  const auto append = node.Append(node.Box(Epoch(1), Lsn(1), 1, Lsn()));
  auto refused = node.Ask(append);
  EXPECT_EQ(Reason(refused), RefusalReason::kOverloaded);
  EXPECT_EQ(std::get<quorum::Refused>(refused).promised, Epoch(1));
  node.CarryOut(seal);
  refused = node.Ask(append);
  EXPECT_EQ(Reason(refused), RefusalReason::kStaleEpoch);
  EXPECT_EQ(std::get<quorum::Refused>(refused).promised, Epoch(2));
}

// --- refusals ------------------------------------------------------------------------------------

TEST(Refusals, OneForEachWrongEnvelope) {
  NodeUnderTest node;
  EXPECT_EQ(Reason(node.Ask(node.Create())), RefusalReason::kAmnesiac) << "belongs to no cluster";
  node.Form();
  EXPECT_EQ(Reason(node.Ask(quorum::Poll{node.To(Epoch(1))})), RefusalReason::kUnknownSegment);
  node.Ask(node.Create());
  const auto append = node.Append(node.Box(Epoch(1), Lsn(1), 1, Lsn()));
  EXPECT_EQ(Reason(node.Ask(append)), RefusalReason::kNeedsBegin);
  node.Ask(node.BeginOf(node.First()));
  auto wrong = append;
  wrong.to.membership_epoch = MembershipEpoch(2);
  EXPECT_EQ(Reason(node.Ask(wrong)), RefusalReason::kStaleMembership);
  wrong = append;
  wrong.to.timeline = TimelineId(0xF);
  EXPECT_EQ(Reason(node.Ask(wrong)), RefusalReason::kUnknownSegment);
  wrong = append;
  wrong.to.epoch = EpochId::Root();
  EXPECT_EQ(Reason(node.Ask(wrong)), RefusalReason::kStaleEpoch);
  wrong = append;
  wrong.boxcar = BytesRef::Own("no boxcar");
  EXPECT_EQ(Reason(node.Ask(wrong)), RefusalReason::kBadRequest);
  EXPECT_EQ(Reason(node.Ask(quorum::TakeInventory{node.To(Epoch(2)), node.First(), std::nullopt})),
            RefusalReason::kNotPromised);
  EXPECT_EQ(Reason(node.Ask(quorum::Seal{node.To(Epoch(1))})), RefusalReason::kStaleEpoch);
  EXPECT_EQ(Reason(node.Ask(append)), std::nullopt) << "and nothing of it did any harm";
}

TEST(Refusals, OfAnotherDiskAndAnotherShape) {
  NodeUnderTest node;
  node.Form();
  auto create = node.Create();
  create.membership.members[0].incarnation = Incarnation(999);
  EXPECT_EQ(Reason(node.Ask(create)), RefusalReason::kAmnesiac);
  create = node.Create();
  create.page_size = 5000;
  EXPECT_EQ(Reason(node.Ask(create)), RefusalReason::kBadRequest);
  node.Ask(node.Create(4));
  EXPECT_EQ(Reason(node.Ask(node.Create(8))), RefusalReason::kBadRequest);
}

TEST(Refusals, OfReadsOutsideWhatIsHere) {
  NodeUnderTest node;
  node.Open();
  node.Ask(node.Append(node.Box(Epoch(1), Lsn(1), 2, Lsn())));
  const auto reason = [&](const quorum::ReadPage& read) {
    const auto sent = node.Do(ReadAsked{CallId(3), read});
    const auto* refused = std::get_if<CallRefused>(&sent.at(0));
    return refused == nullptr ? std::nullopt : std::optional(refused->refused.reason);
  };
  EXPECT_EQ(reason(node.ReadOf(Epoch(1), PageNo(1), Lsn(2), Lsn(2))), std::nullopt);
  EXPECT_EQ(reason(node.ReadOf(Epoch(1), PageNo(1), Lsn(3), Lsn(3))), RefusalReason::kOutOfRange);
  EXPECT_EQ(reason(node.ReadOf(Epoch(1), PageNo(16), Lsn(2), Lsn(2))), RefusalReason::kOutOfRange);
  EXPECT_EQ(reason(node.ReadOf(Epoch(2), PageNo(1), Lsn(2), Lsn(2))), RefusalReason::kNeedsBegin);
}

// Found by the simulator. Epoch 2 forked at 2 and has begun elsewhere; this segment was sealed,
// holds more of epoch 1 than that, and does not know the fork.
TEST(Read, OfASealedEpochIsServedAlongItsParentOnlyIfTheReaderSaysThatItHasNotBegun) {
  NodeUnderTest node;
  node.Open();
  node.Ask(node.Append(node.Box(Epoch(1), Lsn(1), 2, Lsn())));
  node.Ask(node.Append(node.Box(Epoch(1), Lsn(3), 2, Lsn(2))));
  node.Ask(quorum::Seal{node.To(Epoch(2))});
  node.Ask(quorum::TakeInventory{node.To(Epoch(2)), node.First(), std::nullopt});
  quorum::ReadPage read = node.ReadOf(Epoch(2), PageNo(1), Lsn(2005), Lsn(2));
  auto sent = node.Do(ReadAsked{CallId(3), read});
  ASSERT_TRUE(std::holds_alternative<CallRefused>(sent.at(0))) << "it would show LSN 4";
  EXPECT_EQ(std::get<CallRefused>(sent.at(0)).refused.reason, RefusalReason::kNeedsBegin);
  read.read_point = Lsn(2);
  read.sealed = true;
  const auto page = node.Read(read);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->page_lsn, Lsn(2));
}

// Found by the simulator. Epoch 2 went back to 2 and wrote 2001; epoch 3 is sealed here and returns
// to the branch: whoever reads the sealed volume reads the head, and the branch ends where it was
// left although more of epoch 1 is here.
TEST(Read, OfASealedEpochIsServedAlongTheHeadAlsoWhileABranchIsAskedAbout) {
  NodeUnderTest node;
  node.Open();
  node.Ask(node.Append(node.Box(Epoch(1), Lsn(1), 2, Lsn())));
  node.Ask(node.Append(node.Box(Epoch(1), Lsn(3), 4, Lsn(2))));
  const PgPath second = *node.First().TryBacktrack(node.First(), Epoch(2), {Lsn(2), Lsn(2)},
                                                   Lsn(2001), {Lsn(4), Lsn(4)});
  node.Ask(quorum::Begin{node.To(Epoch(2)), second, std::nullopt});
  node.page_tail[PageNo(1)] = Lsn(2);
  node.Ask(node.Append(node.Box(Epoch(2), Lsn(2001), 1, Lsn(2))));
  node.Ask(quorum::Seal{node.To(Epoch(3))});
  const auto taken = std::get<quorum::InventoryTaken>(
      node.Ask(quorum::TakeInventory{node.To(Epoch(3)), second, Epoch(2)}));
  EXPECT_EQ(taken.history, Epoch(1));
  EXPECT_EQ(taken.inventory.scl, Lsn(4));
  for (const auto& record : taken.inventory.records) EXPECT_LE(record.lsn, Lsn(4));
  EXPECT_EQ(Reason(node.Ask(quorum::TakeInventory{node.To(Epoch(3)), second, Epoch(9)})),
            RefusalReason::kBadRequest);
  quorum::ReadPage read = node.ReadOf(Epoch(3), PageNo(1), Lsn(2001), Lsn(2001));
  read.sealed = true;
  const auto page = node.Read(read);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->page_lsn, Lsn(2001));
}

// --- gossip --------------------------------------------------------------------------------------

struct Gossiping : NodeUnderTest {
  PgPath second = First().Fork(Epoch(2), Lsn(2), Lsn(2001), Lsn(2));
  PgPath third = second.Fork(Epoch(3), Lsn(2004), Lsn(5001), Lsn(2004));

  PeerAnswered Fill(const PgPath& begun, const std::vector<quorum::Boxcar>& boxcars) const {
    quorum::GossipFill fill;
    fill.from = To(begun.path.epoch());
    fill.begun = begun;
    for (const auto& boxcar : boxcars) fill.boxcars.push_back(boxcar.bytes);
    fill.more = true;
    return {NodeId("n2"), pg, timeline, std::move(fill)};
  }
  EpochId begun() const { return core->Describe(now).at(0).begun; }
  Lsn scl() const { return core->Describe(now).at(0).scl; }
};

// A peer's answer comes in parts. One that holds records of a middle epoch only must bring the
// segment into that epoch, or it would ask for the same part for ever.
TEST(Gossip, LearnsAHistoryAsFarAsItsRecordsProveIt) {
  Gossiping node;
  node.Open();
  const auto e1 = node.Box(Epoch(1), Lsn(1), 2, Lsn());
  const auto e2 = node.Box(Epoch(2), Lsn(2001), 4, Lsn(2));
  const auto e3 = node.Box(Epoch(3), Lsn(5001), 2, Lsn(2004));
  node.Do(node.Fill(node.third, {e1, e2}));
  EXPECT_EQ(node.begun(), Epoch(2));
  EXPECT_EQ(node.scl(), Lsn(2004));
  ASSERT_EQ(node.asks.size(), 1u);
  EXPECT_EQ(node.asks[0].ask.scl, Lsn(2004)) << "and asks for what follows";
  EXPECT_EQ(node.asks[0].ask.to.epoch, Epoch(2));
  node.Do(node.Fill(node.third, {e3}));
  EXPECT_EQ(node.begun(), Epoch(3));
  EXPECT_EQ(node.scl(), Lsn(5002));
  ASSERT_TRUE(node.Start().ok());
  EXPECT_EQ(node.begun(), Epoch(3));
  EXPECT_EQ(node.scl(), Lsn(5002));
}

// Found by the simulator: a peer that had lost a boxcar sent what follows it, again and again,
// until the hot log had no room for what closes the gap.
TEST(Gossip, WhatFollowsAGapLeavesRoomForWhatClosesIt) {
  Gossiping node;
  node.options.hot_log_limit_bytes = 4096;
  ASSERT_TRUE(node.Start().ok());
  node.Open();
  const auto closing = node.Box(Epoch(1), Lsn(1), 10, Lsn());
  node.Box(Epoch(1), Lsn(11), 1, Lsn(10));  // what the peer has lost
  Lsn next(12);
  for (int round = 0; round < 100; ++round) {
    node.Do(node.Fill(node.First(), {node.Box(Epoch(1), next, 1, next.Prev())}));
    next = next.Next();
  }
  EXPECT_LE(node.core->Describe(node.now).at(0).hot_log_bytes, size_t{4096 + 1024});
  EXPECT_EQ(Reason(node.Ask(node.Append(closing))), std::nullopt);
  EXPECT_EQ(node.scl(), Lsn(10));
}

// Found by the simulator: a segment that had much to catch up took one hot log full in each period
// of gossip, although the coalescer made room in a fraction of it.
TEST(Gossip, GoesOnAsSoonAsTheCoalescerHasMadeRoom) {
  Gossiping node;
  node.options.hot_log_limit_bytes = 2048;
  ASSERT_TRUE(node.Start().ok());
  node.Open();
  node.Tick();  // it lacks nothing that it knows of: five periods to the next one
  node.asks.clear();
  node.Ask(node.Tell(Epoch(1), Lsn(1000)));
  std::vector<quorum::Boxcar> missing;
  for (Lsn next(1); next <= Lsn(60); next = next.Next()) {
    missing.push_back(node.Box(Epoch(1), next, 1, next.Prev()));
  }
  node.Do(node.Fill(node.First(), missing));
  const Lsn reached = node.scl();
  ASSERT_LT(reached, Lsn(60)) << "there is no room for all of it";
  EXPECT_TRUE(node.asks.empty()) << "and none for the rest";
  node.Tick(node.options.gossip_every);
  EXPECT_TRUE(node.asks.empty()) << "nor is it time";
  node.RunCoalesce();
  ASSERT_EQ(node.asks.size(), 1u);
  EXPECT_EQ(node.asks[0].ask.scl, reached);
  EXPECT_EQ(node.asks[0].peer, NodeId("n2"));
}

// An epoch without a record may be half-begun: it does not spread.
TEST(Gossip, DoesNotLearnAnEpochWithoutARecordOfIt) {
  Gossiping node;
  node.Open();
  node.Do(node.Fill(node.second, {node.Box(Epoch(1), Lsn(1), 2, Lsn())}));
  EXPECT_EQ(node.begun(), Epoch(1));
  EXPECT_EQ(node.scl(), Lsn(2));
}

// But one whose writer was heard is begun, though nothing was ever written in it.
TEST(Gossip, LearnsAnEpochThatIsInUse) {
  Gossiping node;
  node.Open();
  PeerAnswered answered = node.Fill(node.second, {node.Box(Epoch(1), Lsn(1), 2, Lsn())});
  answered.fill->in_use = true;
  node.Do(answered);
  EXPECT_EQ(node.begun(), Epoch(1)) << "more is to come: the history may have further steps";
  answered.fill->more = false;
  node.Do(answered);
  EXPECT_EQ(node.begun(), Epoch(2));
  EXPECT_EQ(node.scl(), Lsn(2));
  // It passes on what it learned, and after a restart only what it hears again.
  const quorum::GossipAsk ask{node.To(Epoch(1)), NodeId("n2"), Lsn()};
  const auto in_use = [&] {
    return std::get<ServeGossip>(node.Do(GossipAsked{CallId(6), ask}).at(0)).plan.in_use;
  };
  EXPECT_TRUE(in_use());
  ASSERT_TRUE(node.Start().ok());
  EXPECT_EQ(node.begun(), Epoch(2));
  EXPECT_FALSE(in_use());
  node.Ask(node.Tell(Epoch(2), Lsn(2)));
  EXPECT_TRUE(in_use());
  node.Ask(node.BeginOf(node.third));
  EXPECT_FALSE(in_use()) << "of the third nobody has heard the writer";
}

// While a Begin is on its way to the disk, an older history from a peer must not land on top.
TEST(Gossip, DoesNotOvertakeABegin) {
  Gossiping node;
  node.Open();
  const auto e1 = node.Box(Epoch(1), Lsn(1), 2, Lsn());
  const auto e2 = node.Box(Epoch(2), Lsn(2001), 4, Lsn(2));
  const auto begin = node.Step(RequestReceived{kConn, node.BeginOf(node.third)});
  const auto fill = node.Step(node.Fill(node.third, {e1, e2}));
  node.CarryOut(begin);
  node.CarryOut(fill);
  EXPECT_EQ(node.begun(), Epoch(3));
  ASSERT_TRUE(node.Start().ok());
  EXPECT_EQ(node.begun(), Epoch(3));
}

TEST(Gossip, ASealedSegmentDoesNotAnswer) {
  Gossiping node;
  node.Open();
  const quorum::GossipAsk ask{node.To(Epoch(1)), NodeId("n2"), Lsn()};
  auto sent = node.Do(GossipAsked{CallId(4), ask});
  EXPECT_TRUE(std::holds_alternative<ServeGossip>(sent.at(0)));
  node.Ask(quorum::Seal{node.To(Epoch(2))});
  sent = node.Do(GossipAsked{CallId(5), ask});
  EXPECT_EQ(std::get<CallRefused>(sent.at(0)).refused.reason, RefusalReason::kStaleEpoch);
}

}  // namespace
}  // namespace hexad::storage_node
