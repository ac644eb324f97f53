// From an MTR to the page changes that the volume writer links and numbers.
//
// All changes of a page within an MTR become one record: a delta with several ranges (later bytes
// win), or an image if there was one or if the ranges would be longer. Only a truncate stands
// between: what came before it and what comes after it are records of their own. Records of one
// stretch are in page order, so that each PG's part of an MTR is one run.
//
// Deterministic. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "compute/core/mtr.h"
#include "compute/core/page_cache.h"
#include "quorum/volume_writer.h"

namespace hexad::compute {

// The pages that `mtr` writes, each once, in page order: what must be cached before Generate.
std::vector<PageNo> PagesWritten(const Mtr& mtr);

class RedoGenerator {
 public:
  RedoGenerator(uint32_t page_size, uint32_t pages_per_pg);

  // The changes, each with its page's last LSN before the MTR. Valid until the next call, while
  // `mtr` lives. A truncate becomes one record per PG that it touches; an MTR that changes nothing
  // (a truncate beyond the volume's end) becomes a nop. REQUIRES: every page of PagesWritten(mtr)
  // is cached; !mtr.empty().
  std::span<const quorum::PageChange> Generate(const Mtr& mtr, PageCache& cache, size_t pg_count);

 private:
  void AddStretch(const Mtr& mtr, std::span<const uint32_t> order, PageCache& cache);
  void AddPage(const Mtr& mtr, std::span<const uint32_t> writes, PageCache& cache);
  void AddTruncate(PageNo new_page_count, size_t pg_count);
  // Ranges as they are, if they rise without overlap; false otherwise.
  bool JoinRising(const Mtr& mtr, std::span<const uint32_t> writes, std::string& payload) const;
  // Ranges painted one over the other.
  void JoinPainted(const Mtr& mtr, std::span<const uint32_t> writes, std::string& payload);
  void Paint(const Mtr& mtr, std::span<const uint32_t> writes);

  uint32_t page_size_;
  uint32_t pages_per_pg_;
  std::vector<quorum::PageChange> changes_;
  std::deque<std::string> payloads_;  // stable addresses for `changes_`
  std::vector<uint32_t> order_;       // indices into mtr.changes()
  std::string canvas_;                // one page
  std::string touched_;               // one byte per byte of the page
  PageNo truncated_from_;             // of the last truncate in this MTR
  bool truncated_ = false;
};

}  // namespace hexad::compute
