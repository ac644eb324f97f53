// A storage node of the simulated world: the real NodeCore and the real plans, on a memory disk
// whose fsyncs take time, in a process that crashes. It does what storage-node/host does, and
// nothing else may: group commit, answers in the core's order, plans on other threads.
#pragma once

#include <deque>
#include <memory>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "quorum/base/prng.h"
#include "storage-node/core/node_core.h"
#include "storage-node/io/memory_segment_store.h"
#include "tests/sim/event.h"
#include "tests/sim/process.h"

namespace hexad::sim {

// How its disk behaves now; faults change it.
struct DiskSpeed {
  Duration sync = Duration::Micros(400);
  Duration jitter = Duration::Micros(400);
  Duration read = Duration::Micros(50);
  bool lies = false;  // fsync says done and is not: no fault to survive, but one that must be seen
};

using PageOutcome = std::variant<quorum::PageRead, quorum::Refused>;
using GossipOutcome = std::variant<quorum::GossipFill, quorum::Refused>;
using ScrubOutcome = std::variant<quorum::ScrubFill, quorum::Refused>;

// What a node needs from the world around it, and tells it.
class NodeSurroundings {
 public:
  virtual ~NodeSurroundings() = default;
  virtual void OnReply(NodeIndex node, storage_node::Reply reply) = 0;
  virtual void OnPage(NodeIndex node, storage_node::CallId call, PageOutcome outcome) = 0;
  virtual void OnGossip(NodeIndex node, storage_node::CallId call, GossipOutcome outcome) = 0;
  virtual void OnAskPeer(NodeIndex node, storage_node::AskPeer ask) = 0;
  virtual void OnScrub(NodeIndex node, storage_node::CallId call, ScrubOutcome outcome) = 0;
  virtual void OnScrubPeer(NodeIndex node, storage_node::ScrubPeer ask) = 0;
  // The disk has a write that is not fsynced yet.
  virtual void OnWritten(NodeIndex node) = 0;
  virtual void OnPersisted(NodeIndex node, const storage_node::StoreBatch& batch) = 0;
  // A write failed: the process ends itself, and its disk is not believed again.
  virtual void OnFailStop(NodeIndex node) = 0;
};

class SimNode {
 public:
  SimNode(Scheduler& scheduler, NodeSurroundings& around, NodeIndex index,
          storage_node::NodeOptions options);
  ~SimNode();

  NodeIndex index() const { return index_; }
  const storage_node::NodeOptions& options() const { return options_; }
  Process& process() { return process_; }
  storage_node::MemorySegmentStore& disk() { return *disk_; }
  const storage_node::MemorySegmentStore& disk() const { return *disk_; }
  DiskSpeed& speed() { return speed_; }
  const storage_node::NodeCore* core() const { return core_.get(); }  // null: not running

  // DATA_LOSS if the disk is not to be believed.
  absl::Status Start();
  // The process is gone, and with it what it had not written. `power`: the page cache too.
  void Stop(bool power);
  // The machine comes back with an empty disk, under the old name. REQUIRES: stopped.
  void Wipe(Incarnation incarnation);
  void JumpAhead(Duration by);

  // An input from outside, at once.
  void Give(storage_node::NodeInput input);

 private:
  absl::Status Load(storage_node::NodeCore& core) const;
  void Step(const storage_node::NodeInput& input);
  void ArmTick();
  void StartWrite();
  void EndWrite(const absl::Status& status);

  void Carry(storage_node::Persist persist);
  void Carry(storage_node::Reply reply);
  void Carry(storage_node::ServeRead serve);
  void Carry(storage_node::ServeScrub serve);
  void Carry(storage_node::ScrubOwn own);
  void Carry(storage_node::ScrubPeer ask);
  void Carry(storage_node::Repair repair);
  void Carry(storage_node::ServeGossip serve);
  void Carry(storage_node::ServeFetch serve);
  void Carry(storage_node::ServeFind serve);
  void Carry(storage_node::AskPeer ask);
  void Carry(storage_node::Coalesce coalesce);
  void Carry(storage_node::CallRefused refused);
  void Carry(const storage_node::FormDone& done);
  void Carry(const storage_node::RegisterDone&) {}
  void Carry(const storage_node::DropSegmentsDone&) {}

  void FinishRead(const storage_node::ServeRead& serve);
  void WriteOnCoalescing();
  Duration Jittered(Duration least) const;

  Scheduler& scheduler_;
  NodeSurroundings& around_;
  const NodeIndex index_;
  storage_node::NodeOptions options_;
  mutable Prng prng_;
  Process process_;
  DiskSpeed speed_;
  std::unique_ptr<storage_node::MemorySegmentStore> disk_;
  std::unique_ptr<storage_node::NodeCore> core_;
  uint64_t steps_ = 0;
  std::deque<storage_node::Persist> waiting_;  // not yet given to the disk
  std::vector<storage_node::Persist> writing_;
  Instant tick_at_ = Instant::Never();
  // The coalescing under way: its writes, one after the other, so that a crash may fall between.
  struct Coalescing;
  std::unique_ptr<Coalescing> coalescing_;
  Instant coalesce_not_before_;
};

}  // namespace hexad::sim
