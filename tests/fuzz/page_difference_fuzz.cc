// Any two images of a page: the ranges that tell one from the other turn the one into the other,
// and are not larger than the image.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "compute/vfs/page_difference.h"
#include "quorum/base/check.h"

namespace hexad::compute {
namespace {

constexpr uint32_t kPageSize = 4096;

// The first byte says how much of the second image is the first one's.
void Fuzz(std::string_view bytes) {
  if (bytes.size() < 2) return;
  const size_t half = (bytes.size() - 1) / 2;
  std::string before(bytes.substr(1, half));
  before.resize(kPageSize, '\0');
  std::string after = before;
  const std::string_view changed = bytes.substr(1 + half);
  const size_t at = static_cast<uint8_t>(bytes[0]) * size_t{16};
  for (size_t i = 0; i < changed.size() && at + i < after.size(); ++i) after[at + i] = changed[i];

  Mtr mtr(kPageSize);
  WriteDifference(PageNo(7), before, after, mtr);
  std::string made = before;
  for (const auto& change : mtr.changes()) {
    INVARIANT(change.page == PageNo(7));
    INVARIANT(size_t{change.offset} + change.length <= made.size());
    made.replace(change.offset, change.length, mtr.BytesOf(change));
  }
  INVARIANT(made == after);
  INVARIANT((mtr.changes().empty()) == (before == after));
  INVARIANT(mtr.bytes() <= kPageSize);
}

}  // namespace
}  // namespace hexad::compute

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hexad::compute::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
