#include "storage-node/io/unary_call.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <utility>

#include "proto/status.h"

namespace hexad::storage_node {

using Serialization = grpc::SerializationTraits<google::protobuf::Message>;

void UnaryCall::Start(std::unique_ptr<IncomingCall> call, Receiver receiver, Ended ended) {
  auto* self = new UnaryCall(std::move(call), std::move(receiver), std::move(ended));
  self->call_->io.Read(&self->request_, &self->requested_);
}

UnaryCall::UnaryCall(std::unique_ptr<IncomingCall> call, Receiver receiver, Ended ended)
    : call_(std::move(call)), receiver_(std::move(receiver)), ended_(std::move(ended)) {}

void UnaryCall::OnRequest(bool ok) {
  if (!ok) {
    Fail(absl::InvalidArgumentError("a call without a request"));
    return;
  }
  receiver_(*this);
}

bool UnaryCall::ParseRequest(google::protobuf::Message& request) {
  return Serialization::Deserialize(&request_, &request).ok();
}

void UnaryCall::Answer(const google::protobuf::Message& answer) {
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  const grpc::Status status =
      grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(answer, &bytes,
                                                                                 &own_buffer);
  if (!status.ok()) {
    Fail(proto::FromGrpc(status));
    return;
  }
  call_->io.WriteAndFinish(bytes, grpc::WriteOptions(), grpc::Status::OK, &finished_);
}

void UnaryCall::Fail(const absl::Status& status) {
  call_->io.Finish(proto::ToGrpc(status), &finished_);
}

void UnaryCall::OnFinished(bool) {
  ended_();
  delete this;
}

}  // namespace hexad::storage_node
