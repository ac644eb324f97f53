// Are the six segments equal? Every page is read from every segment at one read point, and compared
// byte by byte and LSN by LSN.
//
// A segment that lags, or is being filled by its peers, is asked again until a deadline; only what
// still differs then is reported.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "cli/verify/segment_reader.h"

namespace hexad::cli {

struct PageDifference {
  PageNo page;
  std::string what;  // "n3 has LSN 118,200, n1 has LSN 118,204"
};

struct Comparison {
  uint64_t pages = 0;                            // compared, equal on all segments
  uint64_t pages_written = 0;                    // of them, those that hold anything
  uint64_t segments = 0;                         // of all PGs
  std::vector<PageDifference> differences = {};  // the first kMaxDifferences
  uint64_t different_pages = 0;
  std::set<std::string> left_out = {};  // nodes that hang: their segments were not compared
};
inline constexpr size_t kMaxDifferences = 10;

// `seen` is called for each page with its bytes once all copies agree (on any thread, one at a
// time).
struct CompareHooks {
  std::function<void(PageNo, std::string_view page)> seen = [](PageNo, std::string_view) {};
  std::function<void(uint64_t done, uint64_t of)> progress = [](uint64_t, uint64_t) {};
  std::function<bool()> interrupted = [] { return false; };
};

// Compares pages [0, page_count) of the volume, as far as its PGs reach. CANCELLED if interrupted.
absl::StatusOr<Comparison> CompareSegments(SegmentReader& reader, uint64_t page_count,
                                           const CompareHooks& hooks);

// What is unequal among the copies of one page, but for those that were left out; empty if nothing
// is.
std::string DifferenceOf(const std::vector<SegmentCopy>& copies);

}  // namespace hexad::cli
