#include "storage-node/host/node_driver.h"

#include <chrono>
#include <utility>

#include "quorum/base/check.h"
#include "storage-node/host/work_threads.h"

namespace hexad::storage_node {
namespace {

// Up to this size the loop thread writes itself. Measured with bench/floor: above it the network's
// work during the fsync is worth more than the hand-over costs.
constexpr size_t kInlineBytes = 64 * 1024;
// Received and not yet on the disk: above this, streams are held back.
constexpr size_t kMaxQueuedBytes = 8 << 20;

size_t BytesOf(const StoreBatch& batch) {
  size_t bytes = 0;
  for (const StoreOp& op : batch.ops) {
    if (const auto* put = std::get_if<PutBoxcar>(&op)) bytes += put->bytes.size();
    if (const auto* meta = std::get_if<PutMeta>(&op)) bytes += meta->value.size();
  }
  return bytes;
}

bool IsNoSpace(const absl::Status& status) {
  return status.code() == absl::StatusCode::kResourceExhausted;
}

}  // namespace

NodeDriver::NodeDriver(NodeCore& core, SegmentStore& store, NodeMetrics& metrics, Outside& outside)
    : core_(core), store_(store), metrics_(metrics), outside_(outside) {
  writer_ = std::thread([this] { RunWriter(); });
}

Instant NodeDriver::Now() {
  return Instant(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

// ---- stepping -----------------------------------------------------------------------------------

void NodeDriver::StepLocked(const NodeInput& input, Later& later) {
  core_.Step(input, Now(), effects_);
  for (NodeEffect& effect : effects_) {
    if (auto* persist = std::get_if<Persist>(&effect)) {
      queued_.bytes += BytesOf(persist->batch);
      queued_.persists.push_back(std::move(*persist));
    } else if (auto* reply = std::get_if<Reply>(&effect)) {
      outside_.QueueReply(std::move(*reply));
    } else {
      later.push_back(std::move(effect));
    }
  }
  effects_.clear();
}

void NodeDriver::Finish(Later later, bool read_on) {
  for (NodeEffect& effect : later) outside_.CarryOut(std::move(effect));
  if (read_on) outside_.ReadOn();
}

bool NodeDriver::Congested() const {
  return core_.overloaded() || queued_.bytes + writing_bytes_ > kMaxQueuedBytes;
}

bool NodeDriver::MayReadOn() {
  return held_back_ && !Congested() && std::exchange(held_back_, false);
}

void NodeDriver::Step(const NodeInput& input) {
  Later later;
  bool read_on = false;
  {
    absl::MutexLock lock(&mutex_);
    StepLocked(input, later);
    read_on = MayReadOn();
    if (!queued_.persists.empty()) writer_wakes_.Signal();
  }
  Finish(std::move(later), read_on);
  outside_.SendReplies();
}

bool NodeDriver::StepDrained(std::span<const NodeInput> inputs) {
  Later later;
  bool congested = false;
  {
    absl::MutexLock lock(&mutex_);
    for (const NodeInput& input : inputs) StepLocked(input, later);
    congested = Congested();
    held_back_ |= congested;
  }
  Finish(std::move(later), /*read_on=*/false);
  return !congested;
}

// ---- the disk -----------------------------------------------------------------------------------

void NodeDriver::PersistDrained(bool reads_about) {
  outside_.SendReplies();  // refusals, and whatever else waits for no write
  bool write_here = false;
  {
    absl::MutexLock lock(&mutex_);
    // While the writer writes, it will also take what came meanwhile.
    const bool idle = !queued_.persists.empty() && !writing_;
    write_here = idle && !reads_about && queued_.bytes <= kInlineBytes && Now() >= disk_slow_until_;
    if (idle && !write_here) writer_wakes_.Signal();
  }
  if (write_here) WriteGroup();
  outside_.ReadNext();
}

void NodeDriver::RunWriter() {
  DescribeThread("hexad-writer", 0);
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      while (writing_ || (queued_.persists.empty() && !stopping_)) writer_wakes_.Wait(&mutex_);
      if (queued_.persists.empty()) return;
    }
    WriteGroup();
  }
}

void NodeDriver::WriteGroup() {
  Group group;
  {
    absl::MutexLock lock(&mutex_);
    if (writing_ || queued_.persists.empty()) return;  // somebody else was faster
    writing_ = true;
    group = std::exchange(queued_, {});
    writing_bytes_ = group.bytes;
  }
  const Instant began = Now();
  const std::vector<absl::Status> stored = WriteToDisk(group);
  Later later;
  bool read_on = false;
  {
    absl::MutexLock lock(&mutex_);
    NoteWrite(Now() - began);
    for (size_t i = 0; i < stored.size(); ++i) {
      const Ticket ticket = group.persists[i].ticket;
      if (stored[i].ok()) {
        StepLocked(Persisted{ticket}, later);
      } else {
        StepLocked(NotPersisted{ticket}, later);
      }
    }
    writing_ = false;
    writing_bytes_ = 0;
    read_on = MayReadOn();
    // If the loop thread wrote this one, what its steps or other threads added needs somebody.
    if (!queued_.persists.empty() || stopping_) writer_wakes_.Signal();
  }
  outside_.SendReplies();  // the acks first
  Finish(std::move(later), read_on);
}

void NodeDriver::NoteWrite(Duration took) {
  if (took > kSlowWrite) disk_slow_until_ = Now() + kSlowLinger;
}

// One verdict per batch: stored, or no space. Anything else is the end of this process.
std::vector<absl::Status> NodeDriver::WriteToDisk(const Group& group) {
  std::vector<const StoreBatch*> batches;
  batches.reserve(group.persists.size());
  for (const Persist& persist : group.persists) batches.push_back(&persist.batch);

  const auto start = std::chrono::steady_clock::now();
  const absl::Status status = store_.Write(batches, Durability::kSynced);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  metrics_.synced_write_seconds.Observe(took.count());
  metrics_.synced_write_batches.Observe(static_cast<double>(batches.size()));
  if (!status.ok() && !IsNoSpace(status)) outside_.FailStop(status);
  std::vector<absl::Status> verdicts(batches.size(), status);
  if (status.ok() || batches.size() == 1) return verdicts;

  // No space for all of them together. A promise may still fit where a boxcar does not: the store
  // keeps a reserve for it, so that a full node can be fenced.
  for (size_t i = 0; i < batches.size(); ++i) {
    verdicts[i] = store_.Write({batches[i]}, Durability::kSynced);
    if (!verdicts[i].ok() && !IsNoSpace(verdicts[i])) outside_.FailStop(verdicts[i]);
  }
  return verdicts;
}

// ---- looking ------------------------------------------------------------------------------------

Duration NodeDriver::UntilTick() const {
  absl::MutexLock lock(&mutex_);
  return core_.NextDeadline() - Now();
}

void NodeDriver::Look(const std::function<void(const NodeCore&, Instant)>& look) const {
  absl::MutexLock lock(&mutex_);
  look(core_, Now());
}

size_t NodeDriver::queued_bytes() const {
  absl::MutexLock lock(&mutex_);
  return queued_.bytes + writing_bytes_;
}

void NodeDriver::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    writer_wakes_.SignalAll();
  }
  if (writer_.joinable()) writer_.join();
}

}  // namespace hexad::storage_node
