// The page cache against a model of the whole volume: every page's versions, and storage that only
// knows what is durable.
#include "compute/core/page_cache.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>

namespace hexad::compute {
namespace {

using quorum::RecordKind;
using quorum::RecordView;

constexpr uint32_t kPageSize = 4096;

std::string Zeros() { return std::string(kPageSize, '\0'); }

// A delta of one byte at the start of the page.
RecordView ByteAtStart(PageNo page, Lsn lsn, char byte, std::string& payload) {
  payload.clear();
  quorum::AppendDeltaRange(0, std::string(1, byte), payload);
  RecordView record;
  record.lsn = lsn;
  record.page = page;
  record.kind = RecordKind::kDelta;
  record.payload = payload;
  return record;
}

void Write(PageCache& cache, PageNo page, Lsn lsn) {
  std::string payload;
  cache.Apply(ByteAtStart(page, lsn, 'x', payload));
}

TEST(PageCache, APageAheadOfTheVdlNeverLeaves) {
  PageCache cache(kPageSize, 2 * kPageSize, Lsn(10));
  cache.Insert(PageNo(1), {Lsn(5), Zeros()}, Lsn(10));
  Write(cache, PageNo(1), Lsn(11));
  for (uint32_t page = 2; page < 20; ++page) {
    cache.Insert(PageNo(page), {Lsn(5), Zeros()}, Lsn(10));
  }
  EXPECT_TRUE(cache.Contains(PageNo(1))) << "its record 11 is not durable: storage cannot give it";
  EXPECT_EQ(cache.pages(), 2u);
  cache.VdlMoved(Lsn(11));
  for (uint32_t page = 20; page < 30; ++page) {
    cache.Insert(PageNo(page), {Lsn(5), Zeros()}, Lsn(11));
  }
  EXPECT_FALSE(cache.Contains(PageNo(1))) << "page LSN <= VDL: it may go";
}

TEST(PageCache, ExceedsItsBoundRatherThanLoseWhatIsNotDurable) {
  PageCache cache(kPageSize, 2 * kPageSize, Lsn(1));
  for (uint32_t page = 0; page < 5; ++page) {
    cache.Insert(PageNo(page), {Lsn(1), Zeros()}, Lsn(1));
    Write(cache, PageNo(page), Lsn(page + 2));
  }
  EXPECT_EQ(cache.pages(), 5u);
  EXPECT_TRUE(cache.crowded());
  cache.VdlMoved(Lsn(4));
  EXPECT_FALSE(cache.crowded());
  EXPECT_EQ(cache.pages(), 2u) << "pages 0, 1 and 2 left";
  cache.CheckInvariants();
}

TEST(PageCache, APinnedPageStays) {
  PageCache cache(kPageSize, kPageSize, Lsn(1));
  cache.Insert(PageNo(1), {Lsn(1), Zeros()}, Lsn(1));
  cache.Pin(PageNo(1));
  cache.Insert(PageNo(2), {Lsn(1), Zeros()}, Lsn(1));
  cache.Insert(PageNo(3), {Lsn(1), Zeros()}, Lsn(1));
  EXPECT_TRUE(cache.Contains(PageNo(1)));
  EXPECT_TRUE(cache.Contains(PageNo(3))) << "what was just asked for is there";
  cache.Unpin(PageNo(1));
  cache.Insert(PageNo(4), {Lsn(1), Zeros()}, Lsn(1));
  EXPECT_EQ(cache.pages(), 1u);
}

TEST(PageCache, UsedPagesGetASecondChance) {
  PageCache cache(kPageSize, 4 * kPageSize, Lsn(1));
  for (uint32_t page = 0; page < 4; ++page) {
    cache.Insert(PageNo(page), {Lsn(1), Zeros()}, Lsn(1));
  }
  cache.Insert(PageNo(10), {Lsn(1), Zeros()}, Lsn(1));  // takes every second chance, and page 0
  ASSERT_FALSE(cache.Contains(PageNo(0)));
  ASSERT_NE(cache.Find(PageNo(1)), nullptr);
  cache.Insert(PageNo(11), {Lsn(1), Zeros()}, Lsn(1));
  EXPECT_TRUE(cache.Contains(PageNo(1))) << "found since the hand passed";
  EXPECT_FALSE(cache.Contains(PageNo(2)));
}

TEST(PageCache, ATruncatedPageComesInAsZerosUntilTheTruncateIsDurable) {
  PageCache cache(kPageSize, 64 * kPageSize, Lsn(10));
  RecordView truncate;
  truncate.lsn = Lsn(11);
  truncate.page = PageNo(5);
  truncate.kind = RecordKind::kTruncate;
  cache.Apply(truncate);
  const std::string old(kPageSize, 'o');
  cache.Insert(PageNo(5), {Lsn(3), old}, Lsn(10));
  cache.Insert(PageNo(4), {Lsn(3), old}, Lsn(10));
  EXPECT_EQ(cache.Find(PageNo(5))->image, Zeros());
  EXPECT_EQ(cache.Find(PageNo(5))->page_lsn, Lsn(11));
  EXPECT_EQ(cache.Find(PageNo(4))->image, old);
}

// Found by the simulator: the first record of such a page named the truncate as the page's last
// one, which its PG has never had. No segment could give that page any more.
TEST(PageCache, ATruncateFromBeforeTheVolumeGrewDoesNotConcernTheNewPages) {
  PageCache cache(kPageSize, 64 * kPageSize, Lsn(10));
  RecordView truncate;
  truncate.lsn = Lsn(11);
  truncate.page = PageNo(5);
  truncate.kind = RecordKind::kTruncate;
  cache.Apply(truncate);
  cache.Grown(PageNo(8));
  for (const uint32_t page : {7U, 8U}) cache.Insert(PageNo(page), {Lsn(), Zeros()}, Lsn(10));
  EXPECT_EQ(cache.Find(PageNo(7))->page_lsn, Lsn(11));
  EXPECT_EQ(cache.Find(PageNo(8))->page_lsn, Lsn());
  truncate.lsn = Lsn(12);
  truncate.page = PageNo(6);
  cache.Apply(truncate);
  EXPECT_EQ(cache.Find(PageNo(8))->page_lsn, Lsn(12)) << "a later one does";
}

// ---- the model ----------------------------------------------------------------------------------

// Storage answers as of a read point; the cache must always show the newest.
class Model {
 public:
  explicit Model(size_t cache_pages) : cache(kPageSize, cache_pages * kPageSize, Lsn::None()) {}

