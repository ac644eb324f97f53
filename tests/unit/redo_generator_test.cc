// Redo generation against the plain thing: the changes of an MTR done to pages one after the other.
#include "compute/core/redo_generator.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>
#include <string>

namespace hexad::compute {
namespace {

using quorum::PageChange;
using quorum::RecordKind;
using quorum::RecordView;

constexpr uint32_t kPageSize = 4096;
constexpr uint32_t kPagesPerPg = 4;
constexpr uint32_t kPages = 12;  // three PGs

// Twelve pages of different bytes, page p with page LSN p + 1.
class Volume {
 public:
  Volume() : cache(kPageSize, size_t{1} << 30, Lsn(kPages)) {
    for (uint32_t p = 0; p < kPages; ++p) {
      pages.push_back(std::string(kPageSize, static_cast<char>('a' + p)));
      cache.Insert(PageNo(p), {Lsn(p + 1), pages.back()}, Lsn(kPages));
    }
  }
  std::span<const PageChange> Generate(const Mtr& mtr) {
    return generator.Generate(mtr, cache, kPages / kPagesPerPg);
  }

  PageCache cache;
  RedoGenerator generator{kPageSize, kPagesPerPg};
  std::vector<std::string> pages;
};

// The dumb twin: each change at once, in order.
void DoPlainly(const Mtr& mtr, std::vector<std::string>& pages) {
  for (const Mtr::Change& change : mtr.changes()) {
    if (change.kind == RecordKind::kTruncate) {
      for (uint32_t p = change.page.value(); p < pages.size(); ++p)
        pages[p].assign(kPageSize, '\0');
    } else {
      pages[change.page.value()].replace(change.offset, change.length, mtr.BytesOf(change));
    }
  }
}

void ApplyAll(std::span<const PageChange> changes, std::vector<std::string>& pages) {
  for (const PageChange& change : changes) {
    RecordView record;
    record.page = change.page;
    record.kind = change.kind;
    record.payload = change.payload;
    ASSERT_TRUE(quorum::CheckPayload(record, kPageSize).ok());
    if (change.kind == RecordKind::kNop) continue;
    const uint32_t page = change.page.value();
    if (change.kind != RecordKind::kTruncate) {
      quorum::ApplyRecord(record, pages[page]);
      continue;
    }
    // A truncate speaks of its own PG only.
    const uint32_t end = (page / kPagesPerPg + 1) * kPagesPerPg;
    for (uint32_t p = page; p < end; ++p) pages[p].assign(kPageSize, '\0');
  }
}

TEST(RedoGenerator, ChangesOfOnePageBecomeOneRecord) {
  Volume volume;
  Mtr mtr(kPageSize);
  ASSERT_TRUE(mtr.Write(PageNo(3), 100, "later").ok());
  ASSERT_TRUE(mtr.Write(PageNo(2), 0, "other").ok());
  ASSERT_TRUE(mtr.Write(PageNo(3), 10, "earlier").ok());
  const auto changes = volume.Generate(mtr);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].page, PageNo(2));
  EXPECT_EQ(changes[0].page_prev, Lsn(3));
  EXPECT_EQ(changes[1].page, PageNo(3));
  EXPECT_EQ(changes[1].page_prev, Lsn(4));
  EXPECT_EQ(changes[1].payload.size(), 2 * quorum::kDeltaRangeHeaderBytes + 5 + 7);
}

TEST(RedoGenerator, OverlappingRangesBecomeOneWithTheLaterBytes) {
  Volume volume;
  Mtr mtr(kPageSize);
  ASSERT_TRUE(mtr.Write(PageNo(0), 10, "aaaaaa").ok());
  ASSERT_TRUE(mtr.Write(PageNo(0), 12, "bb").ok());
  const auto changes = volume.Generate(mtr);
  ASSERT_EQ(changes.size(), 1u);
  quorum::DeltaReader reader(changes[0].payload);
  quorum::DeltaRange range;
  ASSERT_TRUE(reader.Next(range));
  EXPECT_EQ(range.offset, 10u);
  EXPECT_EQ(range.bytes, "aabbaa");
  EXPECT_FALSE(reader.Next(range));
}

