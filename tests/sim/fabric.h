// Everything that connects the simulated processes: the nodes with the network between them, the
// streams from compute processes to nodes, page reads, and gossip. It plays gRPC: a stream is in
// order until it breaks, a unary call ends once, by an answer or by its deadline.
//
//   compute --Send--> lane up --> node --OnReply--> lane down --> StreamOwner::OnAnswer
//
// A stream is dialled until it is up, breaks with its node's process, by a fault, or when a
// partition outlasts the keepalive, and is dialled again.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/sim/crash_point.h"
#include "tests/sim/network.h"
#include "tests/sim/sim_node.h"

namespace hexad::sim {

// The compute's end of its streams.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  virtual void OnUp(NodeIndex node, Incarnation incarnation) = 0;
  virtual void OnDown(NodeIndex node) = 0;
  virtual void OnAnswer(NodeIndex node, quorum::SegmentAnswer answer) = 0;
};

struct FabricOptions {
  uint64_t seed = 1;
  // Of a stream's requests, in each thousand: sent once more, much later; sent past their order;
  // with a bit turned over in the boxcar.
  uint32_t repeated_per_mille = 0;
  uint32_t reordered_per_mille = 0;
  uint32_t corrupted_per_mille = 0;
  // One in so many messages goes through its wire format and back; 0: none.
  uint32_t encode_one_in = 8;
};

class Fabric : public NodeSurroundings {
 public:
  static constexpr Duration kAskDeadline = Duration::Millis(1500);   // of a page read
  static constexpr Duration kPeerDeadline = Duration::Millis(2000);  // of a gossip
  static constexpr Duration kKeepalive = Duration::Seconds(5);
  static constexpr Duration kDialAgain = Duration::Millis(200);

  using Tell = std::function<void(const Event&)>;
  // A process is about to send, or has written. False: it dies at this, and nothing leaves it.
  using Tripwire = std::function<bool(Endpoint who, StepKind step)>;

  Fabric(Scheduler& scheduler, std::vector<storage_node::NodeOptions> nodes, size_t computes,
         FabricOptions options, Tell tell);

  void SetTripwire(Tripwire tripwire) { tripwire_ = std::move(tripwire); }

  Scheduler& scheduler() { return scheduler_; }
  Network& network() { return network_; }
  size_t nodes() const { return nodes_.size(); }
  SimNode& node(NodeIndex index) { return *nodes_[index]; }
  const SimNode& node(NodeIndex index) const { return *nodes_[index]; }
  // Of compute machine `slot`; a node's endpoint is its index.
  Endpoint EndpointOf(size_t slot) const { return nodes_.size() + slot; }

  // --- nodes
  bool StartNode(NodeIndex index);  // false: its disk is not to be believed
  void StopNode(NodeIndex index, bool power);

  // --- a compute process's streams
  // Dials every node for this owner until Hangup. One process per endpoint at a time.
  void Dial(Endpoint from, Process& process, StreamOwner& owner);
  void Hangup(Endpoint from);
  void Send(Endpoint from, NodeIndex to, quorum::SegmentRequest request);
  void Break(Endpoint from, NodeIndex to);

  // --- page reads. nullopt: no answer in time.
  using PageDone = std::function<void(std::optional<PageOutcome>)>;
  void Read(Endpoint from, NodeIndex to, quorum::ReadPage read, PageDone done);

  // --- partitions, counted: a link carries again when as many have ended as began.
  void Block(Endpoint from, Endpoint to);
  void Unblock(Endpoint from, Endpoint to);

  void OnReply(NodeIndex node, storage_node::Reply reply) override;
  void OnPage(NodeIndex node, storage_node::CallId call, PageOutcome outcome) override;
  void OnGossip(NodeIndex node, storage_node::CallId call, GossipOutcome outcome) override;
  void OnScrub(NodeIndex node, storage_node::CallId call, ScrubOutcome outcome) override;
  void OnAskPeer(NodeIndex node, storage_node::AskPeer ask) override;
  void OnScrubPeer(NodeIndex node, storage_node::ScrubPeer ask) override;
  void OnWritten(NodeIndex node) override { Passes(node, StepKind::kWrite); }
  void OnPersisted(NodeIndex node, const storage_node::StoreBatch& batch) override;
  void OnFailStop(NodeIndex node) override;

 private:
  struct Owner {
    Process* process = nullptr;
    StreamOwner* streams = nullptr;
    uint64_t calls = 0;  // counts Dial: what was meant for an earlier one is dropped
  };
  struct Stream {
    storage_node::ConnId conn;
    Endpoint from = 0;
    NodeIndex to = 0;
    std::shared_ptr<Lane> up;
    std::shared_ptr<Lane> down;
    Instant blocked_since = Instant::Never();
  };
  struct Call {                             // a unary call under way, at the node that serves it
    std::function<void(PageOutcome)> page;  // one of these is set
    std::function<void(GossipOutcome)> gossip;
    std::function<void(ScrubOutcome)> scrub;
  };
  // A node's question to another node: `asked` makes the input there, `end` hears the outcome once,
  // nothing if there was none in time.
  template <class Outcome>
  struct PeerQuestion {
    NodeId peer;
    std::function<void(Outcome)> Call::*slot;
    std::function<storage_node::NodeInput(storage_node::CallId)> asked;
    std::function<void(const Outcome*)> end;
  };
  template <class Outcome>
  void AskNode(NodeIndex asker, PeerQuestion<Outcome> question);
  template <class Outcome>
  void OnOutcome(NodeIndex node, storage_node::CallId call,
                 std::function<void(Outcome)> Call::*slot, Outcome outcome);

  void TryDial(Endpoint from, NodeIndex to);
  void Answered(Endpoint from, NodeIndex to, uint64_t calls, Incarnation incarnation);
  void Ended(std::map<storage_node::ConnId, Stream>::iterator stream);
  void WatchKeepalive(storage_node::ConnId conn);
  void Deliver(NodeIndex to, storage_node::ConnId conn, quorum::SegmentRequest request);
  std::map<storage_node::ConnId, Stream>::iterator Find(Endpoint from, NodeIndex to);
  bool Passes(Endpoint who, StepKind step) { return tripwire_ == nullptr || tripwire_(who, step); }
  bool Draw(uint32_t per_mille) { return per_mille > 0 && prng_.Below(1000) < per_mille; }

  Scheduler& scheduler_;
  const FabricOptions options_;
  Tell tell_;
  Tripwire tripwire_;
  Prng prng_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  Network network_;
  std::map<Endpoint, Owner> owners_;
  std::map<storage_node::ConnId, Stream> streams_;
  std::map<std::pair<NodeIndex, storage_node::CallId>, Call> calls_;
  uint64_t next_conn_ = 1;
  uint64_t next_call_ = 1;
};

}  // namespace hexad::sim
