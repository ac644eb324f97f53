// What a process with volumes open (hexad-compute, and `hexad bench write`) tells Prometheus, names
// hexad_compute_*. Nothing is counted twice, nor kept: every page is made anew of
// Volume::Statistics and Volume::Status, so that a volume that was closed is gone from it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "compute/engine.h"
#include "metrics/metrics_server.h"

namespace hexad::compute {

using VolumesByName = std::map<std::string, std::shared_ptr<Volume>>;

class ComputeMetrics {
 public:
  // `open` says what is open now, from any thread; both must outlive this.
  ComputeMetrics(metrics::MetricsServer& server, std::function<VolumesByName()> open);
  ~ComputeMetrics();
  ComputeMetrics(const ComputeMetrics&) = delete;
  ComputeMetrics& operator=(const ComputeMetrics&) = delete;

 private:
  metrics::MetricsServer& server_;
};

}  // namespace hexad::compute
