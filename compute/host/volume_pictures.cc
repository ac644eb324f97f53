// What a volume tells of itself: how it is, what it has counted, who had a commit durably and when.
#include "compute/host/volume_host.h"
#include "compute/io/clocks.h"

namespace hexad::compute {
namespace {

VolumeMode ModeOf(VolumeCore::Phase phase) {
  switch (phase) {
    case VolumeCore::Phase::kOpening:
      return VolumeMode::kOpening;
    case VolumeCore::Phase::kWriting:
    case VolumeCore::Phase::kDraining:
    case VolumeCore::Phase::kSucceeding:
      return VolumeMode::kReadWrite;
    case VolumeCore::Phase::kReadOnly:
      return VolumeMode::kReadOnly;
    case VolumeCore::Phase::kFenced:
      return VolumeMode::kFenced;
  }
  return VolumeMode::kFenced;
}

}  // namespace

VolumeStatus VolumeHost::Status() const {
  const Instant now = MonotonicNow();
  const std::lock_guard lock(mutex_);
  VolumeStatus status;
  status.name = entry_.name;
  status.epoch = core_.epoch();
  status.sealed = core_.sealed();
  status.vdl = status.vcl = status.last_issued = core_.vdl();
  status.manifest = core_.manifest();
  status.history = core_.history();
  status.reason = core_.reason();
  status.pages_seen = pages_seen_;
  status.pgs = core_.Describe();
  if (const quorum::VolumeWriter* writer = core_.writer()) {
    status.vcl = writer->vcl();
    status.last_issued = writer->last_issued();
  }
  status.mode = ModeOf(core_.phase());
  if (closed_) status.mode = VolumeMode::kReadOnly;
  if (core_.phase() == VolumeCore::Phase::kOpening) status.reason = core_.DescribeOpening();
  // Without a write quorum it is not writable, whatever the phase is called.
  if (status.mode == VolumeMode::kReadWrite && !core_.WhyNoCommit(now).ok()) {
    status.mode = VolumeMode::kReadOnly;
    status.reason = core_.ReadOnlyReason(now).value_or(core_.reason());
  }
  return status;
}

// The thread that answers Prometheus has a stack of 100 KiB.
static_assert(sizeof(VolumeStatistics) < 4096);

VolumeStatistics VolumeHost::Statistics() const {
  const std::lock_guard lock(mutex_);
  VolumeStatistics statistics = statistics_;
  statistics.hedged_reads = reads_->hedged();
  statistics.cache_bytes = cache_ == nullptr ? 0 : cache_->size_bytes();
  statistics.commits_waiting = core_.commits_waiting();
  for (const auto& [id, link] : links_) {
    const StorageLink::Counters counters = link->counters();
    statistics.log_bytes_sent += counters.bytes_sent;
    statistics.log_bytes_received += counters.bytes_received;
    statistics.unsent_bytes += counters.unsent_bytes;
  }
  return statistics;
}

std::optional<CommitReceipt> VolumeHost::ReceiptOf(Lsn commit) const {
  const std::lock_guard lock(mutex_);
  return receipts_.Find(commit);
}

}  // namespace hexad::compute
