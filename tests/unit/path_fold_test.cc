// Several steps of a history told as one (quorum/path_fold.h): an example of each rule, and that
// nothing which anybody asks of a history is answered otherwise than before.
#include "quorum/path_fold.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace hexad::quorum {
namespace {

constexpr TimelineId kA(0xa);
constexpr EpochId E(uint32_t number) { return EpochId{number, 0x7f}; }

// Epochs 1, 2, ... of a volume whose LAL is 1000; each recovery's PG tail is its fork.
class History {
 public:
  // The epoch that runs went on to `vdl` and crashed; the next one recovers it.
  History& Crash(uint64_t vdl) {
    path_ = path_.Fork(Next(), Lsn(vdl), First(vdl), Lsn(vdl));
    return *this;
  }
  History& Backtrack(uint64_t vdl, uint64_t to) {
    const auto epoch = Next();
    auto forked =
        path_.TryBacktrack(path_, epoch, {Lsn(to), Lsn(to)}, First(vdl), {Lsn(vdl), Lsn(vdl)});
    EXPECT_TRUE(forked.ok()) << forked.status();
    path_ = *std::move(forked);
    return *this;
  }
  const PgPath& path() const { return path_; }
  uint64_t first() const { return first_; }

 private:
  EpochId Next() { return E(++epochs_); }
  Lsn First(uint64_t vdl) {
    first_ = std::max(vdl, first_ - 1) + 1001;
    return Lsn(first_);
  }
  PgPath path_ = PgPath::Root(kA);
  uint32_t epochs_ = 0;
  uint64_t first_ = 1;
};

std::string Told(const PgPath& path) { return path.path.Describe(); }

// --- what is told as one -------------------------------------------------------------------------

TEST(PathFold, WhatLiesBeforeTheSettledEpochIsOneStep) {
  const History history = History().Crash(0).Crash(1500).Crash(1500).Crash(5000).Crash(7000);
  ASSERT_EQ(Told(history.path()),
            "e0.0 [empty at 0] > e1.7f [1001,1500] > e2.7f [empty at 1500] > "
            "e3.7f [3501,5000] > e4.7f [6001,7000] > e5.7f [8001,...]");
  const PgPath folded = FoldedBefore(history.path(), E(4));
  EXPECT_EQ(Told(folded),
            "e0.0 [empty at 0] > e3.7f [1001,5000] > e4.7f [6001,7000] > e5.7f [8001,...]");
  EXPECT_EQ(folded.tails, (std::vector<Lsn>{Lsn(), Lsn(5000), Lsn(7000)}));
  EXPECT_TRUE(folded.Check().ok()) << folded.Check();
  // The settled epoch and what follows it stay as they are; what is told shortly stays so.
  EXPECT_EQ(Told(FoldedBefore(folded, E(5))),
            "e0.0 [empty at 0] > e4.7f [1001,7000] > e5.7f [8001,...]");
  EXPECT_EQ(FoldedBefore(folded, E(4)), folded);
}

TEST(PathFold, AnEpochThatIsNotOnThePathFoldsNothing) {
  const History history = History().Crash(0).Crash(1500).Crash(5000);
  EXPECT_EQ(FoldedBefore(history.path(), E(9)), history.path());
  EXPECT_EQ(FoldedBefore(history.path(), EpochId::Root()), history.path());
}

// What the branch saw between the two may still lie in the page store.
TEST(PathFold, ABacktrackKeepsItsTwoSidesApart) {
  const History history =
      History().Crash(0).Crash(1500).Backtrack(4000, 1400).Crash(6000).Crash(9000).Crash(11000);
  const PgPath folded = FoldedBefore(history.path(), E(6));
  EXPECT_EQ(Told(folded),
            "e0.0 [empty at 0] > e1.7f [1001,1400] > e5.7f [5001,11000] > e6.7f [12001,...]");
  EXPECT_FALSE(folded.path.Visible(kA, Lsn(3000)));
  EXPECT_EQ(folded.branches.size(), 1u);
}

// A writer that follows itself looks for the last epoch that wrote: it must find its own name.
TEST(PathFold, TheNewestStepWithRecordsKeepsItsEpoch) {
  const History history = History().Crash(0).Crash(1500).Crash(5000).Crash(5000).Crash(5000);
  EXPECT_EQ(Told(FoldedBefore(history.path(), E(5))),
            "e0.0 [empty at 0] > e2.7f [1001,5000] > e4.7f [empty at 5000] > e5.7f [8001,...]");
}

TEST(PathFold, TenThousandRestartsLeaveAShortPath) {
  History history;
  history.Crash(0);
  for (uint64_t restart = 1; restart <= 10'000; ++restart) {
    history.Crash(history.first() + restart % 3);
  }
  const PgPath folded = FoldedBefore(history.path(), history.path().path.epoch());
  EXPECT_LE(folded.path.steps().size(), 4u);
  EXPECT_TRUE(folded.Check().ok());
}

TEST(PathFold, AClonesAncestorsAndItsRootStay) {
  const History parent = History().Crash(0).Crash(1500).Crash(5000).Crash(7000);
  auto clone = parent.path().TryClone(TimelineId(0xb), {Lsn(5000), Lsn(5000)});
  ASSERT_TRUE(clone.ok());
  PgPath path = *clone;
  for (uint32_t epoch = 1; epoch <= 4; ++epoch) {
    const Lsn vdl = epoch == 1 ? Lsn(5000) : path.path.newest().first_lsn;
    path = path.Fork(E(epoch), vdl, Lsn(vdl.value() + 1001), epoch == 1 ? Lsn(5000) : vdl);
  }
  const PgPath folded = FoldedBefore(path, E(4));
  EXPECT_EQ(folded.path.steps().size(), path.path.steps().size() - 2);
  EXPECT_EQ(HistoryOf(folded, EpochId::Root()), HistoryOf(path, EpochId::Root()));
  EXPECT_EQ(InheritedBy(folded), InheritedBy(path));
}

// --- two that tell one history -------------------------------------------------------------------

TEST(PathFold, OneIsToldAsTheOtherIs) {
  const History history = History().Crash(0).Crash(1500).Crash(5000).Crash(7000).Crash(9000);
  const PgPath once = FoldedBefore(history.path(), E(3));
  const PgPath twice = FoldedBefore(history.path(), E(5));
  EXPECT_EQ(FoldedLike(history.path(), once), once);
  EXPECT_EQ(FoldedLike(history.path(), twice), twice);
  EXPECT_EQ(FoldedLike(once, twice), twice);
  EXPECT_EQ(FoldedLike(twice, twice), twice);
  // What is told more shortly cannot be taken apart.
  EXPECT_EQ(FoldedLike(twice, once), twice);
}

TEST(PathFold, WhatMayNotBeJoinedIsNotJoinedBecauseSomebodySaysSo) {
  const History history = History().Crash(0).Crash(1500).Backtrack(4000, 1400).Crash(6000);
  PgPath like = history.path();
  std::vector<PathStep> steps = like.path.steps();
  steps.erase(steps.begin() + 1);  // across the backtrack
  steps[1].first_lsn = Lsn(1001);
  steps[1].backtracked = false;
  like.path = *Path::FromSteps(steps);
  like.tails.erase(like.tails.begin() + 1);
  EXPECT_EQ(FoldedLike(history.path(), like), history.path());
  const History other = History().Crash(0).Crash(1700).Crash(6000);
  EXPECT_EQ(FoldedLike(other.path(), history.path()), other.path());
}

TEST(PathFold, ABranchThatIsToldNoMoreIsLeftOut) {
  const History history =
      History().Crash(0).Crash(1500).Backtrack(4000, 1400).Crash(6000).Crash(9000).Crash(11000);
  PgPath like = FoldedBefore(history.path(), E(6));
  like.branches.clear();
  EXPECT_TRUE(FoldedLike(history.path(), like).branches.empty());
}

// --- the same answers ----------------------------------------------------------------------------

// A random life: crashes and backtracks, of which the last `live` epochs are what segments that
// have missed something may still know.
struct Life {
  std::vector<PgPath> heads;    // of each epoch
  std::vector<uint64_t> forks;  // where each left the one before
  std::vector<bool> backtracks;
};

Life AnyLife() {
  Life life;
  History history;
  const int epochs = *rc::gen::inRange(4, 24);
  for (int i = 0; i < epochs; ++i) {
    const uint64_t wrote = *rc::gen::inRange<uint64_t>(0, 4) * 7;
    const auto& path = history.path().path;
    const uint64_t vdl = wrote == 0
                             ? path.fork_lsn().value()
                             : std::max<uint64_t>(path.newest().first_lsn.value() + wrote, 1);
    const bool back = i > 2 && vdl > 2000 && *rc::gen::inRange(0, 5) == 0;
    if (back) {
      const Lsn to = path.NewestAtOrBelow(Lsn(*rc::gen::inRange<uint64_t>(1, vdl)));
      if (to.IsNone() || to == Lsn(vdl)) continue;
      history.Backtrack(vdl, to.value());
    } else {
      history.Crash(vdl);
    }
    life.heads.push_back(history.path());
    life.forks.push_back(history.path().path.fork_lsn().value());
    life.backtracks.push_back(back);
  }
  return life;
}

bool IsBefore(const PgPath& head, EpochId settled, const PgPath& other) {
  const PathStep* at = head.path.Find(kA, settled);
  return at != head.path.steps().data() && other.path.Find(kA, std::prev(at)->epoch) != nullptr &&
         SharedUpTo(other.path, head.path) >= std::prev(at)->last_lsn;
}

RC_GTEST_PROP(PathFold, NothingThatIsAskedOfAHistoryIsAnsweredOtherwise, ()) {
  const Life life = AnyLife();
  RC_PRE(life.heads.size() >= 3u);
  const PgPath& head = life.heads.back();
  const auto& steps = head.path.steps();
  const EpochId settled = steps[*rc::gen::inRange<size_t>(1, steps.size())].epoch;
  const PgPath folded = FoldedBefore(head, settled);
  RC_ASSERT(folded.path.steps().size() <= steps.size());
  RC_ASSERT(folded.path.epoch() == head.path.epoch());
  RC_ASSERT(folded.fork_tail() == head.fork_tail());
  // Every record that some history ever saw, and the ends of every step, look the same.
  for (const PgPath& other : life.heads) {
    for (const PathStep& step : other.path.steps()) {
      for (const Lsn lsn : {step.first_lsn, step.last_lsn}) {
        if (lsn == Lsn::Max() || !other.path.Visible(kA, lsn)) continue;
        if (lsn == step.first_lsn && step.last_lsn == Lsn::Max()) continue;  // may be annulled
        RC_ASSERT(folded.path.Visible(kA, lsn) == head.path.Visible(kA, lsn));
      }
    }
  }
  // Whoever shares what is told as one is compared as before.
  for (const PgPath& other : life.heads) {
    if (!IsBefore(head, settled, other)) continue;
    RC_ASSERT(SharedUpTo(folded.path, other.path) == SharedUpTo(head.path, other.path));
    RC_ASSERT(SharedUpTo(other.path, folded.path) == SharedUpTo(head.path, other.path));
    for (const Lsn scl : {Lsn(2500), other.fork_tail(), Lsn::Max()}) {
      RC_ASSERT(folded.SclFrom(other, scl) == head.SclFrom(other, scl));
      RC_ASSERT(other.SclFrom(folded, scl) == other.SclFrom(head, scl));
    }
  }
  // And what follows it is the same, too.
  for (const PathStep& step : folded.path.steps()) {
    if (step.epoch < settled) continue;
    RC_ASSERT(*folded.path.Find(kA, step.epoch) == *head.path.Find(kA, step.epoch));
  }
}

}  // namespace
}  // namespace hexad::quorum
