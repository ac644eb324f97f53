// The volumes that a compute process has open, or is opening: each on a thread of its own that
// keeps trying while storage is not there, so that a compute started too early serves as soon as it
// can.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "compute/engine.h"

namespace hexad::compute {

// Thread-safe.
class OpenVolumes {
 public:
  explicit OpenVolumes(std::unique_ptr<Cluster> cluster) : cluster_(std::move(cluster)) {}
  ~OpenVolumes();  // CloseAll, and waits for openings to end

  ClusterId cluster() const { return cluster_->id(); }
  // Starts opening a volume that this process is there for, unless that was done before.
  // INVALID_ARGUMENT if it is open otherwise (read-only or not). Does not wait.
  absl::Status Start(const std::string& name, const OpenOptions& options);
  // Opens a volume that somebody asks for: waits until it is open, or its opening failed for good,
  // or `deadline`. Unlike Start's, a name that cannot be opened is forgotten: whoever invents names
  // neither ends this process (Failure) nor fills its memory. RESOURCE_EXHAUSTED above kMaxVolumes.
  absl::StatusOr<std::shared_ptr<Volume>> Open(const std::string& name, const OpenOptions& options,
                                               Instant deadline);
  static constexpr size_t kMaxVolumes = 64;  // open or being opened
  // Makes a clone of a volume, which may be open here or not; it is not opened by this.
  absl::StatusOr<ClonedVolume> Clone(const CloneSpec& spec) { return cluster_->Clone(spec); }
  // ... and opens it for writing. If only that fails, the message says that the clone is there.
  absl::StatusOr<ClonedVolume> CloneAndOpen(const CloneSpec& spec, Duration open_timeout);
  absl::StatusOr<int> DropOrphanClones() { return cluster_->DropOrphanClones(); }
  // NOT_FOUND if nobody asked for it; UNAVAILABLE while it is being opened; why it failed.
  absl::StatusOr<std::shared_ptr<Volume>> Find(const std::string& name);
  // Stops openings and closes every volume, so that whoever waits for one wakes. Nothing is opened
  // after it.
  void CloseAll();
  // NOT_FOUND if it is not open.
  absl::Status Close(const std::string& name);

  // Every volume here, by name; those that are being opened say why they are not open yet.
  std::vector<VolumeStatus> Describe();
  // Those that are open now, by name.
  std::map<std::string, std::shared_ptr<Volume>> All();
  // The first of Start's openings that failed for good (no such volume), if any.
  absl::Status Failure();

 private:
  struct Entry {
    OpenOptions options;
    std::shared_ptr<Volume> volume;
    absl::Status trouble;  // the last attempt's
    bool failed = false;   // for good
    bool asked = false;    // by Open: nobody depends on it
    bool closing = false;
    std::stop_source stop;  // of the opening
    std::thread opener;
  };
  absl::Status StartLocked(const std::string& name, const OpenOptions& options, bool asked);
  void ForgetIfFailed(const std::string& name, const std::shared_ptr<Entry>& entry);
  void KeepOpening(const std::string& name, const std::shared_ptr<Entry>& entry);

  const std::unique_ptr<Cluster> cluster_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  bool closing_ = false;
};

}  // namespace hexad::compute
