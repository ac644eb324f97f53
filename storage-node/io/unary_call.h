// One unary call, from its request to its answer.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "storage-node/io/completion.h"
#include "storage-node/io/incoming_call.h"

namespace hexad::storage_node {

// Owns itself until its answer has left. The loop thread starts it; whoever then holds the handle
// answers exactly once, from any thread.
class UnaryCall {
 public:
  // Called on the loop thread when the request is here. The receiver must answer, now or later.
  using Receiver = std::function<void(UnaryCall& call)>;
  // Called once, on the loop thread, just before the object ends.
  using Ended = std::function<void()>;

  static void Start(std::unique_ptr<IncomingCall> call, Receiver receiver, Ended ended);

  const std::string& method() const { return call_->context.method(); }
  // False if the bytes are no such message. REQUIRES: called once, before answering.
  bool ParseRequest(google::protobuf::Message& request);

  void Answer(const google::protobuf::Message& answer);
  void Fail(const absl::Status& status);

 private:
  UnaryCall(std::unique_ptr<IncomingCall> call, Receiver receiver, Ended ended);
  ~UnaryCall() = default;
  void OnRequest(bool ok);
  void OnFinished(bool ok);

  std::unique_ptr<IncomingCall> call_;
  Receiver receiver_;
  Ended ended_;
  grpc::ByteBuffer request_;
  CompletionOf<UnaryCall> requested_{this, &UnaryCall::OnRequest};
  CompletionOf<UnaryCall> finished_{this, &UnaryCall::OnFinished};
};

}  // namespace hexad::storage_node
