#include "cli/launcher/admin_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <functional>
#include <latch>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/launcher/explain.h"
#include "proto/status.h"

namespace hexad::launcher {
namespace {

// The prefix of the registers that hold volume names (proto/node.proto, NameValue).
constexpr char kNamePrefix[] = "name/";

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  // A process that has just started should be found at once, not after gRPC's first second.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// One call's context, answer and outcome, kept in one place while it is under way.
template <class Answer>
struct Call {
  grpc::ClientContext context;
  Answer answer;
  absl::StatusOr<Answer> outcome = absl::UnavailableError("not asked");
};

// Starts a call on every asked node, and waits for all of them.
template <class Request, class Answer, class Start>
std::vector<absl::StatusOr<Answer>> AskAll(size_t nodes, const std::vector<bool>& asked,
                                           const Request& request, Millis timeout, Start start) {
  std::vector<Call<Answer>> calls(nodes);
  std::latch done(static_cast<ptrdiff_t>(nodes));
  for (size_t i = 0; i < nodes; ++i) {
    if (!asked[i]) {
      done.count_down();
      continue;
    }
    Call<Answer>& call = calls[i];
    call.context.set_deadline(std::chrono::system_clock::now() + timeout);
    start(i, &call.context, &request, &call.answer, [&call, &done](const grpc::Status& status) {
      if (status.ok()) {
        call.outcome = std::move(call.answer);
      } else {
        call.outcome = proto::FromGrpc(status);
      }
      done.count_down();
    });
  }
  done.wait();
  std::vector<absl::StatusOr<Answer>> outcomes;
  for (Call<Answer>& call : calls) outcomes.push_back(std::move(call.outcome));
  return outcomes;
}

}  // namespace

AdminClient::AdminClient(const ClusterRecord& record) {
  for (const NodeRecord& node : record.nodes) {
    nodes_.push_back({node.id, v1::NodeService::NewStub(Connect(node.address))});
  }
  compute_ = v1::ComputeService::NewStub(Connect(record.compute_address));
}

AdminClient::~AdminClient() = default;

AdminClient::Descriptions AdminClient::DescribeNodes(const std::vector<bool>& asked,
                                                     bool with_segments, Millis timeout) {
  v1::DescribeRequest request;
  request.set_with_segments(with_segments);
  return AskAll<v1::DescribeRequest, v1::NodeDescription>(
      nodes_.size(), asked, request, timeout,
      [this](size_t i, auto* context, auto* ask, auto* answer, auto done) {
        nodes_[i].stub->async()->Describe(context, ask, answer, std::move(done));
      });
}

absl::StatusOr<v1::NodeDescription> AdminClient::DescribeNode(size_t node, Millis timeout) {
  std::vector<bool> asked(nodes_.size(), false);
  asked[node] = true;
  return DescribeNodes(asked, false, timeout)[node];
}

absl::Status AdminClient::Form(const v1::FormRequest& request, const std::vector<size_t>& to,
                               Millis timeout) {
  std::vector<bool> asked(nodes_.size(), false);
  for (const size_t node : to) asked[node] = true;
  const auto answers = AskAll<v1::FormRequest, v1::NodeDescription>(
      nodes_.size(), asked, request, timeout,
      [this](size_t i, auto* context, auto* ask, auto* answer, auto done) {
        nodes_[i].stub->async()->Form(context, ask, answer, std::move(done));
      });
  for (const size_t node : to) {
    if (answers[node].ok()) continue;
    return Failed(answers[node].status().code(),
                  {absl::StrCat(nodes_[node].id, " did not join the cluster"),
                   std::string(answers[node].status().message()), "hexad doctor"});
  }
  return absl::OkStatus();
}

AdminClient::Names AdminClient::ListNames(uint64_t cluster, const std::vector<bool>& asked,
                                          Millis timeout) {
  v1::ReadRegistersRequest request;
  request.set_cluster(cluster);
  request.set_prefix(std::string(kNamePrefix));
  const auto answers = AskAll<v1::ReadRegistersRequest, v1::ReadRegistersAnswer>(
      nodes_.size(), asked, request, timeout,
      [this](size_t i, auto* context, auto* ask, auto* answer, auto done) {
        nodes_[i].stub->async()->ReadRegisters(context, ask, answer, std::move(done));
      });

  // The highest accepted ballot that anybody shows wins; an empty value is a dropped name.
  std::map<std::string, v1::RegisterState> newest;
  Names names;
  for (const auto& answer : answers) {
    names.answered.push_back(answer.ok());
    if (!answer.ok()) continue;
    for (const auto& entry : answer->entries()) {
      v1::RegisterState& seen = newest[entry.key()];
      const auto rank = [](const v1::RegisterState& state) {
        return std::pair(state.accepted().number(), state.accepted().claimant());
      };
      if (rank(entry.state()) >= rank(seen)) seen = entry.state();
    }
  }
  for (const auto& [key, state] : newest) {
    v1::NameValue value;
    if (state.value().empty() || !value.ParseFromString(state.value())) continue;
    if (value.freed() != 0) continue;
    names.values.emplace_back(std::string(absl::StripPrefix(key, kNamePrefix)), value);
  }
  return names;
}

namespace {

// One call to the compute process.
template <class Answer, class Request, class Method>
absl::StatusOr<Answer> Ask(v1::ComputeService::Stub& stub, Method method, const Request& request,
                           Millis timeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  Answer answer;
  const grpc::Status status = (stub.*method)(&context, request, &answer);
  if (!status.ok()) return proto::FromGrpc(status);
  return answer;
}

}  // namespace

absl::StatusOr<v1::ComputeDescription> AdminClient::DescribeCompute(Millis timeout) {
  return Ask<v1::ComputeDescription>(*compute_, &v1::ComputeService::Stub::Describe,
                                     v1::ComputeDescribeRequest(), timeout);
}

absl::StatusOr<Lsn> AdminClient::PinReadPoint(const std::string& volume, Millis ttl,
                                              Millis timeout) {
  v1::PinReadPointRequest request;
  request.set_volume(volume);
  request.set_ttl_ms(static_cast<uint64_t>(ttl.count()));
  const auto answer = Ask<v1::PinReadPointAnswer>(
      *compute_, &v1::ComputeService::Stub::PinReadPoint, request, timeout);
  if (!answer.ok()) return answer.status();
  return Lsn(answer->read_point());
}

absl::StatusOr<v1::LocateAnswer> AdminClient::Locate(const v1::LocateRequest& request,
                                                     Millis timeout) {
  return Ask<v1::LocateAnswer>(*compute_, &v1::ComputeService::Stub::Locate, request, timeout);
}

absl::StatusOr<v1::BacktrackAnswer> AdminClient::Backtrack(const v1::BacktrackRequest& request,
                                                           Millis timeout) {
  return Ask<v1::BacktrackAnswer>(*compute_, &v1::ComputeService::Stub::Backtrack, request,
                                  timeout);
}

absl::StatusOr<v1::CloneVolumeAnswer> AdminClient::CloneVolume(
    const v1::CloneVolumeRequest& request, Millis timeout) {
  return Ask<v1::CloneVolumeAnswer>(*compute_, &v1::ComputeService::Stub::CloneVolume, request,
                                    timeout);
}

absl::Status AdminClient::OpenVolume(const std::string& volume, Millis timeout) {
  v1::OpenVolumeRequest request;
  request.set_name(volume);
  return Ask<v1::OpenVolumeAnswer>(*compute_, &v1::ComputeService::Stub::OpenVolume, request,
                                   timeout)
      .status();
}

absl::Status AdminClient::CloseVolume(const std::string& volume, Millis timeout) {
  v1::CloseVolumeRequest request;
  request.set_name(volume);
  return Ask<v1::CloseVolumeAnswer>(*compute_, &v1::ComputeService::Stub::CloseVolume, request,
                                    timeout)
      .status();
}

absl::StatusOr<v1::WritePagesAnswer> AdminClient::WritePages(const v1::WritePagesRequest& request,
                                                             Millis timeout) {
  return Ask<v1::WritePagesAnswer>(*compute_, &v1::ComputeService::Stub::WritePages, request,
                                   timeout);
}

absl::Status AdminClient::SetRetention(const v1::SetRetentionRequest& request, Millis timeout) {
  return Ask<v1::SetRetentionAnswer>(*compute_, &v1::ComputeService::Stub::SetRetention, request,
                                     timeout)
      .status();
}

absl::StatusOr<v1::ReadPagesAnswer> AdminClient::ReadPage(const v1::ReadPagesRequest& request,
                                                          Millis timeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  const auto reader = compute_->ReadPages(&context, request);
  v1::ReadPagesAnswer page;
  const bool read = reader->Read(&page);
  if (const grpc::Status status = reader->Finish(); !status.ok()) return proto::FromGrpc(status);
  if (!read) return absl::InternalError("a read without a page");
  return page;
}

}  // namespace hexad::launcher
