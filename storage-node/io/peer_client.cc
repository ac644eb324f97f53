#include "storage-node/io/peer_client.h"

#include <grpcpp/create_channel.h>

#include <optional>
#include <utility>

#include "proto/frame_codec.h"
#include "proto/read_codec.h"
#include "proto/scrub_codec.h"
#include "quorum/base/check.h"

namespace hexad::storage_node {

class PeerClient::Call {
 public:
  Call(PeerClient& client, NodeId peer) : client_(client), peer_(std::move(peer)) {
    context_.set_deadline(std::chrono::system_clock::now() + kPeerDeadline);
  }
  virtual ~Call() = default;

  virtual void Start(v1::SegmentService::Stub& stub) = 0;
  void Cancel() { context_.TryCancel(); }
  const NodeId& peer() const { return peer_; }

 protected:
  // A refusal is no fill: the core asks somebody else next time.
  virtual NodeInput TakeAnswer(bool arrived) = 0;
  void OnFinished(bool ok) { client_.Ended(this, TakeAnswer(ok && status_.ok())); }

  PeerClient& client_;
  const NodeId peer_;
  grpc::ClientContext context_;
  grpc::Status status_;
  CompletionOf<Call> finished_{this, &Call::OnFinished};
};

class PeerClient::GossipCall : public Call {
 public:
  GossipCall(PeerClient& client, AskPeer ask) : Call(client, ask.peer), ask_(std::move(ask)) {}

  void Start(v1::SegmentService::Stub& stub) override {
    v1::GossipAsk request;
    proto::ToWire(ask_.ask, &request);
    reader_ = stub.AsyncGossip(&context_, request, &client_.queue_);
    reader_->Finish(&fill_, &status_, &finished_);
  }

 private:
  NodeInput TakeAnswer(bool arrived) override {
    PeerAnswered answered{peer_, ask_.ask.to.pg, ask_.ask.to.timeline, std::nullopt};
    if (!arrived) return answered;
    auto answer = proto::FromWire(std::move(fill_));
    if (!answer.ok()) return answered;
    if (auto* fill = std::get_if<quorum::GossipFill>(&*answer)) answered.fill = std::move(*fill);
    return answered;
  }

  const AskPeer ask_;
  v1::GossipFill fill_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::GossipFill>> reader_;
};

class PeerClient::ScrubCall : public Call {
 public:
  ScrubCall(PeerClient& client, ScrubPeer ask) : Call(client, ask.peer), ask_(std::move(ask)) {}

  void Start(v1::SegmentService::Stub& stub) override {
    v1::ScrubAsk request;
    proto::ToWire(ask_.ask, &request);
    reader_ = stub.AsyncScrub(&context_, request, &client_.queue_);
    reader_->Finish(&fill_, &status_, &finished_);
  }

 private:
  NodeInput TakeAnswer(bool arrived) override {
    Scrubbed scrubbed{ask_.question, peer_, std::nullopt};
    if (!arrived) return scrubbed;
    auto answer = proto::FromWire(std::move(fill_));
    if (!answer.ok()) return scrubbed;
    if (auto* fill = std::get_if<quorum::ScrubFill>(&*answer)) scrubbed.fill = std::move(*fill);
    return scrubbed;
  }

  const ScrubPeer ask_;
  v1::ScrubFill fill_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::ScrubFill>> reader_;
};

PeerClient::PeerClient(std::map<NodeId, std::string> addresses, grpc::CompletionQueue& queue,
                       Answered answered)
    : queue_(queue), answered_(std::move(answered)) {
  for (auto& [node, address] : addresses) peers_[node].address = std::move(address);
}

PeerClient::~PeerClient() {
  absl::MutexLock lock(&mutex_);
  INVARIANT(calls_.empty());
}

bool PeerClient::Ask(const AskPeer& ask) {
  return Start(ask.peer, std::make_unique<GossipCall>(*this, ask));
}

bool PeerClient::Ask(const ScrubPeer& ask) {
  return Start(ask.peer, std::make_unique<ScrubCall>(*this, ask));
}

bool PeerClient::Start(const NodeId& peer_id, std::unique_ptr<Call> call) {
  absl::MutexLock lock(&mutex_);
  const auto found = peers_.find(peer_id);
  if (found == peers_.end() || found->second.asks == kMaxAsksPerPeer) return false;
  Peer& peer = found->second;
  if (peer.stub == nullptr) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(proto::kMaxMessageBytes);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
    // A peer that vanished without a word is found out, also between two questions.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, proto::kKeepaliveTimeMs);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, proto::kKeepaliveTimeoutMs);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    peer.stub = v1::SegmentService::NewStub(
        grpc::CreateCustomChannel(peer.address, grpc::InsecureChannelCredentials(), arguments));
  }
  Call& started = *call;
  calls_.emplace(&started, std::move(call));
  ++peer.asks;
  started.Start(*peer.stub);
  return true;
}

void PeerClient::Ended(Call* call, NodeInput answered) {
  {
    absl::MutexLock lock(&mutex_);
    --peers_.at(call->peer()).asks;
    calls_.erase(call);
  }
  answered_(std::move(answered));
}

void PeerClient::CancelAll() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [call, owner] : calls_) call->Cancel();
}

}  // namespace hexad::storage_node
