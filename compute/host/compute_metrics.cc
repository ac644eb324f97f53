#include "compute/host/compute_metrics.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace hexad::compute {
namespace {

using metrics::Labels;

// Adds to a Prometheus histogram what a Histogram has gained since the last time.
class HistogramFeed {
 public:
  // `scale`: a sample of 1 in Prometheus' unit (microseconds to seconds: 1e-6).
  HistogramFeed(prometheus::Histogram& target, const std::vector<double>& bounds, double scale)
      : target_(target), scale_(scale) {
    for (const double bound : bounds) bounds_.push_back(static_cast<uint64_t>(bound / scale + 0.5));
    told_.resize(bounds_.size() + 1);
  }

  void Update(const Histogram& histogram) {
    const std::vector<uint64_t> counts = histogram.CountsBetween(bounds_);
    std::vector<double> gained;
    for (size_t i = 0; i < counts.size(); ++i) {
      gained.push_back(static_cast<double>(counts[i] - std::min(counts[i], told_[i])));
    }
    const uint64_t sum = histogram.sum() - std::min(histogram.sum(), sum_);
    target_.ObserveMultiple(gained, static_cast<double>(sum) * scale_);
    told_ = counts;
    sum_ = histogram.sum();
  }

 private:
  prometheus::Histogram& target_;
  const double scale_;
  std::vector<uint64_t> bounds_;
  std::vector<uint64_t> told_;
  uint64_t sum_ = 0;
};

void RaiseTo(prometheus::Counter& counter, uint64_t value) {
  const double gained = static_cast<double>(value) - counter.Value();
  if (gained > 0) counter.Increment(gained);
}

constexpr double kMicros = 1e-6;

}  // namespace

// One volume's.
class VolumeMetrics {
 public:
  VolumeMetrics(metrics::MetricsServer& server, const std::string& volume)
      : server_(server),
        volume_(volume),
        commit_(server.Histogram("hexad_compute_commit_seconds",
                                 "Time from a commit's LSN to its durability",
                                 metrics::TimeBounds(), {{"volume", volume}}),
                metrics::TimeBounds(), kMicros),
        boxcar_(server.Histogram("hexad_compute_boxcar_bytes", "Size of sealed boxcars",
                                 metrics::SizeBounds(), {{"volume", volume}}),
                metrics::SizeBounds(), 1.0) {
    for (int rank = 1; rank <= 6; ++rank) {
      ack_.emplace_back(server.Histogram("hexad_compute_ack_seconds",
                                         "Time from sealing a boxcar to its k-th acknowledgement",
                                         metrics::TimeBounds(),
                                         {{"volume", volume}, {"rank", absl::StrCat(rank)}}),
                        metrics::TimeBounds(), kMicros);
    }
  }

  void Update(const VolumeStatus& status, const VolumeStatistics& statistics) {
    commit_.Update(statistics.commit_us);
    boxcar_.Update(statistics.boxcar_bytes);
    for (size_t i = 0; i < ack_.size(); ++i) ack_[i].Update(statistics.ack_us[i]);
    UpdateCounters(statistics);
    UpdateGauges(status, statistics);
    for (const quorum::PgDescription& pg : status.pgs) UpdatePg(pg);
  }

 private:
  void Count(const std::string& name, const std::string& help, uint64_t value, Labels labels = {}) {
    labels["volume"] = volume_;
    RaiseTo(server_.Counter(absl::StrCat("hexad_compute_", name), help, labels), value);
  }
  void Set(const std::string& name, const std::string& help, uint64_t value, Labels labels = {}) {
    labels["volume"] = volume_;
    server_.Gauge(absl::StrCat("hexad_compute_", name), help, labels)
        .Set(static_cast<double>(value));
  }

  void UpdateCounters(const VolumeStatistics& s) {
    Count("mtrs_total", "MTRs that were given LSNs", s.mtrs);
    Count("records_total", "Redo records issued", s.records);
    Count("boxcars_total", "Boxcars sealed", s.boxcar_bytes.count());
    Count("log_sent_bytes_total", "Log sent to all nodes together", s.log_bytes_sent);
    Count("log_received_bytes_total", "Answers received on the log streams", s.log_bytes_received);
    Count("cache_hits_total", "Page reads served from the page cache", s.cache_hits);
    Count("cache_misses_total", "Page reads that asked a segment", s.cache_misses);
    Count("hedged_reads_total", "Page reads that asked a second segment", s.hedged_reads);
    for (const auto& [node, count] : s.fourth_ack) {
      Count("fourth_ack_total", "Boxcars whose fourth acknowledgement this node gave", count,
            {{"node", node}});
    }
  }

  void UpdateGauges(const VolumeStatus& status, const VolumeStatistics& s) {
    Set("vdl", "Volume durable LSN", status.vdl.value());
    Set("vcl", "Volume complete LSN", status.vcl.value());
    Set("last_issued_lsn", "The last LSN issued", status.last_issued.value());
    Set("epoch_number", "The writer's epoch", status.epoch.number);
    Set("writable", "1 if the volume is read-write", status.mode == VolumeMode::kReadWrite ? 1 : 0);
    Set("commits_waiting", "Commits waiting for durability", s.commits_waiting);
    Set("cache_bytes", "Page images in the cache", s.cache_bytes);
    Set("unsent_bytes", "Log queued in the process", s.unsent_bytes);
  }

  void UpdatePg(const quorum::PgDescription& pg) {
    const std::string id = absl::StrCat(absl::Hex(pg.pg.value()));
    uint64_t behind = 0;
    for (const auto& member : pg.members) {
      const Labels labels = {{"pg", id}, {"node", member.node.value()}};
      Set("segment_scl", "Segment complete LSN", member.scl.value(), labels);
      Set("segment_lag_records", "LSNs between the segment's SCL and the PG's last record",
          member.lag_records, labels);
      Set("segment_up", "1 if the segment's node is connected", member.up ? 1 : 0, labels);
      behind += member.up && member.trusted && member.scl >= pg.last_lsn ? 0 : 1;
    }
    Set("pgcl", "PG complete LSN", pg.pgcl.value(), {{"pg", id}});
    Set("pg_copies_missing", "Segments without everything that the PG was given", behind,
        {{"pg", id}});
  }

  metrics::MetricsServer& server_;
  const std::string volume_;
  HistogramFeed commit_;
  HistogramFeed boxcar_;
  std::vector<HistogramFeed> ack_;
};

ComputeMetrics::ComputeMetrics(metrics::MetricsServer& server, OpenVolumes& volumes)
    : server_(server), volumes_(volumes) {
  server_.OnScrape([this] { Refresh(); });
}

ComputeMetrics::~ComputeMetrics() { server_.StopRefreshing(); }

void ComputeMetrics::Refresh() {
  for (const auto& [name, volume] : volumes_.All()) {
    auto& of_volume = by_volume_[name];
    if (of_volume == nullptr) of_volume = std::make_unique<VolumeMetrics>(server_, name);
    of_volume->Update(volume->Status(), volume->Statistics());
  }
}

}  // namespace hexad::compute
