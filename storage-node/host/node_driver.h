// Drives the node's core in a process: one lock around its steps, and the disk behind it.
//
//   loop thread    drain streams and calls -> StepDrained ... -> PersistDrained
//   any thread     Step
//
// The synced write is where an ack waits, so who does it matters. A small group is written by the
// loop thread itself, at once: no other thread has to wake up, which at depth 1 is the best latency
// there is. A large group, or any while page reads are about or the disk is slow, is left to the
// writer thread, so that the loop thread goes on receiving: then disk and network work at the same
// time, a read does not wait for an fsync, and a disk that stalls again does not make the whole
// node silent. Either way one group is written at a time, in the order of tickets, and everything
// that arrived meanwhile is the next group.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "storage-node/core/node_core.h"
#include "storage-node/host/node_metrics.h"
#include "storage-node/io/segment_store.h"

namespace hexad::storage_node {

class NodeDriver {
 public:
  // What the driver leaves to the process around it.
  class Outside {
   public:
    virtual ~Outside() = default;
    // Under the driver's lock, in the order of the steps; must not block, nor call the driver.
    virtual void QueueReply(Reply reply) = 0;
    // Without the lock: send what was queued.
    virtual void SendReplies() = 0;
    // Without the lock: every effect but Persist and Reply.
    virtual void CarryOut(NodeEffect effect) = 0;
    // Loop thread, without the lock: the streams just drained may be read on.
    virtual void ReadNext() = 0;
    // Without the lock: streams that StepDrained() held back may be read on.
    virtual void ReadOn() = 0;
    // A write whose outcome is unknown: nothing may be acknowledged any more. Does not return.
    [[noreturn]] virtual void FailStop(const absl::Status& status) = 0;
  };

  // `core` has loaded what the disk holds. Everything outlives the driver.
  NodeDriver(NodeCore& core, SegmentStore& store, NodeMetrics& metrics, Outside& outside);
  ~NodeDriver() { Stop(); }

  // Any thread.
  void Step(const NodeInput& input);
  // Loop thread, inside a drain; PersistDrained() must follow. False: hold the stream back.
  bool StepDrained(std::span<const NodeInput> inputs);
  // A synced write that took longer than this was slow, and so may the next ones be, for so long.
  static constexpr Duration kSlowWrite = Duration::Millis(20);
  static constexpr Duration kSlowLinger = Duration::Seconds(5);

  // Loop thread, at the end of a drain. `reads_about`: page reads came in lately.
  void PersistDrained(bool reads_about);

  // Until the core wants a Tick.
  Duration UntilTick() const;
  // Calls `look` under the lock. For descriptions; must be short.
  void Look(const std::function<void(const NodeCore&, Instant now)>& look) const;
  size_t queued_bytes() const;

  // Writes what is queued and ends the writer thread. Idempotent; no step may follow.
  void Stop();

 private:
  struct Group {
    std::vector<Persist> persists;
    size_t bytes = 0;
  };
  // Effects that are carried out after the lock is released.
  using Later = std::vector<NodeEffect>;

  void StepLocked(const NodeInput& input, Later& later) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteGroup() ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<absl::Status> WriteToDisk(const Group& group);
  void NoteWrite(Duration took) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunWriter();
  bool Congested() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayReadOn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(Later later, bool read_on);
  static Instant Now();

  NodeCore& core_ ABSL_GUARDED_BY(mutex_);
  SegmentStore& store_;
  NodeMetrics& metrics_;
  Outside& outside_;

  mutable absl::Mutex mutex_;
  absl::CondVar writer_wakes_;
  Group queued_ ABSL_GUARDED_BY(mutex_);  // in the order of tickets
  size_t writing_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool held_back_ ABSL_GUARDED_BY(mutex_) = false;  // some stream waits for ReadOn()
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Instant disk_slow_until_ ABSL_GUARDED_BY(mutex_);
  NodeCore::Effects effects_ ABSL_GUARDED_BY(mutex_);  // of the step under way; kept for its memory
  std::thread writer_;
};

}  // namespace hexad::storage_node
