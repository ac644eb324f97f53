#include "storage-node/io/rpc_server.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/frame_codec.h"

namespace hexad::storage_node {
namespace {

// A connection that says nothing is asked whether it still lives, and dropped if it is not.
constexpr int kKeepaliveMs = 10'000;
constexpr int kKeepaliveTimeoutMs = 5'000;
constexpr int kStreamsPerConnection = 1024;

absl::Status Stopping() { return absl::UnavailableError("this node is stopping"); }

}  // namespace

RpcServer::RpcServer(const RpcServerOptions& options, Handler& handler)
    : options_(options), handler_(handler) {}

RpcServer::~RpcServer() = default;

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Listen(const RpcServerOptions& options,
                                                             Handler& handler) {
  std::unique_ptr<RpcServer> server(new RpcServer(options, handler));
  grpc::ResourceQuota quota("hexad-storage-node");
  quota.Resize(options.memory_bytes);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &server->port_);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(proto::kMaxMessageBytes);
  builder.SetMaxSendMessageSize(proto::kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  // Two processes on one port would each get some of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterAsyncGenericService(&server->service_);
  server->queue_ = builder.AddCompletionQueue();
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || server->port_ == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.listen, "; is the port in use?"));
  }
  server->Accept();
  return server;
}

bool RpcServer::Drain(Duration wait, int max_events) {
  const gpr_timespec deadline =
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(wait.nanos(), GPR_TIMESPAN));
  void* tag = nullptr;
  bool ok = false;
  auto status = queue_->AsyncNext(&tag, &ok, deadline);
  for (int events = 0; status == grpc::CompletionQueue::GOT_EVENT;) {
    static_cast<Completion*>(tag)->Complete(ok);
    if (++events == max_events) return true;
    status = queue_->AsyncNext(&tag, &ok, gpr_time_0(GPR_CLOCK_MONOTONIC));
  }
  return status != grpc::CompletionQueue::SHUTDOWN;
}

// ---- new calls ----------------------------------------------------------------------------------

void RpcServer::Accept() {
  accepting_ = std::make_unique<IncomingCall>();
  service_.RequestCall(&accepting_->context, &accepting_->io, queue_.get(), queue_.get(),
                       &accepted_);
}

void RpcServer::OnAccepted(bool ok) {
  std::unique_ptr<IncomingCall> call = std::move(accepting_);
  if (!ok) return;  // the server shuts down
  Accept();
  if (stopping_) return Refuse(std::move(call), Stopping());
  if (call->context.method() == kLogMethod) return StartStream(std::move(call));
  if (unary_calls_ >= options_.max_unary_calls) {
    return Refuse(std::move(call), absl::ResourceExhaustedError("too many calls at once"));
  }
  ++unary_calls_;
  UnaryCall::Start(
      std::move(call), [this](UnaryCall& unary) { handler_.OnCall(unary); },
      [this] { --unary_calls_; });
}

void RpcServer::Refuse(std::unique_ptr<IncomingCall> call, absl::Status status) {
  ++unary_calls_;
  UnaryCall::Start(
      std::move(call), [status = std::move(status)](UnaryCall& unary) { unary.Fail(status); },
      [this] { --unary_calls_; });
}

void RpcServer::StartStream(std::unique_ptr<IncomingCall> call) {
  std::shared_ptr<LogStream> stream;
  {
    absl::MutexLock lock(&mutex_);
    if (streams_.size() < static_cast<size_t>(options_.max_streams)) {
      const ConnId id(++last_conn_);
      LogStream::Owner& owner = *this;
      stream = std::make_shared<LogStream>(id, std::move(call), owner);
      streams_.emplace(id, stream);
    }
  }
  if (stream == nullptr) {
    return Refuse(std::move(call), absl::ResourceExhaustedError("too many Log streams"));
  }
  stream->Start();
  if (stopping_) stream->End(Stopping());  // Shutdown() may have looked before it was there
}

void RpcServer::OnFrame(ConnId id, std::vector<quorum::SegmentRequest> requests, size_t bytes) {
  if (handler_.OnFrame(id, std::move(requests), bytes)) read_next_.push_back(id);
}

void RpcServer::ReadNext() {
  if (read_next_.empty()) return;
  absl::MutexLock lock(&mutex_);
  for (ConnId conn : read_next_) {
    if (const auto stream = streams_.find(conn); stream != streams_.end()) {
      stream->second->ResumeReading();
    }
  }
  read_next_.clear();
}

void RpcServer::OnGone(ConnId id) {
  handler_.OnStreamClosed(id);
  absl::MutexLock lock(&mutex_);
  streams_.erase(id);
}

// ---- answers ------------------------------------------------------------------------------------

void RpcServer::Queue(ConnId conn, quorum::SegmentAnswer answer) {
  absl::MutexLock lock(&mutex_);
  const auto stream = streams_.find(conn);
  if (stream == streams_.end()) return;
  if (stream->second->Queue(std::move(answer))) unsent_.push_back(stream->second);
}

void RpcServer::Flush() {
  std::vector<std::shared_ptr<LogStream>> streams;
  {
    absl::MutexLock lock(&mutex_);
    streams.swap(unsent_);
  }
  for (const auto& stream : streams) stream->Flush();
}

void RpcServer::ResumeReading() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [conn, stream] : streams_) stream->ResumeReading();
}

// ---- the end ------------------------------------------------------------------------------------

void RpcServer::Shutdown() {
  stopping_ = true;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [conn, stream] : streams_) stream->End(Stopping());
  }
  server_->Shutdown(std::chrono::system_clock::now());
}

void RpcServer::Quit() { quit_alarm_.Set(queue_.get(), gpr_time_0(GPR_CLOCK_MONOTONIC), &quit_); }

void RpcServer::OnQuit(bool) { queue_->Shutdown(); }

}  // namespace hexad::storage_node
