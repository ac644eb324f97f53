// What a compute process tells Prometheus, names hexad_compute_*. Nothing is counted twice: the
// numbers are those of Volume::Statistics and Volume::Status, fetched when a page is asked for.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "compute/host/open_volumes.h"
#include "metrics/metrics_server.h"

namespace hexad::compute {

class VolumeMetrics;

class ComputeMetrics {
 public:
  // Both must outlive this.
  ComputeMetrics(metrics::MetricsServer& server, OpenVolumes& volumes);
  ~ComputeMetrics();

 private:
  void Refresh();

  metrics::MetricsServer& server_;
  OpenVolumes& volumes_;
  std::map<std::string, std::unique_ptr<VolumeMetrics>> by_volume_;
};

}  // namespace hexad::compute
