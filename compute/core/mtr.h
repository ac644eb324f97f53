// A mini-transaction as an engine builds it: byte ranges, images and truncates that become durable
// together or not at all. Nothing happens until Volume::Commit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "quorum/record.h"

namespace hexad::compute {

// Move-only by intent: an MTR is handed over once. Belongs to one thread.
class Mtr {
 public:
  explicit Mtr(uint32_t page_size) : page_size_(page_size) {}
  Mtr(Mtr&&) = default;
  Mtr& operator=(Mtr&&) = default;
  Mtr(const Mtr&) = delete;
  Mtr& operator=(const Mtr&) = delete;

  // INVALID_ARGUMENT if the range leaves the page. Ranges of one page may overlap: later wins.
  absl::Status Write(PageNo page, uint32_t offset, std::string_view bytes);
  // The whole page. INVALID_ARGUMENT unless exactly one page long.
  absl::Status WriteImage(PageNo page, std::string_view bytes);
  // Pages from here on read as zeros.
  void Truncate(PageNo new_page_count);

  bool empty() const { return changes_.empty(); }
  uint32_t page_size() const { return page_size_; }
  // Payload bytes in all changes together.
  size_t bytes() const { return bytes_.size(); }

  // In the order they were made. kDelta: one range; kPageImage; kTruncate: `page` is the new count.
  struct Change {
    PageNo page;
    quorum::RecordKind kind = quorum::RecordKind::kDelta;
    uint32_t offset = 0;  // in the page
    size_t start = 0;     // of its bytes, see BytesOf
    size_t length = 0;
  };
  const std::vector<Change>& changes() const { return changes_; }
  std::string_view BytesOf(const Change& change) const {
    return std::string_view(bytes_).substr(change.start, change.length);
  }

 private:
  void Add(PageNo page, quorum::RecordKind kind, uint32_t offset, std::string_view bytes);

  uint32_t page_size_;
  std::vector<Change> changes_;
  std::string bytes_;  // of all changes, one after the other: no allocation per change
};

}  // namespace hexad::compute
