// The volumes that a compute process has open, or is opening: each on a thread of its own that
// keeps trying while storage is not there, so that a compute started too early serves as soon as it
// can.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "compute/engine.h"

namespace hexad::compute {

// Thread-safe.
class OpenVolumes {
 public:
  explicit OpenVolumes(std::unique_ptr<Cluster> cluster) : cluster_(std::move(cluster)) {}
  // Closes every volume; waits for openings to end.
  ~OpenVolumes();

  ClusterId cluster() const { return cluster_->id(); }
  // Starts opening it, unless that was done before. INVALID_ARGUMENT if it is open otherwise
  // (read-only or not). Does not wait.
  absl::Status Start(const std::string& name, const OpenOptions& options);
  // Waits until the volume is open, or its opening failed for good, or `deadline`.
  absl::StatusOr<std::shared_ptr<Volume>> WaitOpen(const std::string& name, Instant deadline);
  // NOT_FOUND if nobody asked for it; UNAVAILABLE while it is being opened; why it failed.
  absl::StatusOr<std::shared_ptr<Volume>> Find(const std::string& name);
  // NOT_FOUND if it is not open.
  absl::Status Close(const std::string& name);

  // Every volume here, by name; those that are being opened say why they are not open yet.
  std::vector<VolumeStatus> Describe();
  // Those that are open now, by name.
  std::map<std::string, std::shared_ptr<Volume>> All();
  // The first opening that failed for good (no such volume), if any.
  absl::Status Failure();

 private:
  struct Entry {
    OpenOptions options;
    std::shared_ptr<Volume> volume;
    absl::Status trouble;  // the last attempt's
    bool failed = false;   // for good
    bool closing = false;
    std::thread opener;
  };
  void KeepOpening(const std::string& name, const std::shared_ptr<Entry>& entry);

  const std::unique_ptr<Cluster> cluster_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace hexad::compute
