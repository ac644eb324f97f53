// Asks other storage nodes: the client's side of gossip and of the scrub.
#pragma once

#include <grpcpp/completion_queue.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/segment.grpc.pb.h"
#include "quorum/messages.h"
#include "storage-node/core/node_core.h"
#include "storage-node/io/completion.h"

namespace hexad::storage_node {

inline constexpr std::chrono::seconds kPeerDeadline{2};
inline constexpr int kMaxAsksPerPeer = 4;

// Thread-safe. Connections are made when they are first needed.
class PeerClient {
 public:
  // Called on the loop thread, once for each question, never from inside Ask.
  using Answered = std::function<void(NodeInput)>;

  // `addresses`: where each node of the cluster file listens.
  PeerClient(std::map<NodeId, std::string> addresses, grpc::CompletionQueue& queue,
             Answered answered);
  ~PeerClient();

  // False, and no answer follows, if the peer is unknown or has kMaxAsksPerPeer unanswered.
  bool Ask(const AskPeer& ask);
  bool Ask(const ScrubPeer& ask);
  // Every Ask that is under way ends soon, without a fill. No more may follow.
  void CancelAll();

 private:
  class Call;
  class GossipCall;
  class ScrubCall;
  struct Peer {
    std::string address;
    std::unique_ptr<v1::SegmentService::Stub> stub;
    int asks = 0;
  };
  bool Start(const NodeId& peer, std::unique_ptr<Call> call);
  void Ended(Call* call, NodeInput answered);

  grpc::CompletionQueue& queue_;
  const Answered answered_;
  absl::Mutex mutex_;
  std::map<NodeId, Peer> peers_ ABSL_GUARDED_BY(mutex_);
  std::map<Call*, std::unique_ptr<Call>> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hexad::storage_node
