#include "metrics/metrics_server.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hexad::metrics {

// Asked first, so it brings the gauges up to date.
class MetricsServer::Refresher : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    std::lock_guard lock(mutex_);
    return refresh_ ? refresh_() : Families();
  }
  void Set(std::function<Families()> refresh) {
    std::lock_guard lock(mutex_);
    refresh_ = std::move(refresh);
  }

 private:
  mutable std::mutex mutex_;
  std::function<Families()> refresh_;
};

MetricsServer::MetricsServer()
    : registry_(std::make_shared<prometheus::Registry>()),
      refresher_(std::make_shared<Refresher>()) {}

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(const std::string& address) {
  std::unique_ptr<MetricsServer> server(new MetricsServer());
  if (address.empty()) return server;
  try {
    server->exposer_ = std::make_unique<prometheus::Exposer>(address, /*num_threads=*/1);
  } catch (const std::exception& error) {
    return absl::UnavailableError(absl::StrCat("cannot serve metrics on ", address, ": ",
                                               error.what(), "; is the port in use?"));
  }
  const auto ports = server->exposer_->GetListeningPorts();
  server->port_ = ports.empty() ? 0 : ports.front();
  server->exposer_->RegisterCollectable(server->refresher_);
  server->exposer_->RegisterCollectable(server->registry_);
  return server;
}

prometheus::Counter& MetricsServer::Counter(const std::string& name, const std::string& help,
                                            const Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add(labels);
}

prometheus::Gauge& MetricsServer::Gauge(const std::string& name, const std::string& help,
                                        const Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add(labels);
}

prometheus::Family<prometheus::Gauge>& MetricsServer::GaugeFamily(const std::string& name,
                                                                  const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_);
}

prometheus::Histogram& MetricsServer::Histogram(const std::string& name, const std::string& help,
                                                const std::vector<double>& bounds,
                                                const Labels& labels) {
  return prometheus::BuildHistogram()
      .Name(name)
      .Help(help)
      .Register(*registry_)
      .Add(labels, bounds);
}

void MetricsServer::OnScrape(std::function<Families()> refresh) {
  refresher_->Set(std::move(refresh));
}

void MetricsServer::StopRefreshing() { refresher_->Set(nullptr); }

std::vector<double> TimeBounds() {
  return {50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3,
          20e-3, 50e-3,  100e-3, 200e-3, 0.5,  1,    2,    5};
}

std::vector<double> SizeBounds() {
  return {256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20};
}

std::vector<double> CountBounds() { return {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}; }

}  // namespace hexad::metrics
