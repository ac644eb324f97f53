#include "compute/vfs/page_difference.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "quorum/base/check.h"
#include "quorum/record.h"

namespace hexad::compute {
namespace {

struct Range {
  size_t first = 0;
  size_t end = 0;
};

uint64_t WordAt(std::string_view bytes, size_t at) {
  uint64_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof(word));
  return word;
}

// Eight bytes at a time: most of a page is as it was.
size_t NextDifference(std::string_view before, std::string_view after, size_t at) {
  while (at + sizeof(uint64_t) <= after.size() && WordAt(before, at) == WordAt(after, at)) {
    at += sizeof(uint64_t);
  }
  while (at < after.size() && before[at] == after[at]) ++at;
  return at;
}

std::vector<Range> RangesThatDiffer(std::string_view before, std::string_view after) {
  std::vector<Range> ranges;
  for (size_t at = NextDifference(before, after, 0); at < after.size();
       at = NextDifference(before, after, at)) {
    size_t end = at + 1;
    while (end < after.size() && before[end] != after[end]) ++end;
    if (!ranges.empty() && at - ranges.back().end <= quorum::kDeltaRangeHeaderBytes) {
      ranges.back().end = end;
    } else {
      ranges.push_back({at, end});
    }
    at = end;
  }
  return ranges;
}

}  // namespace

void WriteDifference(PageNo page, std::string_view before, std::string_view after, Mtr& mtr) {
  INVARIANT(before.size() == after.size() && after.size() == mtr.page_size());
  const std::vector<Range> ranges = RangesThatDiffer(before, after);
  size_t bytes = 0;
  for (const Range& range : ranges) {
    bytes += range.end - range.first + quorum::kDeltaRangeHeaderBytes;
  }
  if (bytes > after.size() / 2) {
    INVARIANT(mtr.WriteImage(page, after).ok());
    return;
  }
  for (const Range& range : ranges) {
    const auto offset = static_cast<uint32_t>(range.first);
    INVARIANT(mtr.Write(page, offset, after.substr(range.first, range.end - range.first)).ok());
  }
}

}  // namespace hexad::compute
