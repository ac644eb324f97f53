// What every segment store must do, as one suite. A test program includes this header once and
// instantiates it with a way to make its store:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, SegmentStoreContract, testing::Values(&MakeMemoryFixture));
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage-node/io/segment_store.h"
#include "tests/contract/store_model.h"

namespace hexad::storage_node {

// A store under test, with its whereabouts.
class StoreFixture {
 public:
  virtual ~StoreFixture() = default;
  virtual SegmentStore& store() = 0;
  // Stops the store in order and starts it again.
  virtual absl::Status Reopen() = 0;
  // Moves what was written out of the store's memory, if it makes a difference to its reads.
  virtual absl::Status Settle() = 0;
  // The machine loses power and comes back. False: this fixture cannot do that.
  virtual bool CutPower() = 0;
};

using MakeFixture = std::unique_ptr<StoreFixture> (*)();

class SegmentStoreContract : public testing::TestWithParam<MakeFixture> {
 protected:
  static constexpr PgId kPg{7}, kOther{8};
  static constexpr TimelineId kMain{1}, kClone{2};
  static constexpr PageNo kPage{3}, kNext{4};

  SegmentStore& store() { return fixture_->store(); }
  StoreFixture& fixture() { return *fixture_; }

  void Write(std::vector<StoreOp> ops, Durability durability = Durability::kSynced) {
    const StoreBatch batch{std::move(ops)};
    ASSERT_EQ(store().Write({&batch}, durability), absl::OkStatus());
  }

  static PutBoxcar Boxcar(Lsn lsn, TimelineId timeline = kMain, PgId pg = kPg) {
    return {pg, timeline, lsn, BytesRef::Own(Text("boxcar", pg, timeline, lsn))};
  }
  static PutVersion Image(Lsn lsn, TimelineId timeline = kMain, PageNo page = kPage) {
    return {kPg, page, timeline, lsn, VersionKind::kImage, Text("image", kPg, timeline, lsn)};
  }
  static PutVersion Run(Lsn lsn, TimelineId timeline = kMain, PageNo page = kPage) {
    return {kPg, page, timeline, lsn, VersionKind::kRun, Text("run", kPg, timeline, lsn)};
  }
  static std::string Text(const char* what, PgId pg, TimelineId timeline, Lsn lsn) {
    return absl::StrCat(what, " ", pg.value(), "/", timeline.value(), "/", lsn.value());
  }

  // "1 2 5": the LSNs of the boxcars from `from` on; every value is checked to be its own.
  std::string Log(Lsn from = Lsn::None(), TimelineId timeline = kMain, PgId pg = kPg) {
    std::string lsns;
    const auto status = store().ScanLog(pg, timeline, from, [&](Lsn lsn, BytesRef bytes) {
      EXPECT_EQ(bytes.view(), Text("boxcar", pg, timeline, lsn));
      absl::StrAppend(&lsns, lsns.empty() ? "" : " ", lsn.value());
      return true;
    });
    EXPECT_EQ(status, absl::OkStatus());
    return lsns;
  }

  // "image 1/3, run 1/5": what a read of the page returns; every value is checked to be its own.
  std::string Versions(const std::vector<LsnRange>& visible, PageNo page = kPage) {
    return AsText(store().ReadVersions(kPg, page, visible));
  }
  static std::string AsText(const SegmentStore::Versions& versions) {
    EXPECT_EQ(versions.status(), absl::OkStatus());
    std::string text;
    for (const PageVersion& v : *versions) {
      const char* kind = v.kind == VersionKind::kImage ? "image" : "run";
      EXPECT_EQ(v.bytes.view(), Text(kind, kPg, v.timeline, v.lsn));
      absl::StrAppend(&text, text.empty() ? "" : ", ", kind, " ", v.timeline.value(), "/",
                      v.lsn.value());
    }
    return text;
  }

  std::string Meta(const std::string& prefix) {
    std::string text;
    const auto status = store().ScanMeta(prefix, [&](std::string_view key, std::string_view value) {
      absl::StrAppend(&text, text.empty() ? "" : " ", std::string(key), "=", std::string(value));
    });
    EXPECT_EQ(status, absl::OkStatus());
    return text;
  }

  static std::vector<LsnRange> AllOf(TimelineId timeline) {
    return {{timeline, Lsn::First(), Lsn::Max()}};
  }

