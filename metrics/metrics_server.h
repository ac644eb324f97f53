// The process's numbers, served to Prometheus over HTTP: a registry and the page that shows it.
//
// Names are hexad_node_* and hexad_compute_*, with the unit at the end (_seconds, _bytes, _total),
// and the words of docs/protocol.md. Making a metric is for start-up; using one is lock-free.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hexad::metrics {

using Labels = prometheus::Labels;

// Thread-safe. The metrics live as long as the server.
class MetricsServer {
 public:
  // Serves /metrics on host:port (port 0: one that is free). "" serves nothing: the metrics exist
  // and count, and nobody can read them. UNAVAILABLE if the address cannot be had.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const std::string& address);

  prometheus::Counter& Counter(const std::string& name, const std::string& help,
                               const Labels& labels = {});
  prometheus::Gauge& Gauge(const std::string& name, const std::string& help,
                           const Labels& labels = {});
  // For gauges that come and go, one for each set of labels.
  prometheus::Family<prometheus::Gauge>& GaugeFamily(const std::string& name,
                                                     const std::string& help);
  // `bounds`: the upper end of each bucket, rising. See TimeBounds() and SizeBounds().
  prometheus::Histogram& Histogram(const std::string& name, const std::string& help,
                                   const std::vector<double>& bounds, const Labels& labels = {});

  // Called before each page is made, to set gauges whose value is looked up and not counted; what
  // it returns is added to the page (what is not returned the next time is gone from it). It may
  // run on any thread, one at a time; after StopRefreshing() it runs no more.
  using Families = std::vector<prometheus::MetricFamily>;
  void OnScrape(std::function<Families()> refresh);
  void StopRefreshing();

  // The port that is served; 0 if none.
  int port() const { return port_; }

 private:
  class Refresher;
  MetricsServer();

  std::shared_ptr<prometheus::Registry> registry_;
  std::shared_ptr<Refresher> refresher_;  // stands before the registry in the exposer's list
  std::unique_ptr<prometheus::Exposer> exposer_;
  int port_ = 0;
};

// 50 us to 5 s, three to a decade: for what takes the time of a disk or a network.
std::vector<double> TimeBounds();
// 256 bytes to 4 MiB, times four.
std::vector<double> SizeBounds();
// 1 to 1024, times two.
std::vector<double> CountBounds();

}  // namespace hexad::metrics
