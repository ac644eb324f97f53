// The writer's side of `hexad bench`: this process opens a volume for writing, and is remembered by
// the cluster's folder as "bench" while it does, so that `hexad kill bench` finds it and `hexad
// status` names it. Its numbers are served to Prometheus, under the names of a compute's.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/launcher/launcher.h"
#include "compute/engine.h"
#include "compute/host/compute_metrics.h"
#include "metrics/metrics_server.h"

namespace hexad::cli {

class BenchVolume {
 public:
  // Creates the volume on first use. Refused for the volume that the running compute writes to (it
  // would be fenced), unless `force`. FAILED_PRECONDITION while another bench runs here.
  // UNAVAILABLE if the port of its metrics is in use.
  static absl::StatusOr<std::unique_ptr<BenchVolume>> Open(launcher::Launcher& launcher,
                                                           const std::string& name, bool force);
  ~BenchVolume();  // closes the volume and is forgotten

  compute::Volume& volume() { return *volume_; }
  compute::Cluster& cluster() { return *cluster_; }
  Duration opening() const { return opening_; }

 private:
  explicit BenchVolume(launcher::Launcher& launcher) : launcher_(launcher) {}
  absl::Status BeTheOnlyOne(const std::string& volume, bool force);
  absl::Status BindMetrics();
  void ServeMetrics(const std::string& volume);

  launcher::Launcher& launcher_;
  bool remembered_ = false;
  std::unique_ptr<compute::Cluster> cluster_;
  std::shared_ptr<compute::Volume> volume_;
  std::unique_ptr<metrics::MetricsServer> metrics_server_;
  std::unique_ptr<compute::ComputeMetrics> metrics_;
  Duration opening_;
};

}  // namespace hexad::cli
