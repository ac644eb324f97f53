#include "compute/io/node_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/frame_codec.h"
#include "proto/status.h"

namespace hexad::compute {
namespace {

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 500);  // also how long one attempt may take
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 250);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A peer that vanished without a word (a machine or its network, not a process) is found out.
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, proto::kKeepaliveTimeMs);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, proto::kKeepaliveTimeoutMs);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetMaxReceiveMessageSize(proto::kMaxMessageBytes);
  args.SetMaxSendMessageSize(proto::kMaxMessageBytes);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), args);
}

// gRPC's callback threads end with the last channel that used them; if that channel goes in a
// callback, such a thread joins itself and works on with what it has freed (gRPC 1.51,
// CallbackAlternativeCQ::Unref). Here the last holder of a channel may well be a stream's end. So
// one channel, which leads nowhere, is used once and never goes.
void KeepCallbackThreads() {
  struct Keeper {
    std::unique_ptr<v1::NodeService::Stub> nodes = v1::NodeService::NewStub(
        grpc::CreateCustomChannel("nowhere", nullptr, grpc::ChannelArguments()));
    grpc::ClientContext context;
    v1::DescribeRequest ask;
    v1::NodeDescription answer;
  };
  static const Keeper* const keeper = [] {
    auto* made = new Keeper;
    made->nodes->async()->Describe(&made->context, &made->ask, &made->answer,
                                   [](const grpc::Status&) {});
    return made;
  }();
  static_cast<void>(keeper);
}

// Everything that one call needs until its answer is here.
template <class Ask, class Answer>
struct UnaryCall {
  grpc::ClientContext context;
  Ask ask;
  Answer answer;
};

template <class Ask, class Answer, class Start>
void Call(Ask ask, Duration timeout, NodeChannel::Done<Answer> done, Start start) {
  auto call = std::make_shared<UnaryCall<Ask, Answer>>();
  call->ask = std::move(ask);
  call->context.set_deadline(std::chrono::system_clock::now() +
                             std::chrono::microseconds(timeout.micros()));
  auto* raw = call.get();  // `finish` keeps it alive
  auto finish = [call = std::move(call), done = std::move(done)](const grpc::Status& status) {
    if (status.ok()) {
      done(std::move(call->answer));
    } else {
      done(proto::FromGrpc(status));
    }
  };
  start(&raw->context, &raw->ask, &raw->answer, std::move(finish));
}

}  // namespace

NodeChannel::NodeChannel(NodeId node, AzId az, const std::string& address)
    : node_(std::move(node)),
      az_(std::move(az)),
      address_(address),
      log_channel_(NewChannel(address)),
      call_channel_(NewChannel(address)),
      nodes_(v1::NodeService::NewStub(call_channel_)),
      segments_(v1::SegmentService::NewStub(call_channel_)) {
  KeepCallbackThreads();
}

void NodeChannel::Describe(bool with_segments, Duration timeout, Done<v1::NodeDescription> done) {
  v1::DescribeRequest ask;
  ask.set_with_segments(with_segments);
  Call<v1::DescribeRequest, v1::NodeDescription>(
      std::move(ask), timeout, std::move(done),
      [&](auto* context, auto* ask, auto* answer, auto fin) {
        nodes_->async()->Describe(context, ask, answer, std::move(fin));
      });
}

void NodeChannel::Prepare(const v1::PrepareRegisterRequest& ask, Duration timeout,
                          Done<v1::RegisterAnswer> done) {
  Call<v1::PrepareRegisterRequest, v1::RegisterAnswer>(
      ask, timeout, std::move(done), [&](auto* context, auto* ask, auto* answer, auto fin) {
        nodes_->async()->PrepareRegister(context, ask, answer, std::move(fin));
      });
}

void NodeChannel::Accept(const v1::AcceptRegisterRequest& ask, Duration timeout,
                         Done<v1::RegisterAnswer> done) {
  Call<v1::AcceptRegisterRequest, v1::RegisterAnswer>(
      ask, timeout, std::move(done), [&](auto* context, auto* ask, auto* answer, auto fin) {
        nodes_->async()->AcceptRegister(context, ask, answer, std::move(fin));
      });
}

void NodeChannel::ReadRegisters(const v1::ReadRegistersRequest& ask, Duration timeout,
                                Done<v1::ReadRegistersAnswer> done) {
  Call<v1::ReadRegistersRequest, v1::ReadRegistersAnswer>(
      ask, timeout, std::move(done), [&](auto* context, auto* ask, auto* answer, auto fin) {
        nodes_->async()->ReadRegisters(context, ask, answer, std::move(fin));
      });
}

void NodeChannel::DropSegments(const v1::DropSegmentsRequest& ask, Duration timeout,
                               Done<v1::DropSegmentsAnswer> done) {
  Call<v1::DropSegmentsRequest, v1::DropSegmentsAnswer>(
      ask, timeout, std::move(done), [&](auto* context, auto* ask, auto* answer, auto fin) {
        nodes_->async()->DropSegments(context, ask, answer, std::move(fin));
      });
}

void NodeChannel::ReadPage(const v1::ReadPageRequest& ask, Duration timeout,
                           Done<v1::ReadPageAnswer> done) {
  Call<v1::ReadPageRequest, v1::ReadPageAnswer>(
      ask, timeout, std::move(done), [&](auto* context, auto* ask, auto* answer, auto fin) {
        segments_->async()->ReadPage(context, ask, answer, std::move(fin));
      });
}

}  // namespace hexad::compute