TEST(RedoGenerator, ManySmallRangesBecomeAnImage) {
  Volume volume;
  Mtr mtr(kPageSize);
  for (uint32_t at = 0; at < kPageSize; at += 4) ASSERT_TRUE(mtr.Write(PageNo(1), at, "z").ok());
  const auto changes = volume.Generate(mtr);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].kind, RecordKind::kPageImage);
  EXPECT_EQ(changes[0].payload.substr(0, 5), "zbbbz") << "over the page as it was";
}

TEST(RedoGenerator, ATruncateIsOneRecordPerPgThatItTouches) {
  Volume volume;
  Mtr mtr(kPageSize);
  mtr.Truncate(PageNo(6));
  const auto changes = volume.Generate(mtr);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].page, PageNo(6));
  EXPECT_EQ(changes[1].page, PageNo(8));
}

TEST(RedoGenerator, AnMtrThatChangesNothingIsANop) {
  Volume volume;
  Mtr mtr(kPageSize);
  mtr.Truncate(PageNo(kPages));
  const auto changes = volume.Generate(mtr);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].kind, RecordKind::kNop);
}

TEST(Mtr, RefusesWhatLeavesThePage) {
  Mtr mtr(kPageSize);
  EXPECT_TRUE(absl::IsInvalidArgument(mtr.Write(PageNo(0), kPageSize - 1, "xy")));
  EXPECT_TRUE(absl::IsInvalidArgument(mtr.Write(PageNo(0), 0xffffffff, "x")));
  EXPECT_TRUE(absl::IsInvalidArgument(mtr.Write(PageNo(0), 0, "")));
  EXPECT_TRUE(absl::IsInvalidArgument(mtr.WriteImage(PageNo(0), "short")));
  EXPECT_TRUE(mtr.empty());
  EXPECT_TRUE(mtr.Write(PageNo(0), kPageSize - 1, "x").ok());
}

Mtr RandomMtr() {
  Mtr mtr(kPageSize);
  const auto changes = *rc::gen::inRange(1, 30);
  const auto pages = *rc::gen::inRange<uint32_t>(1, kPages + 1);
  for (int i = 0; i < changes; ++i) {
    const PageNo page(*rc::gen::inRange<uint32_t>(0, pages));
    const char byte = static_cast<char>(*rc::gen::inRange(1, 127));
    const auto kind = *rc::gen::inRange(0, 12);
    if (kind == 0) {
      mtr.Truncate(page);
    } else if (kind == 1) {
      EXPECT_TRUE(mtr.WriteImage(page, std::string(kPageSize, byte)).ok());
    } else {
      const auto offset = *rc::gen::inRange<uint32_t>(0, 200);
      const auto length = *rc::gen::inRange<size_t>(1, kind == 2 ? kPageSize - 200 : 40);
      EXPECT_TRUE(mtr.Write(page, offset, std::string(length, byte)).ok());
    }
  }
  return mtr;
}

RC_GTEST_PROP(RedoGeneratorTwin, RecordsDoWhatTheChangesDo, ()) {
  Volume volume;
  const Mtr mtr = RandomMtr();
  std::vector<std::string> plainly = volume.pages;
  DoPlainly(mtr, plainly);
  const auto changes = volume.Generate(mtr);
  std::vector<std::string> applied = volume.pages;
  ApplyAll(changes, applied);
  RC_ASSERT(applied == plainly);

  std::set<PageNo> in_stretch;
  for (const PageChange& change : changes) {
    if (change.kind == RecordKind::kTruncate || change.kind == RecordKind::kNop) {
      in_stretch.clear();
      continue;
    }
    RC_ASSERT(in_stretch.insert(change.page).second);
    RC_ASSERT(change.page_prev == Lsn(change.page.value() + 1));
    RC_ASSERT(change.payload.size() <= kPageSize);
  }
}

}  // namespace
}  // namespace hexad::compute
