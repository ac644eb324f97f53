// Which hot-log records touch a page. Appending is one hash look-up; forgetting everything up to an
// LSN costs only what is forgotten.
//
// Records are kept in arrival order in one sequence; each points back to the record of the same
// page that came before it. Old entries leave at the front, and a chain ends where its link points
// in front of the sequence.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "quorum/base/types.h"

namespace hexad::storage_node {

class PageIndex {
 public:
  // Where a record is: byte range [offset, offset + size) of the boxcar that starts at `boxcar`.
  struct Place {
    Lsn lsn;
    Lsn boxcar;
    uint32_t offset = 0;
    uint32_t size = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };

  void Add(PageNo page, const Place& place);
  // The page's records, by LSN.
  std::vector<Place> Find(PageNo page) const;
  // Forgets records with lsn <= `up_to`, except those that arrived after one that stays: they go
  // with it. (Callers ignore records at or below what they dropped.)
  void DropUpTo(Lsn up_to);

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    PageNo page;
    Place place;
    uint64_t older = 0;  // number of the page's previous entry + 1, 0 = none
  };
  void ForgetDeadPages();

  std::deque<Entry> entries_;
  uint64_t front_ = 0;                           // number of entries_.front()
  std::unordered_map<PageNo, uint64_t> newest_;  // number + 1 of the page's newest entry
};

}  // namespace hexad::storage_node
