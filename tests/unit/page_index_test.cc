// The index of the hot log against a dumb twin: a list of everything that was added.
#include "storage-node/core/page_index.h"

#include <rapidcheck.h>

#include <algorithm>

#include "gtest/gtest.h"

namespace hexad::storage_node {
namespace {

using Place = PageIndex::Place;

struct Twin {
  struct Entry {
    PageNo page;
    Place place;
  };
  std::vector<Entry> entries;  // as they arrived

  std::vector<Place> Find(PageNo page) const {
    std::vector<Place> places;
    for (const Entry& entry : entries) {
      if (entry.page == page) places.push_back(entry.place);
    }
    std::sort(places.begin(), places.end(),
              [](const Place& a, const Place& b) { return a.lsn < b.lsn; });
    return places;
  }
  void DropUpTo(Lsn up_to) {
    const auto stays = [&](const Entry& e) { return e.place.lsn > up_to; };
    entries.erase(entries.begin(), std::find_if(entries.begin(), entries.end(), stays));
  }
};

TEST(PageIndex, IsWhatItsTwinIs) {
  EXPECT_TRUE(rc::check("add, find and drop in any order", [] {
    PageIndex index;
    Twin twin;
    // LSNs are drawn without repetition, and arrive out of order, as gossip brings them.
    uint64_t base = 0;
    const int rounds = *rc::gen::inRange(1, 40);
    for (int round = 0; round < rounds; ++round) {
      std::vector<uint64_t> lsns;
      for (uint64_t i = 1; i <= 8; ++i) lsns.push_back(base + i);
      base += 8;
      if (*rc::gen::arbitrary<bool>()) std::reverse(lsns.begin(), lsns.end());
      for (const uint64_t lsn : lsns) {
        const PageNo page(*rc::gen::inRange<uint32_t>(0, 5));
        const Place place{Lsn(lsn), Lsn(base), static_cast<uint32_t>(lsn), 7};
        index.Add(page, place);
        twin.entries.push_back({page, place});
      }
      if (*rc::gen::inRange(0, 3) == 0) {
        const Lsn up_to(*rc::gen::inRange<uint64_t>(0, base + 3));
        index.DropUpTo(up_to);
        twin.DropUpTo(up_to);
      }
      for (uint32_t page = 0; page < 6; ++page) {
        RC_ASSERT(index.Find(PageNo(page)) == twin.Find(PageNo(page)));
      }
      RC_ASSERT(index.size() == twin.entries.size());
    }
  }));
}

// Pages that are written once and never again must not stay in the table of newest entries for
// ever; and forgetting them must not forget one that lives.
TEST(PageIndex, OutlivesMorePagesThanItKeeps) {
  PageIndex index;
  index.Add(PageNo(0), {Lsn(1000000), Lsn(1000000), 0, 1});
  for (uint32_t i = 1; i <= 5000; ++i) index.Add(PageNo(i), {Lsn(i), Lsn(i), 0, 1});
  index.DropUpTo(Lsn(4000));
  EXPECT_EQ(index.size(), 5001u) << "the first entry stays, and keeps those behind it";
  index.DropUpTo(Lsn(1000000));
  EXPECT_EQ(index.size(), 0u);
  EXPECT_TRUE(index.Find(PageNo(0)).empty());
  EXPECT_TRUE(index.Find(PageNo(4500)).empty());
  index.Add(PageNo(4500), {Lsn(1000001), Lsn(1000001), 0, 1});
  EXPECT_EQ(index.Find(PageNo(4500)).size(), 1u);
}

}  // namespace
}  // namespace hexad::storage_node
