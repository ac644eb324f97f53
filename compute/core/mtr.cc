#include "compute/core/mtr.h"

#include "absl/strings/str_cat.h"

namespace hexad::compute {

absl::Status Mtr::Write(PageNo page, uint32_t offset, std::string_view bytes) {
  if (offset > page_size_ || bytes.size() > page_size_ - offset) {
    return absl::InvalidArgumentError(absl::StrCat("page ", page.value(), ": bytes [", offset, ", ",
                                                   offset + uint64_t{bytes.size()},
                                                   ") leave the page of ", page_size_, " bytes"));
  }
  if (bytes.empty()) return absl::InvalidArgumentError("a change of no bytes");
  Add(page, quorum::RecordKind::kDelta, offset, bytes);
  return absl::OkStatus();
}

absl::Status Mtr::WriteImage(PageNo page, std::string_view bytes) {
  if (bytes.size() != page_size_) {
    return absl::InvalidArgumentError(absl::StrCat("page ", page.value(), ": an image of ",
                                                   bytes.size(), " bytes, but a page has ",
                                                   page_size_));
  }
  Add(page, quorum::RecordKind::kPageImage, 0, bytes);
  return absl::OkStatus();
}

void Mtr::Truncate(PageNo new_page_count) {
  Add(new_page_count, quorum::RecordKind::kTruncate, 0, {});
}

void Mtr::Add(PageNo page, quorum::RecordKind kind, uint32_t offset, std::string_view bytes) {
  changes_.push_back(Change{page, kind, offset, bytes_.size(), bytes.size()});
  bytes_.append(bytes);
}

}  // namespace hexad::compute
