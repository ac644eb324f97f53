// A page under construction: records go on in history order, each once, along its page chain.
// Internal to reading (page_builder.cc) and coalescing (page_coalescer.cc).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/boxcar.h"
#include "storage-node/core/plans.h"

namespace hexad::storage_node {

bool InRanges(const std::vector<LsnRange>& ranges, TimelineId timeline, Lsn lsn);

// What a page is made of: versions, and records of hot logs that may be in none of them yet. Of a
// clone's ancestor, these may belong between two versions.
struct PageMaterial {
  const std::vector<PageVersion>& versions;
  const std::vector<LsnRange>& visible;
  std::span<const PageRecord> records;
};

class PageChain {
 public:
  // `truncated`: a truncate cut the chain off, so the first record may name one that is not here.
  PageChain(PageNo page, uint32_t page_size, bool truncated)
      : page_(page), page_size_(page_size), check_chain_(!truncated) {}

  // DATA_LOSS: a hole in the chain, or bytes that are no version. Of a run, what `visible` does not
  // see does not count.
  absl::Status Apply(const PageMaterial& material);
  // A record at or below at() was applied before, in an image or a run.
  absl::Status Apply(const quorum::RecordView& record);

  Lsn at() const { return at_; }  // the last record that was applied
  const std::string& Page();
  std::string Take();

 private:
  absl::Status StartFrom(const PageVersion& image);
  absl::Status Apply(std::string_view encoded);

  PageNo page_;
  uint32_t page_size_;
  std::string bytes_;  // empty: nothing applied yet, so zeros
  Lsn at_;
  bool check_chain_;
};

// The last record of a run that is seen: an ancestor's run may go on above the fork, with LSNs that
// mean other records here.
absl::StatusOr<Lsn> LastOfRun(const PageVersion& run, const std::vector<LsnRange>& visible);

}  // namespace hexad::storage_node
