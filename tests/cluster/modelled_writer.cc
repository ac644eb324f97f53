#include "tests/cluster/modelled_writer.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"

namespace hexad::cluster_test {
namespace {

using compute::UserError;

constexpr int kInFlight = 64;
constexpr uint32_t kRecordBytes = 64;
constexpr size_t kNewest = 400;
constexpr auto kMoreTimeout = std::chrono::seconds(30);
constexpr auto kPause = std::chrono::milliseconds(1);

bool IsFailure(const absl::Status& status) {
  const UserError error = compute::UserErrorOf(status);
  return !status.ok() && error != UserError::kRetry && error != UserError::kReadOnly;
}

}  // namespace

ModelledWriter::ModelledWriter(compute::Volume& volume, uint64_t seed)
    : volume_(volume), timeline_(volume.Status().manifest.timeline), prng_(seed) {
  thread_ = std::thread([this] { Run(); });
}

ModelledWriter::~ModelledWriter() {
  over_ = true;
  thread_.join();
  while (in_flight_ > 0) std::this_thread::sleep_for(kPause);
}

void ModelledWriter::Run() {
  while (!over_) {
    if (in_flight_ < kInFlight) {
      CommitOne();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
}

// Few pages and places, so that most changes hide an older one.
ModelledWriter::Committed ModelledWriter::Draw() {
  Committed drawn;
  ++sequence_;
  for (Change& change : drawn.changes) {
    change.page = static_cast<uint32_t>(prng_.Below(kModelPages));
    change.offset = static_cast<uint32_t>(prng_.Below(volume_.page_size() - kRecordBytes));
    change.bytes = absl::StrCat("mtr ", sequence_, " ");
    change.bytes.resize(kRecordBytes, static_cast<char>('a' + sequence_ % 26));
  }
  return drawn;
}

void ModelledWriter::CommitOne() {
  Committed drawn = Draw();
  compute::Mtr mtr = volume_.BeginMtr();
  for (const Change& change : drawn.changes) {
    mtr.Write(PageNo(change.page), change.offset, change.bytes).IgnoreError();  // it fits
  }
  size_t index = 0;
  Lsn ordered;
  {
    const std::lock_guard committing(committing_);
    const auto lsn = volume_.Commit(std::move(mtr));
    const std::lock_guard lock(mutex_);
    if (!lsn.ok()) {
      if (IsFailure(lsn.status())) failure_ = std::string(lsn.status().message());
      return;
    }
    drawn.lsn = ordered = *lsn;
    index = committed_.size();
    committed_.push_back(std::move(drawn));
  }
  ++in_flight_;
  volume_.OnDurable(ordered, [this, index](const absl::Status& status) { Ended(index, status); });
}

void ModelledWriter::Ended(size_t index, const absl::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    if (IsFailure(status)) failure_ = std::string(status.message());
    committed_[index].acked = status.ok();
  }
  if (status.ok()) ++acked_;
  --in_flight_;
}

bool ModelledWriter::AwaitMore(uint64_t mtrs) const {
  const uint64_t goal = acked_ + mtrs;
  const auto until = std::chrono::steady_clock::now() + kMoreTimeout;
  while (acked_ < goal) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

std::vector<Lsn> ModelledWriter::NewestAcked() const {
  const std::lock_guard lock(mutex_);
  std::vector<Lsn> newest;
  for (auto at = committed_.rbegin(); at != committed_.rend() && newest.size() < kNewest; ++at) {
    if (at->acked) newest.push_back(at->lsn);
  }
  std::ranges::reverse(newest);
  return newest;
}

uint64_t ModelledWriter::AckedIn(Lsn after, Lsn up_to) const {
  const std::lock_guard lock(mutex_);
  return static_cast<uint64_t>(std::ranges::count_if(committed_, [&](const Committed& mtr) {
    return mtr.acked && mtr.lsn > after && mtr.lsn <= up_to;
  }));
}

std::string ModelledWriter::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::vector<std::string> ModelledWriter::PagesAt(const quorum::Path& history,
                                                 Lsn read_point) const {
  const std::lock_guard committing(committing_);
  const std::lock_guard lock(mutex_);
  std::vector<std::string> pages(kModelPages, std::string(volume_.page_size(), '\0'));
  for (const Committed& mtr : committed_) {
    if (mtr.lsn > read_point || !history.Visible(timeline_, mtr.lsn)) continue;
    for (const Change& change : mtr.changes) {
      pages[change.page].replace(change.offset, change.bytes.size(), change.bytes);
    }
  }
  return pages;
}

}  // namespace hexad::cluster_test
