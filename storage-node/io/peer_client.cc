#include "storage-node/io/peer_client.h"

#include <grpcpp/create_channel.h>

#include <optional>
#include <utility>

#include "proto/frame_codec.h"
#include "proto/read_codec.h"
#include "quorum/base/check.h"

namespace hexad::storage_node {

class PeerClient::Call {
 public:
  Call(PeerClient& client, AskPeer ask) : client_(client), ask_(std::move(ask)) {}

  void Start(v1::SegmentService::Stub& stub) {
    v1::GossipAsk request;
    proto::ToWire(ask_.ask, &request);
    context_.set_deadline(std::chrono::system_clock::now() + kPeerDeadline);
    reader_ = stub.AsyncGossip(&context_, request, &client_.queue_);
    reader_->Finish(&fill_, &status_, &finished_);
  }
  void Cancel() { context_.TryCancel(); }
  const AskPeer& ask() const { return ask_; }

 private:
  // A refusal is no fill: the core asks somebody else next time.
  void OnFinished(bool ok) {
    std::optional<quorum::GossipFill> fill;
    if (ok && status_.ok()) {
      auto answer = proto::FromWire(std::move(fill_));
      if (answer.ok()) {
        if (auto* found = std::get_if<quorum::GossipFill>(&*answer)) fill = std::move(*found);
      }
    }
    client_.Ended(this, std::move(fill));
  }

  PeerClient& client_;
  const AskPeer ask_;
  grpc::ClientContext context_;
  v1::GossipFill fill_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::GossipFill>> reader_;
  CompletionOf<Call> finished_{this, &Call::OnFinished};
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
  absl::MutexLock lock(&mutex_);
  const auto found = peers_.find(ask.peer);
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
  auto call = std::make_unique<Call>(*this, ask);
  Call& started = *call;
  calls_.emplace(&started, std::move(call));
  ++peer.asks;
  started.Start(*peer.stub);
  return true;
}

void PeerClient::Ended(Call* call, std::optional<quorum::GossipFill> fill) {
  const AskPeer ask = call->ask();
  PeerAnswered answered{ask.peer, ask.ask.to.pg, ask.ask.to.timeline, std::move(fill)};
  {
    absl::MutexLock lock(&mutex_);
    --peers_.at(ask.peer).asks;
    calls_.erase(call);
  }
  answered_(std::move(answered));
}

void PeerClient::CancelAll() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [call, owner] : calls_) call->Cancel();
}

}  // namespace hexad::storage_node
