#include "storage-node/core/page_index.h"

#include <algorithm>

#include "quorum/base/check.h"

namespace hexad::storage_node {

void PageIndex::Add(PageNo page, const Place& place) {
  uint64_t& newest = newest_[page];
  entries_.push_back(Entry{page, place, newest});
  newest = front_ + entries_.size();
}

std::vector<PageIndex::Place> PageIndex::Find(PageNo page) const {
  std::vector<Place> places;
  const auto found = newest_.find(page);
  if (found == newest_.end()) return places;
  for (uint64_t at = found->second; at > front_;) {
    const Entry& entry = entries_[at - 1 - front_];
    INVARIANT(entry.page == page);
    INVARIANT(entry.older < at);
    places.push_back(entry.place);
    at = entry.older;
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.lsn < b.lsn; });
  return places;
}

void PageIndex::DropUpTo(Lsn up_to) {
  while (!entries_.empty() && entries_.front().place.lsn <= up_to) {
    entries_.pop_front();
    ++front_;
  }
  if (newest_.size() > 2 * entries_.size() + 1024) ForgetDeadPages();
}

// Pages whose newest entry left the sequence. The order of iteration decides nothing.
void PageIndex::ForgetDeadPages() {
  std::erase_if(newest_, [&](const auto& item) { return item.second <= front_; });
}

}  // namespace hexad::storage_node
