// PG paths: what a chain that was whole on one history means on another. The twin knows every
// record of a random epoch tree and counts them one by one.
#include "quorum/pg_path.h"

#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "rapidcheck.h"
#include "rapidcheck/gtest.h"

namespace hexad::quorum {
namespace {

constexpr TimelineId kA{0xa};

EpochId E(uint32_t number) { return EpochId{number, number}; }

// The example of tests/unit/path_test.cc, as a PG sees it that holds every fifth record: tails are
// multiples of 5.
class WorkedExample : public ::testing::Test {
 protected:
  PgPath e1 = PgPath::Root(kA).Fork(E(1), Lsn(0), Lsn(2), Lsn(0));
  PgPath e2 = e1.Fork(E(2), Lsn(902), Lsn(1901), Lsn(900));
  PgPath e3 = e2.Fork(E(3), Lsn(702), Lsn(3401), Lsn(700));
  PgPath e4 = e2.Fork(E(4), Lsn(2402), Lsn(4401), Lsn(2400));
};

TEST_F(WorkedExample, TailsFollowTheForks) {
  EXPECT_EQ(e2.tails, (std::vector<Lsn>{Lsn(0), Lsn(900)}));
  EXPECT_EQ(e3.tails, (std::vector<Lsn>{Lsn(0), Lsn(700)}));
  EXPECT_EQ(e4.tails, (std::vector<Lsn>{Lsn(0), Lsn(900), Lsn(2400)}));
  EXPECT_EQ(e4.fork_tail(), Lsn(2400));
  EXPECT_EQ(PgPath::Root(kA).fork_tail(), Lsn::None());
  for (const PgPath& path : {e1, e2, e3, e4}) EXPECT_TRUE(path.Check().ok());
}

TEST_F(WorkedExample, OnTheSameHistoryNothingChanges) {
  EXPECT_EQ(e2.SclFrom(e2, Lsn(2000)), Lsn(2000));
  EXPECT_EQ(e1.SclFrom(e1, Lsn::None()), Lsn::None());
}

TEST_F(WorkedExample, RecoveryCutsToTheTailAtTheFork) {
  EXPECT_EQ(e2.SclFrom(e1, Lsn(850)), Lsn(850));
  EXPECT_EQ(e2.SclFrom(e1, Lsn(900)), Lsn(900));
  EXPECT_EQ(e2.SclFrom(e1, Lsn(1200)), Lsn(900)) << "902 is no record of this PG";
}

TEST_F(WorkedExample, BacktrackCutsDeeperAndReturningFindsWhatItCutNotAgain) {
  EXPECT_EQ(e3.SclFrom(e2, Lsn(2000)), Lsn(700));
  EXPECT_EQ(e4.SclFrom(e2, Lsn(2000)), Lsn(2000));
  // A segment that only knew e3 never had to have (702, 2402].
  EXPECT_EQ(e4.SclFrom(e3, Lsn(3500)), Lsn(700));
  EXPECT_EQ(e4.SclFrom(e3, Lsn(650)), Lsn(650));
}

TEST_F(WorkedExample, ACloneContinuesTheHistoryUnderItsOwnName) {
  const TimelineId b{0xb};
  const auto root = e2.TryClone(b, {Lsn(2002), Lsn(2000)});
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->path.newest(), (PathStep{b, EpochId::Root(), Lsn(2003), Lsn::Max()}));
  EXPECT_EQ(root->fork_tail(), Lsn(2000));
  const PgPath first = root->Fork(E(1), Lsn(2002), Lsn(2003), Lsn(2000));
  EXPECT_EQ(first.SclFrom(*root, Lsn(2000)), Lsn(2000));
  EXPECT_EQ(HistoryOf(first.Fork(E(2), Lsn(2500), Lsn(3600), Lsn(2500)), EpochId::Root()), *root);
  const auto inherited = InheritedBy(first);
  ASSERT_EQ(inherited.size(), 1u);
  EXPECT_EQ(inherited[0], (Inherited{e2, {Lsn(2002), Lsn(2000)}}));
}

TEST_F(WorkedExample, ACloneOfACloneInheritsFromBoth) {
  const PgPath b = *e4.TryClone(TimelineId(0xb), {Lsn(702), Lsn(700)});
  const PgPath written = b.Fork(E(1), Lsn(702), Lsn(703), Lsn(700));
  const auto c = written.TryClone(TimelineId(0xc), {Lsn(800), Lsn(800)});
  ASSERT_TRUE(c.ok()) << c.status();
  const auto inherited = InheritedBy(*c);
  ASSERT_EQ(inherited.size(), 2u);
  EXPECT_EQ(inherited[0], (Inherited{e1, {Lsn(702), Lsn(700)}})) << "704 to 902 is not seen";
  EXPECT_EQ(inherited[1], (Inherited{written, {Lsn(800), Lsn(800)}}));
}

TEST_F(WorkedExample, WhereACloneCannotBe) {
  EXPECT_FALSE(e2.TryClone(TimelineId(0xb), {Lsn(1000), Lsn(900)}).ok()) << "in a gap";
  EXPECT_FALSE(e2.TryClone(TimelineId(0xb), {Lsn(2000), Lsn(2001)}).ok()) << "its tail is above";
  EXPECT_FALSE(e2.TryClone(TimelineId(0xb), {Lsn(2000), Lsn(850)}).ok()) << "below the last fork's";
  EXPECT_FALSE(e2.TryClone(kA, {Lsn(2000), Lsn(2000)}).ok());
}

TEST_F(WorkedExample, StrangersShareNothing) {
  const PgPath other = PgPath::Root(TimelineId(0xb));
  EXPECT_EQ(e2.SclFrom(other, Lsn(500)), Lsn::None());
}

TEST_F(WorkedExample, TheNewestSharedEpochTellsWhatIsShared) {
  // The same history, with what lies before epoch 2 told as one step: path_fold.h.
  const PgPath short_e4{
      *Path::FromSteps({{kA, E(2), Lsn(1), Lsn(2400)}, {kA, E(4), Lsn(4401), Lsn::Max()}}),
      {Lsn(2400)},
      {}};
  EXPECT_EQ(SharedUpTo(short_e4.path, e4.path), Lsn::Max());
  EXPECT_EQ(SharedUpTo(short_e4.path, e2.path), Lsn(2400));
  EXPECT_EQ(short_e4.SclFrom(e2, Lsn(2300)), Lsn(2300));
  EXPECT_EQ(e4.SclFrom(short_e4, Lsn(5000)), Lsn(5000));
}

TEST_F(WorkedExample, CheckRefusesTailsThatCannotBe) {
  PgPath bad = e4;
  bad.tails.pop_back();
  EXPECT_FALSE(bad.Check().ok()) << "one too few";
  for (const Lsn tail : {Lsn(2403), Lsn(1000), Lsn(800), Lsn(0)}) {
    bad = e4;
    bad.tails[2] = tail;
    EXPECT_FALSE(bad.Check().ok()) << tail;
  }
  bad.tails[2] = Lsn(900);
  EXPECT_TRUE(bad.Check().ok()) << "a step may leave the PG's chain where it was";
  EXPECT_FALSE(PgPath{}.Check().ok());
}

// ---- the twin

// One epoch of a random tree, with every record that the PG got in it.
struct Epoch {
  PgPath path;
  std::set<Lsn> records;  // of this epoch alone
};

// The PG's records that a history sees.
std::set<Lsn> VisibleRecords(const std::vector<Epoch>& epochs, const PgPath& path) {
  std::set<Lsn> visible;
  for (const Epoch& epoch : epochs) {
    const PathStep* step = path.path.Find(kA, epoch.path.path.epoch());
    if (step == nullptr) continue;
    for (const Lsn lsn : epoch.records) {
      if (lsn <= step->last_lsn) visible.insert(lsn);
    }
  }
  return visible;
}

Lsn LastAtOrBelow(const std::set<Lsn>& records, Lsn lsn) {
  Lsn last;
  for (const Lsn record : records) {
    if (record <= lsn) last = record;
  }
  return last;
}

// The last record of `to` before the first one that a segment whole up to `scl` on `from` may lack.
Lsn WholeUpTo(const std::set<Lsn>& from, Lsn scl, const std::set<Lsn>& to) {
  Lsn whole;
  for (const Lsn record : to) {
    if (record > scl || !from.contains(record)) break;
    whole = record;
  }
  return whole;
}

// Epochs fork random ones of those before them at random visible points, empty ones included. The
// PG gets about every second record.
std::vector<Epoch> AnyTree() {
  std::vector<Epoch> epochs(1);
  epochs[0].path = PgPath::Root(kA);
  uint64_t next = 2;
  const int count = *rc::gen::inRange(1, 12);
  for (int i = 1; i <= count; ++i) {
    const Epoch& parent = epochs[*rc::gen::inRange<size_t>(0, epochs.size())];
    Lsn fork = Lsn(*rc::gen::inRange<uint64_t>(0, next));
    while (!parent.path.path.CanForkAt(fork)) fork = fork.Prev();
    const std::set<Lsn> seen = VisibleRecords(epochs, parent.path);
    const uint64_t first = next + *rc::gen::inRange<uint64_t>(0, 3);
    Epoch child;
    child.path =
        parent.path.Fork(E(static_cast<uint32_t>(i)), fork, Lsn(first), LastAtOrBelow(seen, fork));
    next = first + *rc::gen::inRange<uint64_t>(0, 10);
    for (uint64_t lsn = first; lsn < next; ++lsn) {
      if (*rc::gen::arbitrary<bool>()) child.records.insert(Lsn(lsn));
    }
    ++next;
    epochs.push_back(std::move(child));
  }
  return epochs;
}

RC_GTEST_PROP(PgPathTwin, TailsAreTheLastRecordsAtTheForks, ()) {
  const std::vector<Epoch> epochs = AnyTree();
  for (const Epoch& epoch : epochs) {
    RC_ASSERT(epoch.path.Check().ok());
    const std::set<Lsn> visible = VisibleRecords(epochs, epoch.path);
    for (size_t i = 0; i < epoch.path.tails.size(); ++i) {
      RC_ASSERT(epoch.path.tails[i] == LastAtOrBelow(visible, epoch.path.path.steps()[i].last_lsn));
    }
  }
}

RC_GTEST_PROP(PgPathTwin, SclOnAnotherHistoryIsWhatBothHaveInCommon, ()) {
  const std::vector<Epoch> epochs = AnyTree();
  for (const Epoch& from : epochs) {
    const std::set<Lsn> held = VisibleRecords(epochs, from.path);
    std::vector<Lsn> scls(held.begin(), held.end());
    scls.push_back(Lsn::None());
    for (const Epoch& to : epochs) {
      const std::set<Lsn> asked = VisibleRecords(epochs, to.path);
      for (const Lsn scl : scls) {
        RC_ASSERT(to.path.SclFrom(from.path, scl) == WholeUpTo(held, scl, asked));
      }
    }
  }
}

}  // namespace
}  // namespace hexad::quorum
