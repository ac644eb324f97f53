#include "storage-node/core/page_chain.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hexad::storage_node {

using quorum::RecordView;

namespace {

// Calls `each` for every record of a run.
template <class Each>
absl::Status ForEachInRun(const PageVersion& run, Each each) {
  std::string_view rest = run.bytes.view();
  while (!rest.empty()) {
    auto decoded = quorum::DecodeRecord(rest);
    if (!decoded.ok()) return decoded.status();
    if (auto status = each(decoded->record); !status.ok()) return status;
    rest.remove_prefix(decoded->size);
  }
  return absl::OkStatus();
}

}  // namespace

bool InRanges(const std::vector<LsnRange>& ranges, TimelineId timeline, Lsn lsn) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const LsnRange& range) {
    return range.timeline == timeline && range.first <= lsn && lsn <= range.last;
  });
}

absl::Status PageChain::StartFrom(const PageVersion& image) {
  if (image.bytes.size() != page_size_) {
    return absl::DataLossError(
        absl::StrCat("a page image of ", image.bytes.size(), " bytes, page size ", page_size_));
  }
  bytes_.assign(image.bytes.view());
  at_ = image.lsn;
  check_chain_ = true;
  return absl::OkStatus();
}

absl::Status PageChain::Apply(std::string_view encoded) {
  auto decoded = quorum::DecodeRecord(encoded);
  return decoded.ok() ? Apply(decoded->record) : decoded.status();
}

absl::Status PageChain::Apply(const RecordView& record) {
  if (record.lsn <= at_) return absl::OkStatus();  // in an image or a run already
  if (check_chain_ && record.page_prev != at_) {
    return absl::DataLossError(absl::StrCat("page ", page_.value(), ": record ", record.lsn.value(),
                                            " follows ", record.page_prev.value(), ", but ",
                                            at_.value(),
                                            " is the last one here: a hole in its history"));
  }
  if (auto status = quorum::CheckPayload(record, page_size_); !status.ok()) return status;
  Page();
  quorum::ApplyRecord(record, bytes_);
  at_ = record.lsn;
  check_chain_ = true;
  return absl::OkStatus();
}

absl::Status PageChain::Apply(const PageMaterial& material) {
  auto record = material.records.begin();
  const auto apply_below = [&](Lsn lsn) {
    absl::Status status;
    for (; status.ok() && record != material.records.end() && record->lsn < lsn; ++record) {
      status = Apply(record->bytes);
    }
    return status;
  };
  for (const PageVersion& version : material.versions) {
    absl::Status status;
    if (version.kind == VersionKind::kImage) {
      status = StartFrom(version);  // what came before it may be gone
    } else if (status = apply_below(version.lsn); status.ok()) {
      status = ForEachInRun(version, [&](const RecordView& view) {
        const bool seen = InRanges(material.visible, version.timeline, view.lsn);
        return seen ? Apply(view) : absl::OkStatus();
      });
    }
    if (!status.ok()) return status;
  }
  return apply_below(Lsn::Max());
}

const std::string& PageChain::Page() {
  if (bytes_.empty()) bytes_.assign(page_size_, '\0');
  return bytes_;
}

std::string PageChain::Take() {
  Page();
  return std::move(bytes_);
}

absl::StatusOr<Lsn> LastOfRun(const PageVersion& run, const std::vector<LsnRange>& visible) {
  Lsn last = run.lsn;
  auto status = ForEachInRun(run, [&](const RecordView& record) {
    if (InRanges(visible, run.timeline, record.lsn)) last = record.lsn;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return last;
}

}  // namespace hexad::storage_node
