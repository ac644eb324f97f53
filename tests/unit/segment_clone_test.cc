// A clone on one storage node: when it is accepted, what it reads, and what it keeps of its parent
// (docs/fork.md).
#include "tests/unit/clone_on_a_node.h"

namespace hexad::storage_node {
namespace {

// --- creation ------------------------------------------------------------------------------------

TEST_F(CloneOnANode, IsDurableBeforeItIsAnswered) {
  auto effects = node.Step(RequestReceived{kConn, Create(Root(Lsn(4)))});
  ASSERT_EQ(effects.size(), 1u);
  ASSERT_TRUE(std::holds_alternative<Persist>(effects[0]));
  const auto sent = node.CarryOut(std::move(effects));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<Created>(std::get<Reply>(sent[0]).answer));
  ASSERT_TRUE(node.Start().ok());
  EXPECT_TRUE(std::holds_alternative<Created>(node.Ask(Create(Root(Lsn(4)))))) << "idempotent";
  EXPECT_EQ(Reason(node.Ask(Create(Root(Lsn(5))))), RefusalReason::kBadRequest);
}

TEST_F(CloneOnANode, ADiskWithoutRoomLeavesNothing) {
  auto effects = node.Step(RequestReceived{kConn, Create(Root(Lsn(4)))});
  const Ticket ticket = std::get<Persist>(effects.at(0)).ticket;
  const auto sent = node.Do(NotPersisted{ticket});
  EXPECT_EQ(Reason(std::get<Reply>(sent.at(0)).answer), RefusalReason::kDiskFull);
  EXPECT_TRUE(std::holds_alternative<Created>(node.Ask(Create(Root(Lsn(5))))));
}

TEST_F(CloneOnANode, WaitsUntilTheParentIsWholeUpToTheFork) {
  const PgPath ahead = *node.First().TryClone(kClone, {Lsn(9), Lsn(9)});
  EXPECT_EQ(Reason(node.Ask(Create(ahead))), RefusalReason::kOverloaded);
  Write(node.First(), Lsn(8), 2, Lsn(7), kQuiet);
  EXPECT_TRUE(std::holds_alternative<Created>(node.Ask(Create(ahead))));
}

TEST_F(CloneOnANode, OnlyRecordsThatAreKeptCount) {
  // Epoch 2 forked at 4 and knows of no branch: 5 to 7 lie here and are dead.
  const PgPath second = node.First().Fork(Epoch(2), Lsn(4), Lsn(2001), Lsn(4));
  node.Ask(node.BeginOf(second));
  EXPECT_EQ(Reason(node.Ask(Create(Root(Lsn(7))))), RefusalReason::kOverloaded);
  EXPECT_TRUE(std::holds_alternative<Created>(node.Ask(Create(Root(Lsn(4))))));
}

TEST_F(CloneOnANode, BelowWhatIsRetainedItIsRefusedWithTheRange) {
  quorum::Begin begin = node.BeginOf(node.First());
  begin.manifest.emplace();
  begin.manifest->timeline = node.timeline;
  begin.manifest->name = "parent";
  begin.manifest->retained_from = Lsn(5);
  begin.manifest->pgs.push_back(node.Members());
  // On its way is as good as there: of an R and a pin that meet, one was first.
  auto raise = node.Step(RequestReceived{kConn, begin});
  const auto answer = node.Ask(Create(Root(Lsn(4))));
  ASSERT_EQ(Reason(answer), RefusalReason::kOutOfRange);
  EXPECT_THAT(std::get<quorum::Refused>(answer).message, testing::HasSubstr("5 and later"));
  node.CarryOut(std::move(raise));
  EXPECT_EQ(Reason(node.Ask(Create(Root(Lsn(4))))), RefusalReason::kOutOfRange);
  EXPECT_EQ(node.core->Describe(node.now).size(), 1u) << "nothing is left of it";
  EXPECT_TRUE(std::holds_alternative<Created>(node.Ask(Create(Root(Lsn(5))))));
}

TEST_F(CloneOnANode, HoldsRFromItsReceiptOn) {
  auto pin = node.Step(RequestReceived{kConn, Create(Root(Lsn(4)))});
  quorum::Begin begin = node.BeginOf(node.First());
  begin.manifest.emplace();
  begin.manifest->timeline = node.timeline;
  begin.manifest->name = "parent";
  begin.manifest->retained_from = Lsn(6);
  begin.manifest->pgs.push_back(node.Members());
  auto raise = node.Step(RequestReceived{kConn, begin});
  node.CarryOut(std::move(pin));
  const auto sent = node.CarryOut(std::move(raise));
  const auto& begun = std::get<Begun>(std::get<Reply>(sent.at(0)).answer);
  EXPECT_EQ(begun.retained_from, Lsn(4)) << "the parent may forget what the clone sees";
}

TEST_F(CloneOnANode, IsNoCloneWithoutAParentOrARootOfItsOwn) {
  quorum::CreateTimeline create = Create(Root(Lsn(4)));
  create.history = create.history.Fork(Epoch(1), Lsn(4), Lsn(5), Lsn(4));
  EXPECT_EQ(Reason(node.Ask(create)), RefusalReason::kBadRequest);
  const PgPath stranger = PgPath::Root(kSecond).Fork(Epoch(1), Lsn(), Lsn(1), Lsn());
  EXPECT_EQ(Reason(node.Ask(Create(*stranger.TryClone(kClone, {Lsn(4), Lsn(4)})))),
            RefusalReason::kUnknownSegment);
  create = Create(Root(Lsn(4)));
  create.manifest->retained_from = Lsn(2);
  EXPECT_EQ(Reason(node.Ask(create)), RefusalReason::kBadRequest);
  quorum::CreateSegment empty = node.Create();
  empty.to.timeline = kClone;
  EXPECT_EQ(Reason(node.Ask(empty)), RefusalReason::kBadRequest) << "it would have no history";
}

// The first answer to a clone that was asked for twice says that there was no room; the second
// comes to a disk that has some.
TEST_F(CloneOnANode, AskedForTwiceItHoldsTheFloorUntilBothAreWritten) {
  told.clear();
  Restart(/*coalesce_at_bytes=*/1);
  auto first = node.Step(RequestReceived{kConn, Create(Root(Lsn(4)))});
  auto second = node.Step(RequestReceived{kConn, Create(Root(Lsn(4)))});
  node.CarryOut(node.Step(NotPersisted{std::get<Persist>(first.at(0)).ticket}));
  Tell(node.First(), Lsn(7), Lsn(7));
  node.Tick();
  ASSERT_EQ(node.coalesces.size(), 1u);
  EXPECT_LE(node.coalesces.front().plan.floor, Lsn(4));
  const auto sent = node.CarryOut(std::move(second));
  EXPECT_TRUE(std::holds_alternative<Created>(std::get<Reply>(sent.at(0)).answer));
  ASSERT_TRUE(node.Start().ok());
}

// Bytes from outside: its parent is a clone itself, and was made elsewhere.
TEST_F(CloneOnANode, LeavesItsAncestorsWhereItsParentLeftThem) {
  Open(Root(Lsn(7)));
  Tell(node.First(), Lsn(7), Lsn(5));
  Coalesce();
  const auto other = node.First().TryClone(kClone, {Lsn(2), Lsn()});
  ASSERT_TRUE(other.ok());
  const auto of_other = other->TryClone(kSecond, {Lsn(20), Lsn()});
  ASSERT_TRUE(of_other.ok());
  EXPECT_EQ(Reason(node.Ask(Create(*of_other))), RefusalReason::kBadRequest);
}

// --- what it sees --------------------------------------------------------------------------------

TEST_F(CloneOnANode, SeesTheParentAtTheForkFromTheHotLog) {
  Open(Root(Lsn(4)));
  EXPECT_EQ(Read(kClone, Lsn(4)), "lsn 4");
  EXPECT_EQ(Read(node.timeline, Lsn(7)), "lsn 6");
  EXPECT_EQ(Read(kClone, Lsn(4), kQuiet), "");
  EXPECT_THAT(Read(kClone, Lsn(3)), testing::HasSubstr("GC floor"));
}

TEST_F(CloneOnANode, GoesItsOwnWayUnderTheSameLsns) {
  const PgPath begun = Open(Root(Lsn(4)));
  Follows(kPage, Lsn(4));
  Write(begun, Lsn(5), 2, Lsn(4));  // the clone's 5 and 6
  Follows(kQuiet, Lsn());
  Write(begun, Lsn(7), 1, Lsn(6), kQuiet);
  Follows(kPage, Lsn(6));
  Write(node.First(), Lsn(8), 1, Lsn(7));
  EXPECT_EQ(Read(kClone, Lsn(5)), "lsn 5");
  EXPECT_EQ(Read(kClone, Lsn(7)), "lsn 6");
  EXPECT_EQ(Read(node.timeline, Lsn(8)), "lsn 8");
}

// Whatever is coalesced of the two, in whatever order, every read stays the same.
TEST_F(CloneOnANode, CoalescingEitherChangesNoRead) {
  const PgPath begun = Open(Root(Lsn(4)));
  Follows(kPage, Lsn(4));
  Write(begun, Lsn(5), 300, Lsn(4));  // longer than a quarter of a page: an image
  Follows(kPage, Lsn(6));
  Write(node.First(), Lsn(8), 300, Lsn(7));
  const auto all = [&](const char* when) {
    EXPECT_EQ(Read(kClone, Lsn(4)), "lsn 4") << when;
    EXPECT_EQ(Read(kClone, Lsn(304)), "lsn 304") << when;
    EXPECT_EQ(Read(kClone, Lsn(100)), "lsn 100") << when;
    EXPECT_EQ(Read(node.timeline, Lsn(307)), "lsn 307") << when;
    EXPECT_EQ(Read(node.timeline, Lsn(6)), "lsn 6") << when;
    EXPECT_EQ(Read(node.timeline, Lsn(307), kQuiet), "lsn 7") << when;
    EXPECT_EQ(Read(kClone, Lsn(304), kQuiet), "") << when;
  };
  all("hot");
  EXPECT_EQ(Coalesce([&] { all("after one of them"); }).size(), 2u);
  all("after a restart");
}

// The clone's base may still be hot when the clone is coalesced, or long cold.
TEST_F(CloneOnANode, MergesItsOwnRecordsOntoTheParentsPage) {
  const PgPath begun = Open(Root(Lsn(4)));
  Follows(kPage, Lsn(4));
  Write(begun, Lsn(5), 300, Lsn(4));
  Tell(begun, Lsn(304), Lsn(304));
  EXPECT_EQ(Coalesce(nullptr, 5000), std::set<TimelineId>{kClone}) << "the parent's log is small";
  const auto image_at = [&](Lsn lsn) {
    const auto versions = node.store.ReadVersions(node.pg, kPage, {{kClone, lsn, lsn}});
    return versions->size() == 1 && versions->front().kind == VersionKind::kImage;
  };
  EXPECT_TRUE(image_at(Lsn(304)));
  EXPECT_EQ(Read(kClone, Lsn(304)), "lsn 304");
  Follows(kPage, Lsn(304));
  Write(begun, Lsn(305), 300, Lsn(304));
  Tell(begun, Lsn(604), Lsn(604));
  EXPECT_EQ(Coalesce().size(), 2u);
  EXPECT_TRUE(image_at(Lsn(604)));
  EXPECT_EQ(Read(kClone, Lsn(604)), "lsn 604");
  EXPECT_EQ(Read(node.timeline, Lsn(7)), "lsn 6");
}

// Nothing may be merged yet: the clone's records lie in runs, and what they follow is still hot.
TEST_F(CloneOnANode, IsColdWhileItsBaseIsHot) {
  const PgPath begun = Open(Root(Lsn(4)));
  Follows(kPage, Lsn(4));
  Write(begun, Lsn(5), 300, Lsn(4));
  EXPECT_EQ(Coalesce(nullptr, 5000), std::set<TimelineId>{kClone});
  EXPECT_EQ(Read(kClone, Lsn(304)), "lsn 304");
  EXPECT_EQ(Read(kClone, Lsn(4)), "lsn 4");
}

// A run of the parent's reaches beyond the fork, with LSNs that mean other records in the clone.
TEST_F(CloneOnANode, AParentsRunAcrossTheForkHidesNothing) {
  Coalesce();  // the parent's 1 to 6 are one run
  const PgPath begun = Open(Root(Lsn(4)));
  Follows(kPage, Lsn(4));
  Write(begun, Lsn(5), 1, Lsn(4));
  EXPECT_EQ(Read(kClone, Lsn(5)), "lsn 5");
  Coalesce();
  EXPECT_EQ(Read(kClone, Lsn(5)), "lsn 5");
  quorum::ReadPage read = node.ReadOf(Epoch(1), kPage, Lsn(5), Lsn(5));
  read.to.timeline = kClone;
  EXPECT_EQ(node.Read(read)->page_lsn, Lsn(5));
}

TEST_F(CloneOnANode, OfACloneSeesBothAncestors) {
  const PgPath b = Open(Root(Lsn(4)));
  Follows(kPage, Lsn(4));
  Write(b, Lsn(5), 3, Lsn(4));
  Open(*b.TryClone(kSecond, {Lsn(6), Lsn(6)}));
  EXPECT_EQ(Read(kSecond, Lsn(6)), "lsn 6");
  Open(*b.TryClone(TimelineId(0xD), {Lsn(4), Lsn(4)}));
  EXPECT_EQ(Read(TimelineId(0xD), Lsn(4)), "lsn 4");
  Coalesce();
  EXPECT_EQ(Read(kSecond, Lsn(6)), "lsn 6");
  EXPECT_EQ(Read(TimelineId(0xD), Lsn(4)), "lsn 4");
}

TEST_F(CloneOnANode, IsNotServedIfAnAncestorsLogIsDamaged) {
  Open(Root(Lsn(4)));
  ASSERT_TRUE(node.store.CorruptBoxcar(node.pg, node.timeline, Lsn(1)));
  ASSERT_TRUE(node.Start().ok());
  EXPECT_THAT(Read(kClone, Lsn(4)), testing::HasSubstr("inherited"));
}

// --- what it keeps -------------------------------------------------------------------------------

TEST_F(CloneOnANode, NoFloorOfTheParentPassesTheFork) {
  Open(Root(Lsn(4)));
  Follows(kPage, Lsn(6));
  Write(node.First(), Lsn(8), 300, Lsn(7));
  Tell(node.First(), Lsn(307), Lsn(307));
  Coalesce();
  EXPECT_EQ(FloorOf(node.timeline), Lsn(4));
  EXPECT_EQ(Read(kClone, Lsn(4)), "lsn 4") << "it was merged away";
  EXPECT_EQ(Read(node.timeline, Lsn(307)), "lsn 307");
}

TEST_F(CloneOnANode, KeepsTheBranchThatItsForkLiesOn) {
  Open(Root(Lsn(6)));
  // The parent goes back to 2, and a later epoch of it has forgotten the branch.
  const PgPath first = node.First();
  const PgPath back =
      *first.TryBacktrack(first, Epoch(2), {Lsn(2), Lsn(2)}, Lsn(2001), {Lsn(7), Lsn(7)});
  node.Ask(node.BeginOf(back));
  PgPath forgot = back;
  forgot.branches.clear();
  const PgPath third = forgot.Fork(Epoch(3), Lsn(2), Lsn(4001), Lsn(2));
  ASSERT_TRUE(std::holds_alternative<Begun>(node.Ask(node.BeginOf(third))));
  Follows(kPage, Lsn(2));
  Write(third, Lsn(4001), 2, Lsn(2));
  Coalesce();
  EXPECT_EQ(Read(kClone, Lsn(6)), "lsn 6");
}

}  // namespace
}  // namespace hexad::storage_node
