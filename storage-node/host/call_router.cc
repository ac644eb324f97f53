#include "storage-node/host/call_router.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/node_codec.h"
#include "proto/parts_codec.h"

namespace hexad::storage_node {
namespace {

constexpr int kMaxDroppedPgs = 1 << 16;
constexpr size_t kMaxRegistersBytes = 6 << 20;  // of one answer, below the largest message

constexpr char kReadPage[] = "/hexad.v1.SegmentService/ReadPage";
constexpr char kGossip[] = "/hexad.v1.SegmentService/Gossip";
constexpr char kScrub[] = "/hexad.v1.SegmentService/Scrub";

// False after it has answered a request that is none.
bool Parse(UnaryCall& call, google::protobuf::Message& request) {
  if (call.ParseRequest(request)) return true;
  call.Fail(absl::InvalidArgumentError(absl::StrCat("not a ", request.GetTypeName())));
  return false;
}

}  // namespace

CallRouter::CallRouter(NodeDriver& driver, Describe describe)
    : driver_(driver), describe_(std::move(describe)) {}

bool CallRouter::IsRead(const std::string& method) { return method == kReadPage; }

const std::map<std::string, CallRouter::Method>& CallRouter::Methods() {
  static const auto* methods = new std::map<std::string, Method>{
      {kReadPage, &CallRouter::ReadPage},
      {kGossip, &CallRouter::Gossip},
      {kScrub, &CallRouter::Scrub},
      {"/hexad.v1.NodeService/Describe", &CallRouter::DescribeNode},
      {"/hexad.v1.NodeService/Form", &CallRouter::Form},
      {"/hexad.v1.NodeService/PrepareRegister", &CallRouter::PrepareRegister},
      {"/hexad.v1.NodeService/AcceptRegister", &CallRouter::AcceptRegister},
      {"/hexad.v1.NodeService/ReadRegisters", &CallRouter::ReadRegisters},
      {"/hexad.v1.NodeService/DropSegments", &CallRouter::DropSegments},
  };
  return *methods;
}

void CallRouter::Route(UnaryCall& call) {
  const auto method = Methods().find(call.method());
  if (method == Methods().end()) {
    call.Fail(absl::UnimplementedError(absl::StrCat("no method ", call.method(), " here")));
    return;
  }
  (this->*method->second)(call);
}

// ---- waiting ------------------------------------------------------------------------------------

CallId CallRouter::Wait(UnaryCall& call, Kind kind) {
  absl::MutexLock lock(&mutex_);
  const CallId id(++last_call_);
  waiting_.emplace(id, Waiting{&call, kind});
  return id;
}

CallRouter::Waiting CallRouter::Take(CallId call) {
  absl::MutexLock lock(&mutex_);
  const auto found = waiting_.find(call);
  if (found == waiting_.end()) return {nullptr, Kind::kRead};
  const Waiting waiting = found->second;
  waiting_.erase(found);
  return waiting;
}

CallRouter::Kind CallRouter::KindOf(CallId call) {
  absl::MutexLock lock(&mutex_);
  const auto found = waiting_.find(call);
  return found == waiting_.end() ? Kind::kRead : found->second.kind;
}

template <class Asked>
void CallRouter::Ask(UnaryCall& call, Kind kind, Asked asked) {
  asked.call = Wait(call, kind);
  const NodeInput inputs[] = {std::move(asked)};
  driver_.StepDrained(inputs);
}

// ---- methods ------------------------------------------------------------------------------------

void CallRouter::ReadPage(UnaryCall& call) {
  v1::ReadPageRequest request;
  if (!Parse(call, request)) return;
  Ask(call, Kind::kRead, ReadAsked{{}, proto::FromWire(request)});
}

void CallRouter::Gossip(UnaryCall& call) {
  v1::GossipAsk request;
  if (!Parse(call, request)) return;
  auto ask = proto::FromWire(request);
  if (!ask.ok()) return call.Fail(ask.status());
  Ask(call, Kind::kGossip, GossipAsked{{}, *std::move(ask)});
}

void CallRouter::Scrub(UnaryCall& call) {
  v1::ScrubAsk request;
  if (!Parse(call, request)) return;
  Ask(call, Kind::kScrub, ScrubAsked{{}, proto::FromWire(request)});
}

void CallRouter::DescribeNode(UnaryCall& call) {
  v1::DescribeRequest request;
  if (!Parse(call, request)) return;
  AnswerDescription(call, request.with_segments());
}

void CallRouter::AnswerDescription(UnaryCall& call, bool with_segments) {
  describe_(with_segments, [&call](absl::StatusOr<v1::NodeDescription> description) {
    if (description.ok()) {
      call.Answer(*description);
    } else {
      call.Fail(description.status());
    }
  });
}

void CallRouter::Form(UnaryCall& call) {
  v1::FormRequest request;
  if (!Parse(call, request)) return;
  auto roster = proto::RosterFromWire(request.roster());
  if (!roster.ok()) return call.Fail(roster.status());
  if (request.cluster() == 0) return call.Fail(absl::InvalidArgumentError("cluster 0 is none"));
  Ask(call, Kind::kForm, FormAsked{{}, ClusterId(request.cluster()), *std::move(roster)});
}

void CallRouter::PrepareRegister(UnaryCall& call) {
  v1::PrepareRegisterRequest request;
  if (!Parse(call, request)) return;
  if (auto status = proto::CheckRegisterKey(request.key()); !status.ok()) return call.Fail(status);
  Ask(call, Kind::kRegister,
      RegisterAsked{{},
                    ClusterId(request.cluster()),
                    request.key(),
                    proto::FromWire(request.ballot()),
                    std::nullopt});
}

void CallRouter::AcceptRegister(UnaryCall& call) {
  v1::AcceptRegisterRequest request;
  if (!Parse(call, request)) return;
  if (auto status = proto::CheckRegisterKey(request.key()); !status.ok()) return call.Fail(status);
  if (auto status = proto::CheckRegisterValue(request.value()); !status.ok()) {
    return call.Fail(status);
  }
  Ask(call, Kind::kRegister,
      RegisterAsked{{},
                    ClusterId(request.cluster()),
                    request.key(),
                    proto::FromWire(request.ballot()),
                    request.value()});
}

void CallRouter::ReadRegisters(UnaryCall& call) {
  v1::ReadRegistersRequest request;
  if (!Parse(call, request)) return;
  ClusterId cluster;
  std::vector<std::pair<std::string, quorum::RegisterState>> registers;
  driver_.Look([&](const NodeCore& core, Instant) {
    cluster = core.cluster();
    registers = core.Registers(request.prefix());
  });
  if (cluster == ClusterId() || cluster != ClusterId(request.cluster())) {
    return call.Fail(absl::FailedPreconditionError(
        cluster == ClusterId() ? "this node belongs to no cluster: it is new, or its data is gone"
                               : "this node belongs to another cluster"));
  }
  v1::ReadRegistersAnswer answer;
  size_t bytes = 0;
  for (const auto& [key, state] : registers) {
    v1::ReadRegistersAnswer::Entry* entry = answer.add_entries();
    entry->set_key(key);
    proto::ToWire(state, entry->mutable_state());
    bytes += key.size() + state.value.size();
  }
  if (bytes > kMaxRegistersBytes) {
    return call.Fail(absl::ResourceExhaustedError("too many registers; name a longer prefix"));
  }
  call.Answer(answer);
}

void CallRouter::DropSegments(UnaryCall& call) {
  v1::DropSegmentsRequest request;
  if (!Parse(call, request)) return;
  if (request.pgs_size() > kMaxDroppedPgs) {
    return call.Fail(absl::InvalidArgumentError("too many PGs at once"));
  }
  if (request.timeline() == 0) return call.Fail(absl::InvalidArgumentError("which timeline?"));
  std::vector<PgId> pgs;
  for (uint64_t pg : request.pgs()) pgs.push_back(PgId(pg));
  Ask(call, Kind::kDrop,
      DropSegmentsAsked{
          {}, ClusterId(request.cluster()), TimelineId(request.timeline()), std::move(pgs)});
}

// ---- answers ------------------------------------------------------------------------------------

template <class Wire, class Outcome>
void CallRouter::AnswerAs(CallId call, const Outcome& answer) {
  const Waiting waiting = Take(call);
  if (waiting.call == nullptr) return;
  Wire wire;
  proto::ToWire(answer, &wire);
  waiting.call->Answer(wire);
}

void CallRouter::Answer(CallId call, const proto::ReadAnswer& answer) {
  AnswerAs<v1::ReadPageAnswer>(call, answer);
}

void CallRouter::Answer(CallId call, const proto::GossipAnswer& answer) {
  AnswerAs<v1::GossipFill>(call, answer);
}

void CallRouter::Answer(CallId call, const proto::ScrubAnswer& answer) {
  AnswerAs<v1::ScrubFill>(call, answer);
}

void CallRouter::Refuse(const CallRefused& refused) {
  switch (KindOf(refused.call)) {
    case Kind::kGossip:
      return Answer(refused.call, proto::GossipAnswer(refused.refused));
    case Kind::kScrub:
      return Answer(refused.call, proto::ScrubAnswer(refused.refused));
    default:
      return Answer(refused.call, proto::ReadAnswer(refused.refused));
  }
}

void CallRouter::Done(const FormDone& done) {
  if (!done.status.ok()) return Fail(done.call, done.status);
  const Waiting waiting = Take(done.call);
  if (waiting.call != nullptr) AnswerDescription(*waiting.call, /*with_segments=*/false);
}

void CallRouter::Done(const RegisterDone& done) {
  if (!done.status.ok()) return Fail(done.call, done.status);
  const Waiting waiting = Take(done.call);
  if (waiting.call == nullptr) return;
  v1::RegisterAnswer wire;
  wire.set_granted(done.granted);
  proto::ToWire(done.state, wire.mutable_state());
  waiting.call->Answer(wire);
}

void CallRouter::Done(const DropSegmentsDone& done) {
  if (!done.status.ok()) return Fail(done.call, done.status);
  const Waiting waiting = Take(done.call);
  if (waiting.call != nullptr) waiting.call->Answer(v1::DropSegmentsAnswer());
}

void CallRouter::Fail(CallId call, const absl::Status& status) {
  const Waiting waiting = Take(call);
  if (waiting.call != nullptr) waiting.call->Fail(status);
}

void CallRouter::FailAll(const absl::Status& status) {
  std::map<CallId, Waiting> all;
  {
    absl::MutexLock lock(&mutex_);
    all.swap(waiting_);
  }
  for (const auto& [id, waiting] : all) waiting.call->Fail(status);
}

}  // namespace hexad::storage_node
