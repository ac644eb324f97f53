#include "cli/verify/compare.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/format.h"

namespace hexad::cli {
namespace {

constexpr std::chrono::seconds kCatchUpTimeout{20};
constexpr std::chrono::milliseconds kAskAgainEvery{100};

// Collects what the reader's threads report.
class Tally {
 public:
  explicit Tally(const CompareHooks& hooks) : hooks_(hooks) {}

  void Take(PageNo page, const std::vector<SegmentCopy>& copies) {
    const std::string difference = DifferenceOf(copies);
    const std::lock_guard lock(mutex_);
    if (!difference.empty()) {
      unequal_.push_back({page, difference});
      return;
    }
    ++equal_;
    const SegmentCopy& one = *std::ranges::find(copies, true, &SegmentCopy::answered);
    if (!one.page_lsn.IsNone()) ++written_;
    hooks_.seen(page, one.page.view());
  }

  std::vector<PageDifference> TakeUnequal() {
    const std::lock_guard lock(mutex_);
    return std::exchange(unequal_, {});
  }

  uint64_t equal() const {
    const std::lock_guard lock(mutex_);
    return equal_;
  }
  uint64_t written() const { return written_; }

 private:
  const CompareHooks& hooks_;
  mutable std::mutex mutex_;
  uint64_t equal_ = 0;
  uint64_t written_ = 0;
  std::vector<PageDifference> unequal_;
};

uint64_t PagesOfPgs(const quorum::Manifest& manifest) {
  return static_cast<uint64_t>(manifest.pages_per_pg) * manifest.pgs.size();
}

absl::Status Interrupted() { return absl::CancelledError("interrupted while comparing segments"); }

}  // namespace

std::string DifferenceOf(const std::vector<SegmentCopy>& copies) {
  const SegmentCopy* first = nullptr;
  for (const SegmentCopy& copy : copies) {
    if (copy.left_out) continue;
    if (!copy.answered) return absl::StrCat(copy.node, ": ", copy.trouble);
    if (first == nullptr) first = &copy;
    if (copy.page_lsn != first->page_lsn) {
      return absl::StrCat(copy.node, " has LSN ", Thousands(copy.page_lsn.value()), ", ",
                          first->node, " has LSN ", Thousands(first->page_lsn.value()));
    }
    if (!(copy.page == first->page)) {
      return absl::StrCat(copy.node, " and ", first->node, " hold different bytes at LSN ",
                          Thousands(copy.page_lsn.value()));
    }
  }
  return first == nullptr ? "no segment answers" : "";
}

absl::StatusOr<Comparison> CompareSegments(SegmentReader& reader, uint64_t page_count,
                                           const CompareHooks& hooks) {
  const quorum::Manifest& manifest = reader.read_point().manifest;
  const uint64_t pages = std::min(page_count, PagesOfPgs(manifest));
  Tally tally(hooks);
  const auto take = [&tally](PageNo page, const std::vector<SegmentCopy>& copies) {
    tally.Take(page, copies);
  };
  for (uint64_t page = 0; page < pages; ++page) {
    if (hooks.interrupted()) return Interrupted();
    reader.Read(PageNo(static_cast<uint32_t>(page)), take);
    hooks.progress(page + 1, pages);
  }
  reader.WaitForAll();

  // Once more what differed: a segment that lags is filled by its peers in a moment.
  std::vector<PageDifference> unequal = tally.TakeUnequal();
  const auto deadline = std::chrono::steady_clock::now() + kCatchUpTimeout;
  const auto in_time = [deadline] { return std::chrono::steady_clock::now() < deadline; };
  while (!unequal.empty() && in_time()) {
    std::this_thread::sleep_for(kAskAgainEvery);
    size_t asked = 0;
    for (; asked < unequal.size() && in_time(); ++asked) {
      if (hooks.interrupted()) return Interrupted();
      reader.Read(unequal[asked].page, take);
    }
    reader.WaitForAll();
    // What there was no time to ask again counts as it was found.
    unequal.erase(unequal.begin(), unequal.begin() + static_cast<ptrdiff_t>(asked));
    for (PageDifference& difference : tally.TakeUnequal()) {
      unequal.push_back(std::move(difference));
    }
  }

  Comparison comparison{.pages = tally.equal(), .pages_written = tally.written()};
  for (const quorum::Membership& pg : manifest.pgs) comparison.segments += pg.members.size();
  comparison.different_pages = unequal.size();
  comparison.left_out = reader.LeftOut();
  std::ranges::sort(unequal, {}, &PageDifference::page);
  unequal.resize(std::min(unequal.size(), kMaxDifferences));
  comparison.differences = std::move(unequal);
  return comparison;
}

}  // namespace hexad::cli
