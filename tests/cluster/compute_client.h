// The page-level service of a scratch cluster's hexad-compute process, as a program uses it: one
// call per line, each with a deadline.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "proto/compute.grpc.pb.h"
#include "tests/cluster/scratch_cluster.h"

namespace hexad::cluster_test {

class ComputeClient {
 public:
  explicit ComputeClient(ScratchCluster& cluster);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // One MTR of one range; OK once it is durable.
  grpc::Status Write(const std::string& volume, uint32_t page, const std::string& text,
                     uint32_t offset = 0);
  grpc::Status Write(const v1::WritePagesRequest& request);
  // Appends the pages to `bytes`.
  grpc::Status Read(const v1::ReadPagesRequest& request, std::string* bytes);
  // The first `length` bytes of a page; the error's text if it cannot be read.
  std::string Text(const std::string& volume, uint32_t page, size_t length);
  grpc::Status Open(const std::string& volume);
  // What the compute says of a volume that it has open; without a name if it has not.
  v1::VolumeState Describe(const std::string& volume);
  v1::ComputeDescription Describe();

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ComputeService::Stub> stub_;
};

}  // namespace hexad::cluster_test
