#include "tests/cluster/compute_client.h"

#include <grpcpp/create_channel.h>

#include <chrono>

namespace hexad::cluster_test {
namespace {

// Above the compute's own: a commit without its quorum is told to be unknown after 10 s.
constexpr std::chrono::seconds kTimeout{20};

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kTimeout);
}

}  // namespace

ComputeClient::ComputeClient(ScratchCluster& cluster)
    : channel_(ChannelTo(cluster.launcher().record().compute_address)),
      stub_(v1::ComputeService::NewStub(channel_)) {}

grpc::Status ComputeClient::Write(const std::string& volume, uint32_t page, const std::string& text,
                                  uint32_t offset) {
  v1::WritePagesRequest request;
  request.set_volume(volume);
  v1::PageRange* range = request.add_ranges();
  range->set_page(page);
  range->set_offset(offset);
  range->set_data(text);
  return Write(request);
}

grpc::Status ComputeClient::Write(const v1::WritePagesRequest& request) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::WritePagesAnswer answer;
  return stub_->WritePages(&context, request, &answer);
}

grpc::Status ComputeClient::Read(const v1::ReadPagesRequest& request, std::string* bytes) {
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub_->ReadPages(&context, request);
  for (v1::ReadPagesAnswer answer; stream->Read(&answer);) *bytes += answer.data();
  return stream->Finish();
}

std::string ComputeClient::Text(const std::string& volume, uint32_t page, size_t length) {
  v1::ReadPagesRequest request;
  request.set_volume(volume);
  request.set_first_page(page);
  request.set_page_count(1);
  std::string bytes;
  const grpc::Status status = Read(request, &bytes);
  return status.ok() ? bytes.substr(0, length) : status.error_message();
}

grpc::Status ComputeClient::Open(const std::string& volume) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::OpenVolumeRequest request;
  request.set_name(volume);
  v1::OpenVolumeAnswer answer;
  return stub_->OpenVolume(&context, request, &answer);
}

v1::ComputeDescription ComputeClient::Describe() {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ComputeDescription answer;
  const grpc::Status status = stub_->Describe(&context, {}, &answer);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return answer;
}

v1::VolumeState ComputeClient::Describe(const std::string& volume) {
  const v1::ComputeDescription all = Describe();
  for (const v1::VolumeState& state : all.volumes()) {
    if (state.name() == volume) return state;
  }
  return {};
}

}  // namespace hexad::cluster_test
