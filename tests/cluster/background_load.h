// A writer at full speed while a test hurts the cluster: the engine of `hexad bench write`
// (bench/workload), on a volume that this process has open, in a thread of its own. Unlike the
// command it leaves the volume open when writes stop, so that a test sees them resume by
// themselves.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "bench/workload/ack_check.h"
#include "bench/workload/write_workload.h"
#include "compute/engine.h"
#include "tests/cluster/scratch_cluster.h"

namespace hexad::cluster_test {

// A connection to a scratch cluster's nodes as a process of its own would have it, and a volume.
class OpenedVolume {
 public:
  // Creates the volume on first use. Fails the test, and leaves ok() false, if it does not open.
  // `as`: whose links it goes through (cli/launcher/faults.h); nobody's if empty.
  OpenedVolume(ScratchCluster& cluster, const std::string& name,
               const compute::OpenOptions& options = {}, const std::string& as = "");

  bool ok() const { return volume_ != nullptr; }
  compute::Volume& operator*() { return *volume_; }
  compute::Volume* operator->() { return volume_.get(); }

 private:
  std::unique_ptr<compute::Cluster> cluster_;
  std::shared_ptr<compute::Volume> volume_;
};

// To open volumes without fencing anybody.
compute::OpenOptions ReadOnly();

class BackgroundLoad {
 public:
  // 256 pages and 64 MTRs of three records in flight unless `options` says otherwise; runs for as
  // long as it lives, and not beyond two minutes.
  BackgroundLoad(compute::Volume& volume, const std::string& ack_log,
                 workload::WriteOptions options = Defaults());
  ~BackgroundLoad();  // ends it
  BackgroundLoad(const BackgroundLoad&) = delete;
  BackgroundLoad& operator=(const BackgroundLoad&) = delete;

  static workload::WriteOptions Defaults();

  uint64_t acked() const { return acked_; }
  // Until so many more MTRs were acknowledged. False if the run ends before, or after 30 s.
  bool AwaitMore(uint64_t mtrs) const;
  // Until the run ends by itself: a commit was refused, is unknown, or its count is reached. False
  // after 40 s.
  bool AwaitEnd() const;
  // Ends it, and returns what was measured.
  workload::WriteResult End();

 private:
  std::atomic<uint64_t> acked_{0};
  std::atomic<bool> over_{false};
  std::atomic<bool> asked_to_end_{false};
  workload::WriteOptions options_;
  absl::StatusOr<workload::WriteResult> result_ = absl::UnknownError("it has not ended");
  std::thread thread_;
};

// An MTR of its own: `text` at the start of the page, durable or with the error that it met.
absl::Status PutDurably(compute::Volume& volume, PageNo page, const std::string& text,
                        Duration timeout = Duration::Seconds(20));

// Is every acknowledged MTR of the log on the volume's pages, as read through this volume at its
// newest durable read point? (`hexad verify` asks the six segments instead, and needs all of them.)
workload::AckVerdict CheckAcks(compute::Volume& volume, const std::string& ack_log);
// What is wrong in a verdict, for failure messages.
std::string Complaint(const workload::AckVerdict& verdict);

}  // namespace hexad::cluster_test
