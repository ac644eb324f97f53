// One storage node as this process reaches it: its channels, and the calls that are not a stream.
//
// The log has a connection of its own, so that a page read does not queue behind megabytes of redo.
// Channels reconnect by themselves, soon: a node that restarts is back within a few tens of
// milliseconds. Thread-safe. Callbacks come on a gRPC thread, or before the call returns, once.
#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "proto/node.grpc.pb.h"
#include "proto/segment.grpc.pb.h"
#include "quorum/base/instant.h"
#include "quorum/base/types.h"

namespace hexad::compute {

class NodeChannel {
 public:
  // `address`: "host:port". Does not connect yet.
  NodeChannel(NodeId node, AzId az, const std::string& address);

  const NodeId& node() const { return node_; }
  const AzId& az() const { return az_; }
  const std::string& address() const { return address_; }
  const std::shared_ptr<grpc::Channel>& log_channel() const { return log_channel_; }

  template <class Answer>
  using Done = std::function<void(absl::StatusOr<Answer>)>;

  void Describe(bool with_segments, Duration timeout, Done<v1::NodeDescription> done);
  void Prepare(const v1::PrepareRegisterRequest& ask, Duration timeout,
               Done<v1::RegisterAnswer> done);
  void Accept(const v1::AcceptRegisterRequest& ask, Duration timeout,
              Done<v1::RegisterAnswer> done);
  void ReadRegisters(const v1::ReadRegistersRequest& ask, Duration timeout,
                     Done<v1::ReadRegistersAnswer> done);
  void DropSegments(const v1::DropSegmentsRequest& ask, Duration timeout,
                    Done<v1::DropSegmentsAnswer> done);
  void ReadPage(const v1::ReadPageRequest& ask, Duration timeout, Done<v1::ReadPageAnswer> done);

 private:
  NodeId node_;
  AzId az_;
  std::string address_;
  std::shared_ptr<grpc::Channel> log_channel_;
  std::shared_ptr<grpc::Channel> call_channel_;
  std::unique_ptr<v1::NodeService::Stub> nodes_;
  std::unique_ptr<v1::SegmentService::Stub> segments_;
};

}  // namespace hexad::compute
