#include "compute/vfs/write_window.h"

#include <algorithm>
#include <utility>

#include "compute/vfs/page_difference.h"
#include "quorum/base/check.h"

namespace hexad::compute {

const std::string* WriteWindow::Find(PageNo page) const {
  const auto at = pages_.find(page);
  return at == pages_.end() ? nullptr : &at->second.now;
}

void WriteWindow::Add(PageNo page, std::string before) {
  INVARIANT(before.size() == page_size_);
  Changed changed{std::move(before), {}};
  changed.now = changed.before;
  INVARIANT(pages_.emplace(page, std::move(changed)).second);
}

void WriteWindow::Write(PageNo page, uint32_t offset, std::string_view bytes) {
  const auto at = pages_.find(page);
  INVARIANT(at != pages_.end());
  INVARIANT(offset <= page_size_ && bytes.size() <= page_size_ - offset);
  std::copy(bytes.begin(), bytes.end(), at->second.now.begin() + offset);
}

void WriteWindow::Truncate(PageNo new_page_count) {
  pages_.erase(pages_.lower_bound(new_page_count), pages_.end());
  truncated_to_ = std::min(truncated_to_.value_or(new_page_count), new_page_count);
}

void WriteWindow::Clear() {
  pages_.clear();
  truncated_to_.reset();
}

// The truncate first: pages that were written again after it start from zeros.
Mtr WriteWindow::Seal() const {
  Mtr mtr(page_size_);
  if (truncated_to_.has_value()) mtr.Truncate(*truncated_to_);
  for (const auto& [page, changed] : pages_)
    WriteDifference(page, changed.before, changed.now, mtr);
  return mtr;
}

}  // namespace hexad::compute
