// What one transaction has written and not committed: the window that becomes exactly one MTR.
//
// A database file is a run of bytes, a volume a run of pages. SQLite's own page size need not be
// the volume's: the window is kept in pages of the volume, and a write may touch a part of one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "compute/core/mtr.h"

namespace hexad::compute {

// Belongs to one connection. Not thread-safe.
class WriteWindow {
 public:
  struct Changed {
    std::string before;  // as the transaction found it
    std::string now;
  };

  explicit WriteWindow(uint32_t page_size) : page_size_(page_size) {}

  bool empty() const { return pages_.empty() && !truncated_to_.has_value(); }
  // nullptr: not written in this transaction.
  const std::string* Find(PageNo page) const;
  // Was everything from this page on cut off in this transaction? Then it reads as zeros, not as
  // the volume has it.
  bool IsCutOff(PageNo page) const { return truncated_to_.has_value() && page >= *truncated_to_; }
  // `before` is the page as it reads now. REQUIRES: one page long; not there yet.
  void Add(PageNo page, std::string before);
  // REQUIRES: the page is here, and the range inside it.
  void Write(PageNo page, uint32_t offset, std::string_view bytes);
  // Pages from here on are cut off.
  void Truncate(PageNo new_page_count);
  void Clear();

  // What differs, as one MTR: empty if nothing does.
  Mtr Seal() const;
  const std::map<PageNo, Changed>& pages() const { return pages_; }
  std::optional<PageNo> truncated_to() const { return truncated_to_; }

 private:
  uint32_t page_size_;
  std::map<PageNo, Changed> pages_;
  std::optional<PageNo> truncated_to_;
};

}  // namespace hexad::compute
