#include "compute/core/retention_marks.h"

#include <algorithm>
#include <utility>

namespace hexad::compute {

using quorum::RetentionMark;

void RetentionMarks::Restart(const quorum::Manifest& manifest, Lsn vdl) {
  retention_ = manifest.retention;
  kept_.clear();
  pending_.reset();
  newest_ = RetentionMark{vdl, CommitTime(), 0};
  for (const RetentionMark& mark : manifest.marks) {
    newest_.time = std::max(newest_.time, mark.time);
    newest_.log_bytes = std::max(newest_.log_bytes, mark.log_bytes);
    if (mark.lsn <= vdl) kept_.push_back(mark);
  }
}

bool RetentionMarks::IsStepFrom(const RetentionMark& last) const {
  const int64_t since_us = newest_.time.value() - last.time.value();
  if (since_us < shortest_.micros()) return false;
  return since_us >= retention_.window_ms * 1000 / kSteps ||
         newest_.log_bytes - last.log_bytes >= std::max<uint64_t>(retention_.log_bytes / kSteps, 1);
}

void RetentionMarks::Issued(Lsn commit, CommitTime time, uint64_t bytes) {
  newest_ = {commit, std::max(newest_.time, time), newest_.log_bytes + bytes};
  if (pending_.has_value()) return;
  if (kept_.empty() || IsStepFrom(kept_.back())) pending_ = newest_;
}

// The newest mark that is out of reach by time or by bytes.
Lsn RetentionMarks::Floor(const std::vector<RetentionMark>& marks) const {
  Lsn floor;
  for (const RetentionMark& mark : marks) {
    const bool old = newest_.time.value() - mark.time.value() >= retention_.window_ms * 1000;
    const bool deep = newest_.log_bytes - mark.log_bytes >= retention_.log_bytes;
    if (old || deep) floor = std::max(floor, mark.lsn);
  }
  return floor;
}

std::optional<quorum::Retain> RetentionMarks::Due(Lsn vdl) {
  if (!pending_.has_value() || pending_->lsn > vdl) return std::nullopt;
  kept_.push_back(*std::exchange(pending_, std::nullopt));
  quorum::Retain retain;
  retain.from = Floor(kept_);
  // Of those below the floor one is left: it tells the time of R.
  const auto above = std::find_if(kept_.begin(), kept_.end(), [&](const RetentionMark& mark) {
    return mark.lsn > retain.from;
  });
  if (above - kept_.begin() > 1) kept_.erase(kept_.begin(), above - 1);
  // After the window was made shorter, or bytes ran ahead of time, there may be more than are
  // needed.
  while (kept_.size() > quorum::kMaxRetentionMarks) kept_.erase(kept_.begin() + 1);
  retain.marks = kept_;
  return retain;
}

}  // namespace hexad::compute
