// Unary calls: from a method's name to the core's input, and from the core's effect to the answer.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "proto/node.pb.h"
#include "proto/read_codec.h"
#include "proto/scrub_codec.h"
#include "storage-node/core/node_core.h"
#include "storage-node/host/node_driver.h"
#include "storage-node/io/unary_call.h"

namespace hexad::storage_node {

// Thread-safe, but for Route().
class CallRouter {
 public:
  // Makes the answer of Describe, on whichever thread it likes, and hands it over.
  using Described = std::function<void(absl::StatusOr<v1::NodeDescription>)>;
  using Describe = std::function<void(bool with_segments, Described)>;

  CallRouter(NodeDriver& driver, Describe describe);

  // Loop thread, inside a drain. Answers at once what needs no plan and no write.
  void Route(UnaryCall& call);
  // Is this one of the calls that must not wait for an fsync?
  static bool IsRead(const std::string& method);

  // The ends of calls. Each does nothing if the call has been answered already.
  void Answer(CallId call, const proto::ReadAnswer& answer);
  void Answer(CallId call, const proto::GossipAnswer& answer);
  void Answer(CallId call, const proto::ScrubAnswer& answer);
  void Refuse(const CallRefused& refused);
  void Done(const FormDone& done);
  void Done(const RegisterDone& done);
  void Done(const DropSegmentsDone& done);
  void Fail(CallId call, const absl::Status& status);
  // No call stays without an answer at the end of the process.
  void FailAll(const absl::Status& status);

 private:
  using Method = void (CallRouter::*)(UnaryCall&);
  static const std::map<std::string, Method>& Methods();

  void ReadPage(UnaryCall& call);
  void Gossip(UnaryCall& call);
  void Scrub(UnaryCall& call);
  void DescribeNode(UnaryCall& call);
  void AnswerDescription(UnaryCall& call, bool with_segments);
  void Form(UnaryCall& call);
  void PrepareRegister(UnaryCall& call);
  void AcceptRegister(UnaryCall& call);
  void ReadRegisters(UnaryCall& call);
  void DropSegments(UnaryCall& call);

  // What the answer to a waiting call looks like.
  enum class Kind { kRead, kGossip, kScrub, kForm, kRegister, kDrop };
  struct Waiting {
    UnaryCall* call;
    Kind kind;
  };
  CallId Wait(UnaryCall& call, Kind kind);
  // Takes the call out; {nullptr} if it is not waiting.
  Waiting Take(CallId call);
  Kind KindOf(CallId call);
  template <class Wire, class Outcome>
  void AnswerAs(CallId call, const Outcome& answer);
  // Hands the input to the core; the call is waiting for its end.
  template <class Asked>
  void Ask(UnaryCall& call, Kind kind, Asked asked);

  NodeDriver& driver_;
  const Describe describe_;
  absl::Mutex mutex_;
  uint64_t last_call_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<CallId, Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hexad::storage_node