 private:
  std::unique_ptr<StoreFixture> fixture_ = GetParam()();
};

// ---- the log ------------------------------------------------------------------------------------

TEST_P(SegmentStoreContract, AnEmptyStoreHoldsNothing) {
  EXPECT_EQ(Log(), "");
  EXPECT_EQ(Versions(AllOf(kMain)), "");
  EXPECT_EQ(Meta(""), "");
  EXPECT_EQ(store().FloorBoxcar(kPg, kMain, Lsn::Max()).value(), Lsn::None());
}

TEST_P(SegmentStoreContract, BoxcarsComeBackInLsnOrderFromWhereTheScanStarts) {
  Write({Boxcar(Lsn(300)), Boxcar(Lsn(2)), Boxcar(Lsn(70000)), Boxcar(Lsn(255)), Boxcar(Lsn(256))});
  ASSERT_EQ(fixture().Settle(), absl::OkStatus());
  Write({Boxcar(Lsn(5))});
  EXPECT_EQ(Log(), "2 5 255 256 300 70000");
  EXPECT_EQ(Log(Lsn(255)), "255 256 300 70000");
  EXPECT_EQ(Log(Lsn(257)), "300 70000");
  EXPECT_EQ(Log(Lsn::Max()), "");
}

TEST_P(SegmentStoreContract, AScanEndsWhenTheVisitorHasEnough) {
  Write({Boxcar(Lsn(1)), Boxcar(Lsn(2)), Boxcar(Lsn(3))});
  int seen = 0;
  ASSERT_EQ(store().ScanLog(kPg, kMain, Lsn(1), [&](Lsn, BytesRef) { return ++seen < 2; }),
            absl::OkStatus());
  EXPECT_EQ(seen, 2);
}

TEST_P(SegmentStoreContract, LogsOfOtherTimelinesAndPgsAreNotMixedIn) {
  Write({Boxcar(Lsn(1)), Boxcar(Lsn(2), kClone), Boxcar(Lsn(3), kMain, kOther)});
  EXPECT_EQ(Log(), "1");
  EXPECT_EQ(Log(Lsn::None(), kClone), "2");
  EXPECT_EQ(Log(Lsn::None(), kMain, kOther), "3");
  EXPECT_EQ(Log(Lsn::None(), kClone, kOther), "");
}

TEST_P(SegmentStoreContract, FloorBoxcarIsTheLastThatStartsAtOrBelow) {
  Write({Boxcar(Lsn(10)), Boxcar(Lsn(20)), Boxcar(Lsn(5), kClone), Boxcar(Lsn(30), kMain, kOther)});
  const auto floor = [&](uint64_t lsn) { return *store().FloorBoxcar(kPg, kMain, Lsn(lsn)); };
  EXPECT_EQ(floor(9), Lsn::None());  // not the boxcar of a neighbour
  EXPECT_EQ(floor(10), Lsn(10));
  EXPECT_EQ(floor(19), Lsn(10));
  EXPECT_EQ(floor(20), Lsn(20));
  EXPECT_EQ(*store().FloorBoxcar(kPg, kMain, Lsn::Max()), Lsn(20));
  EXPECT_EQ(*store().FloorBoxcar(kPg, TimelineId(3), Lsn::Max()), Lsn::None());
  Write({DropLog{kPg, kMain, Lsn(20)}});
  EXPECT_EQ(floor(19), Lsn::None());
}

TEST_P(SegmentStoreContract, DropLogTakesExactlyWhatLiesBelow) {
  Write({Boxcar(Lsn(1)), Boxcar(Lsn(9)), Boxcar(Lsn(10)), Boxcar(Lsn(11))});
  Write({Boxcar(Lsn(1), kClone), Boxcar(Lsn(1), kMain, kOther)});
  Write({DropLog{kPg, kMain, Lsn(10)}});
  EXPECT_EQ(Log(), "10 11");
  EXPECT_EQ(Log(Lsn::None(), kClone), "1");
  EXPECT_EQ(Log(Lsn::None(), kMain, kOther), "1");
  Write({DropLog{kPg, kMain, Lsn::None()}});
  EXPECT_EQ(Log(), "10 11");
  ASSERT_EQ(fixture().Reopen(), absl::OkStatus());
  EXPECT_EQ(Log(), "10 11");
}

TEST_P(SegmentStoreContract, ABoxcarThatArrivesBelowAnEarlierDropGoesWithTheNextOne) {
  Write({Boxcar(Lsn(1)), DropLog{kPg, kMain, Lsn(50)}});
  Write({Boxcar(Lsn(7)), Boxcar(Lsn(60))});
  EXPECT_EQ(Log(), "7 60");
  Write({DropLog{kPg, kMain, Lsn(40)}});  // lower than the first one
  EXPECT_EQ(Log(), "60");
  Write({Boxcar(Lsn(8))});
  Write({DropLog{kPg, kMain, Lsn(61)}});
  EXPECT_EQ(Log(), "");
}

TEST_P(SegmentStoreContract, ABoxcarMayBePutAgain) {
  Write({Boxcar(Lsn(4))});
  Write({Boxcar(Lsn(4))});
  EXPECT_EQ(Log(), "4");
}

// ---- pages --------------------------------------------------------------------------------------

TEST_P(SegmentStoreContract, AReadStartsAtTheNewestVisibleImage) {
  Write({Run(Lsn(1)), Image(Lsn(3)), Run(Lsn(5)), Image(Lsn(7)), Run(Lsn(9)), Run(Lsn(11))});
  ASSERT_EQ(fixture().Settle(), absl::OkStatus());
  EXPECT_EQ(Versions(AllOf(kMain)), "image 1/7, run 1/9, run 1/11");
  EXPECT_EQ(Versions({{kMain, Lsn(1), Lsn(10)}}), "image 1/7, run 1/9");
  EXPECT_EQ(Versions({{kMain, Lsn(1), Lsn(6)}}), "image 1/3, run 1/5");
  EXPECT_EQ(Versions({{kMain, Lsn(8), Lsn(11)}}), "run 1/9, run 1/11");
  EXPECT_EQ(Versions({{kMain, Lsn(1), Lsn(2)}}), "run 1/1");
  EXPECT_EQ(Versions({{kMain, Lsn(7), Lsn(7)}}), "image 1/7");
  EXPECT_EQ(Versions({{kMain, Lsn(12), Lsn::Max()}}), "");
  EXPECT_EQ(Versions({}), "");
}

TEST_P(SegmentStoreContract, AReadWalksTheRangesOfItsPathNewestFirst) {
  // The clone forks at 10, and was backtracked from 30 to 22 (quorum/path.h).
  Write({Image(Lsn(4)), Run(Lsn(8)), Run(Lsn(15)), Image(Lsn(16))});
  Write({Run(Lsn(21), kClone), Image(Lsn(25), kClone), Run(Lsn(41), kClone)});
  const std::vector<LsnRange> path = {
      {kClone, Lsn(40), Lsn::Max()}, {kClone, Lsn(11), Lsn(22)}, {kMain, Lsn(1), Lsn(10)}};
  EXPECT_EQ(Versions(path), "image 1/4, run 1/8, run 2/21, run 2/41");
  EXPECT_EQ(Versions({path[0]}), "run 2/41");
  Write({Image(Lsn(22), kClone)});
  EXPECT_EQ(Versions(path), "image 2/22, run 2/41");  // and the parent is not looked at
}

TEST_P(SegmentStoreContract, PagesAndTheirVersionsAreNotMixedUp) {
  Write({Image(Lsn(1)), Image(Lsn(2), kMain, kNext), Image(Lsn(3), kClone)});
  EXPECT_EQ(Versions(AllOf(kMain)), "image 1/1");
  EXPECT_EQ(Versions(AllOf(kMain), kNext), "image 1/2");
  EXPECT_EQ(Versions(AllOf(kClone), kNext), "");
  EXPECT_EQ(Versions(AllOf(kMain), PageNo(0xffffffff)), "");
}

TEST_P(SegmentStoreContract, SeveralPagesAtOnceAreReadLikeEachAlone) {
  constexpr PageNo kThird{5};
  Write({Image(Lsn(1)), Image(Lsn(2), kMain, kNext), Run(Lsn(3), kMain, kNext), Run(Lsn(4))});
  ASSERT_EQ(fixture().Settle(), absl::OkStatus());
  Write({Image(Lsn(5), kMain, kThird), Image(Lsn(6), kClone, kNext), Run(Lsn(7), kMain, kNext)});
  const PageNo pages[] = {PageNo(0), kPage, kNext, kThird, PageNo(0xffffffff), kPage};
  const std::vector<LsnRange> path = {{kClone, Lsn(6), Lsn::Max()}, {kMain, Lsn::First(), Lsn(5)}};
  for (const auto& visible : {AllOf(kMain), AllOf(kClone), path}) {
    const auto read = store().ReadVersions(kPg, pages, visible);
    ASSERT_EQ(read.size(), std::size(pages));
    for (size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(AsText(read[i]), Versions(visible, pages[i])) << pages[i].value();
    }
  }
  EXPECT_EQ(AsText(store().ReadVersions(kPg, pages, path)[3]), "image 1/5");
  EXPECT_TRUE(store().ReadVersions(kPg, std::span<const PageNo>(), path).empty());
}

TEST_P(SegmentStoreContract, DropVersionTakesExactlyOne) {
  Write({Image(Lsn(3)), Run(Lsn(5)), Image(Lsn(5), kClone), Image(Lsn(2), kMain, kNext)});
  ASSERT_EQ(fixture().Settle(), absl::OkStatus());
  Write({Run(Lsn(6)), DropVersion{kPg, kPage, kMain, Lsn(3)}});
  EXPECT_EQ(Versions(AllOf(kMain)), "run 1/5, run 1/6");
  EXPECT_EQ(Versions(AllOf(kClone)), "image 2/5");
  EXPECT_EQ(Versions(AllOf(kMain), kNext), "image 1/2");
  // What the same batch put before the drop goes with it, what it puts after the drop stays.
  const DropVersion drop{kPg, kPage, kMain, Lsn(8)};
  Write({Image(Lsn(8)), drop});
  EXPECT_EQ(Versions(AllOf(kMain)), "run 1/5, run 1/6");
  Write({drop, Image(Lsn(8))});
  EXPECT_EQ(Versions(AllOf(kMain)), "image 1/8");
  Write({DropVersion{kPg, kPage, kMain, Lsn(7)}, DropVersion{kPg, kPage, kMain, Lsn(9)}});
  EXPECT_EQ(Versions(AllOf(kMain)), "image 1/8");  // what is not there is no error
}

TEST_P(SegmentStoreContract, DropPageTakesEveryVersionOfOneTimelineAndNothingElse) {
  Write({Image(Lsn(3)), Image(Lsn(5), kClone), Image(Lsn(2), kMain, kNext)});
  ASSERT_EQ(fixture().Settle(), absl::OkStatus());
  Write({Run(Lsn(6)), DropPage{kPg, kPage, kMain}, Run(Lsn(2))});
  EXPECT_EQ(Versions(AllOf(kMain)), "run 1/2");  // put after the drop
  EXPECT_EQ(Versions(AllOf(kClone)), "image 2/5");
  EXPECT_EQ(Versions(AllOf(kMain), kNext), "image 1/2");
  Write({DropPage{kPg, PageNo(0xffffffff), kMain}});
  ASSERT_EQ(fixture().Settle(), absl::OkStatus());
  EXPECT_EQ(Versions(AllOf(kMain)), "run 1/2");
}

TEST_P(SegmentStoreContract, APageWithManyVersionsLosesThemAll) {
  std::vector<StoreOp> ops;
  for (uint64_t lsn = 1; lsn <= 500; ++lsn) ops.push_back(Run(Lsn(lsn)));
  Write(std::move(ops));
  ops.clear();
  for (uint64_t lsn = 1; lsn < 500; ++lsn) ops.push_back(DropVersion{kPg, kPage, kMain, Lsn(lsn)});
  Write(std::move(ops));
  EXPECT_EQ(Versions(AllOf(kMain)), "run 1/500");
}

// ---- meta ---------------------------------------------------------------------------------------

TEST_P(SegmentStoreContract, MetaIsScannedByPrefixInKeyOrder) {
  Write({PutMeta{"b", "2"}, PutMeta{"a/2", "x"}, PutMeta{"a/1", ""}, PutMeta{"a", "0"}});
  EXPECT_EQ(Meta("a/"), "a/1= a/2=x");
  EXPECT_EQ(Meta("a"), "a=0 a/1= a/2=x");
  EXPECT_EQ(Meta(""), "a=0 a/1= a/2=x b=2");
  EXPECT_EQ(Meta("a/1x"), "");
  Write({PutMeta{"a/1", "new"}, DropMeta{"b"}, DropMeta{"never there"}});
  EXPECT_EQ(Meta(""), "a=0 a/1=new a/2=x");
}

TEST_P(SegmentStoreContract, MetaKeysAreBytes) {
  const std::string high = "\xff\xff";
  const std::string zero("k\0z", 3);
  Write({PutMeta{high, "1"}, PutMeta{high + "a", "2"}, PutMeta{zero, "3"}, PutMeta{"k", "4"}});
  EXPECT_EQ(Meta(high), high + "=1 " + high + "a=2");
  EXPECT_EQ(Meta("k"), "k=4 " + zero + "=3");
}

// ---- segments -----------------------------------------------------------------------------------

TEST_P(SegmentStoreContract, DropSegmentTakesEverythingOfThePgAndNothingElse) {
  const std::vector<PgId> pgs = {PgId(6), kPg, kOther, PgId(UINT64_MAX)};
  for (PgId pg : pgs) {
    Write({PutBoxcar{pg, kMain, Lsn(1), BytesRef::Own(Text("boxcar", pg, kMain, Lsn(1)))},
           PutVersion{pg, kPage, kMain, Lsn(1), VersionKind::kImage, "page"},
           PutMeta{SegmentMetaPrefix(pg) + "promise", std::to_string(pg.value())}});
  }
  Write({PutMeta{"pg", "mine"}});
  ASSERT_EQ(fixture().Settle(), absl::OkStatus());
  Write({DropSegment{kPg}, DropSegment{PgId(UINT64_MAX)}});
  for (PgId pg : pgs) {
    const bool dropped = pg == kPg || pg == PgId(UINT64_MAX);
    EXPECT_EQ(Log(Lsn::None(), kMain, pg), dropped ? "" : "1") << pg;
    EXPECT_EQ(store().ReadVersions(pg, kPage, AllOf(kMain))->size(), dropped ? 0u : 1u) << pg;
    EXPECT_EQ(Meta(SegmentMetaPrefix(pg)).empty(), dropped) << pg;
  }
  EXPECT_EQ(Meta("pg="), "");
  EXPECT_EQ(Meta("pg").substr(0, 8), "pg=mine ");
  // The PG may come back.
  Write({Boxcar(Lsn(9)), Image(Lsn(9))});
  EXPECT_EQ(Log(), "9");
  EXPECT_EQ(Versions(AllOf(kMain)), "image 1/9");
}

// ---- writes -------------------------------------------------------------------------------------

TEST_P(SegmentStoreContract, OperationsHappenInTheOrderOfTheirBatches) {
  const StoreBatch first{{PutMeta{"k", "1"}, Boxcar(Lsn(1)), Boxcar(Lsn(2))}};
  const StoreBatch second{{PutMeta{"k", "2"}, DropLog{kPg, kMain, Lsn(2)}}};
  const StoreBatch third{{DropMeta{"k"}, PutMeta{"k", "3"}, Boxcar(Lsn(1))}};
  ASSERT_EQ(store().Write({&first, &second, &third}, Durability::kSynced), absl::OkStatus());
  EXPECT_EQ(Meta("k"), "k=3");
  EXPECT_EQ(Log(), "1 2");
}

TEST_P(SegmentStoreContract, WhatWasWrittenIsThereAfterAnOrderlyRestart) {
  Write({Boxcar(Lsn(1)), Image(Lsn(1)), PutMeta{"k", "1"}}, Durability::kSynced);
  Write({Boxcar(Lsn(2)), Run(Lsn(2)), PutMeta{"k", "2"}}, Durability::kOrdered);
  ASSERT_EQ(fixture().Reopen(), absl::OkStatus());
  EXPECT_EQ(Log(), "1 2");
  EXPECT_EQ(Versions(AllOf(kMain)), "image 1/1, run 1/2");
  EXPECT_EQ(Meta(""), "k=2");
}

TEST_P(SegmentStoreContract, AnEmptyWriteIsFine) {
  const StoreBatch empty;
  EXPECT_EQ(store().Write({}, Durability::kSynced), absl::OkStatus());
  EXPECT_EQ(store().Write({&empty}, Durability::kOrdered), absl::OkStatus());
  ASSERT_EQ(fixture().Reopen(), absl::OkStatus());
  EXPECT_EQ(Meta(""), "");
}

TEST_P(SegmentStoreContract, SizeGrowsWithWhatIsStored) {
  const uint64_t before = store().ApproximateBytes();
  Write({PutMeta{"k", std::string(1 << 20, 'x')}});
  EXPECT_GE(store().ApproximateBytes(), before + (1 << 20));
}

TEST_P(SegmentStoreContract, APowerCutTakesNothingThatWasSynced) {
  Write({Boxcar(Lsn(1)), PutMeta{"k", "1"}}, Durability::kSynced);
  Write({Boxcar(Lsn(2)), PutMeta{"k", "2"}}, Durability::kOrdered);
  Write({Boxcar(Lsn(3)), PutMeta{"k", "3"}}, Durability::kSynced);
  if (!fixture().CutPower())
    GTEST_SKIP() << "power cuts of this store: tests/contract/power_cut.cc";
  EXPECT_EQ(Log(), "1 2 3");
  EXPECT_EQ(Meta("k"), "k=3");
}

// A process that was killed before its fsync leaves more than it knew of; the next one answers by
// it.
TEST_P(SegmentStoreContract, APowerCutTakesNothingThatARestartHasShown) {
  Write({Boxcar(Lsn(1)), PutMeta{"k", "1"}}, Durability::kOrdered);
  ASSERT_EQ(fixture().Reopen(), absl::OkStatus());
  EXPECT_EQ(Log(), "1");
  if (!fixture().CutPower())
    GTEST_SKIP() << "power cuts of this store: tests/contract/power_cut.cc";
  EXPECT_EQ(Log(), "1");
  EXPECT_EQ(Meta("k"), "k=1");
}

TEST_P(SegmentStoreContract, DropTimelineTakesWhatIsItsOwnAndNothingElse) {
  const TimelineId last(UINT64_MAX);
  for (TimelineId timeline : {kMain, kClone, last}) {
    Write({Boxcar(Lsn(1), timeline), Image(Lsn(1), timeline), Run(Lsn(2), timeline, kNext),
           PutMeta{TimelineMetaPrefix(kPg, timeline) + "path", "p"}});
  }
  Write({Boxcar(Lsn(1), kClone, kOther), PutMeta{SegmentMetaPrefix(kPg) + "config", "c"}});
  ASSERT_EQ(fixture().Settle(), absl::OkStatus());
  Write({DropTimeline{kPg, kClone}, DropTimeline{kPg, last}});
  for (TimelineId timeline : {kMain, kClone, last}) {
    const bool dropped = timeline != kMain;
    EXPECT_EQ(Log(Lsn::None(), timeline), dropped ? "" : "1");
    EXPECT_EQ(Versions(AllOf(timeline)).empty(), dropped);
    EXPECT_EQ(Versions(AllOf(timeline), kNext).empty(), dropped);
    EXPECT_EQ(Meta(TimelineMetaPrefix(kPg, timeline)).empty(), dropped);
  }
  EXPECT_EQ(Log(Lsn::None(), kClone, kOther), "1") << "another PG's";
  EXPECT_EQ(Meta(SegmentMetaPrefix(kPg) + "config"), SegmentMetaPrefix(kPg) + "config=c");
}

TEST_P(SegmentStoreContract, OwnBytesAreCountedPerTimeline) {
  const std::string page(8192, 'x');  // does not compress to nothing in a memtable
  for (uint32_t i = 0; i < 64; ++i) {
    Write({PutVersion{kPg, PageNo(i), kMain, Lsn(1), VersionKind::kImage, page}});
  }
  Write({PutVersion{kPg, kPage, kClone, Lsn(9), VersionKind::kImage, page}});
  const uint64_t all = store().ApproximateBytes(kPg, kMain);
  EXPECT_GE(all, 64 * page.size() / 2);
  EXPECT_LE(all, 64 * page.size() * 2);
  EXPECT_LT(store().ApproximateBytes(kPg, kClone), all / 4);
  EXPECT_EQ(store().ApproximateBytes(kOther, kMain), 0u);
}

}  // namespace hexad::storage_node
