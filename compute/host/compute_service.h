// ComputeService over gRPC (proto/compute.proto): volumes of this process as pages, for the command
// line and for tests. Its calls wait for storage, so each has a thread of gRPC's (bounded) pool.
#pragma once

#include <atomic>
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
  // Calls that may wait for storage at once. One more is told to RETRY: threads are left for
  // Describe, which must answer above all when storage does not. (The server has 64.)
  static constexpr int kMaxWaiting = 40;
  static constexpr Duration kOpenTimeout = Duration::Seconds(20);

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
  // In time_travel_service.cc.
  grpc::Status Locate(grpc::ServerContext* context, const v1::LocateRequest* ask,
                      v1::LocateAnswer* answer) override;
  grpc::Status CloneVolume(grpc::ServerContext* context, const v1::CloneVolumeRequest* ask,
                           v1::CloneVolumeAnswer* answer) override;
  grpc::Status Backtrack(grpc::ServerContext* context, const v1::BacktrackRequest* ask,
                         v1::BacktrackAnswer* answer) override;
  grpc::Status SetRetention(grpc::ServerContext* context, const v1::SetRetentionRequest* ask,
                            v1::SetRetentionAnswer* answer) override;

 private:
  struct Pin {
    std::string volume;
    Instant until;
    std::shared_ptr<const ReadView> view;
  };

  // A call that may wait, while it lives.
  class WaitingCall {
   public:
    explicit WaitingCall(ComputeService& service) : count_(service.waiting_), rank_(++count_) {}
    ~WaitingCall() { --count_; }
    WaitingCall(const WaitingCall&) = delete;
    WaitingCall& operator=(const WaitingCall&) = delete;
    // RETRY if there are too many.
    grpc::Status Admit() const;

   private:
    std::atomic<int>& count_;
    const int rank_;
  };

  void TellLeases(v1::ComputeDescription& description);

  OpenVolumes& volumes_;
  std::atomic<int> waiting_ = 0;
  std::mutex mutex_;
  std::list<Pin> pins_;
};

}  // namespace hexad::compute