  CachedPage At(PageNo page, Lsn read_point) const {
    CachedPage found{Lsn::None(), Zeros()};
    const auto versions = versions_.find(page);
    if (versions == versions_.end()) return found;
    for (const auto& [lsn, image] : versions->second) {
      if (lsn <= read_point) found = {lsn, image};
    }
    return found;
  }
  void Need(PageNo page) {
    if (!cache.Contains(page)) cache.Insert(page, At(page, vdl), vdl);
  }
  void Write(PageNo page, char byte) {
    Need(page);
    std::string payload;
    const RecordView record = ByteAtStart(page, last = last.Next(), byte, payload);
    CachedPage newest = At(page, Lsn::Max());
    quorum::ApplyRecord(record, newest.image);
    versions_[page][last] = newest.image;
    cache.Apply(record);
  }
  void Truncate(PageNo from, uint32_t pages) {
    RecordView record;
    record.lsn = last = last.Next();
    record.page = from;
    record.kind = RecordKind::kTruncate;
    for (uint32_t page = from.value(); page < pages; ++page) {
      versions_[PageNo(page)][last] = Zeros();
    }
    cache.Apply(record);
  }
  void MoveVdl(uint64_t steps) {
    vdl = std::min(last, vdl.Plus(steps));
    cache.VdlMoved(vdl);
    cache.ForgetTruncatesUpTo(vdl);
  }

  PageCache cache;
  Lsn vdl;
  Lsn last;

 private:
  std::map<PageNo, std::map<Lsn, std::string>> versions_;
};

RC_GTEST_PROP(PageCacheModel, AlwaysShowsTheNewestVersion, ()) {
  constexpr uint32_t kPages = 12;
  Model model(*rc::gen::inRange<size_t>(1, 8));
  const auto steps = *rc::gen::inRange(1, 200);
  for (int i = 0; i < steps; ++i) {
    const PageNo page(*rc::gen::inRange<uint32_t>(0, kPages));
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
        model.Truncate(page, kPages);
        break;
      case 1:
      case 2:
        model.MoveVdl(*rc::gen::inRange<uint64_t>(0, 20));
        break;
      case 3:
      case 4:
        model.Need(page);
        break;
      default:
        model.Write(page, static_cast<char>(*rc::gen::inRange(1, 100)));
    }
    model.cache.CheckInvariants();
    const CachedPage* cached = model.cache.Find(page);
    if (cached == nullptr) continue;
    const CachedPage newest = model.At(page, Lsn::Max());
    RC_ASSERT(cached->image == newest.image);
    RC_ASSERT(newest.page_lsn.IsNone() || cached->page_lsn == newest.page_lsn);
  }
}

}  // namespace
}  // namespace hexad::compute
