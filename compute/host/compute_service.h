// ComputeService over gRPC (proto/compute.proto): volumes of this process as pages, for the command
// line and for tests. Its calls wait for storage, so each has a thread of gRPC's (bounded) pool.
#pragma once

#include <list>
#include <memory>
#include <mutex>

#include "compute/host/open_volumes.h"
#include "proto/compute.grpc.pb.h"

namespace hexad::compute {

// Thread-safe.
class ComputeService final : public v1::ComputeService::Service {
 public:
  // More ranges or pages in one call are refused before anything is allocated for them.
  static constexpr int kMaxRanges = 4096;
  static constexpr uint64_t kMaxPinMs = 10 * 60 * 1000;
  static constexpr size_t kMaxPins = 1024;

  explicit ComputeService(OpenVolumes& volumes) : volumes_(volumes) {}

  // Lets go of read points whose time is over. To be called now and then.
  void ReleaseExpiredPins();

  grpc::Status Describe(grpc::ServerContext* context, const v1::ComputeDescribeRequest* ask,
                        v1::ComputeDescription* answer) override;
  grpc::Status OpenVolume(grpc::ServerContext* context, const v1::OpenVolumeRequest* ask,
                          v1::OpenVolumeAnswer* answer) override;
  grpc::Status CloseVolume(grpc::ServerContext* context, const v1::CloseVolumeRequest* ask,
                           v1::CloseVolumeAnswer* answer) override;
  grpc::Status WritePages(grpc::ServerContext* context, const v1::WritePagesRequest* ask,
                          v1::WritePagesAnswer* answer) override;
  grpc::Status ReadPages(grpc::ServerContext* context, const v1::ReadPagesRequest* ask,
                         grpc::ServerWriter<v1::ReadPagesAnswer>* writer) override;
  grpc::Status PinReadPoint(grpc::ServerContext* context, const v1::PinReadPointRequest* ask,
                            v1::PinReadPointAnswer* answer) override;

 private:
  struct Pin {
    Instant until;
    std::shared_ptr<const ReadView> view;
  };

  OpenVolumes& volumes_;
  std::mutex mutex_;
  std::list<Pin> pins_;
};

}  // namespace hexad::compute
