#include "compute/host/compute_metrics.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace hexad::compute {
namespace {

using metrics::Labels;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// One unit of Prometheus, in those of the engine.
constexpr double kMicrosPerSecond = 1e6;
constexpr double kBytes = 1;

// The families of one page; samples of several volumes stand in the same family.
class Page {
 public:
  ClientMetric& Add(MetricType type, const char* name, const char* help, const Labels& labels) {
    MetricFamily& family = families_[name];
    family.name = absl::StrCat("hexad_compute_", name);
    family.help = help;
    family.type = type;
    ClientMetric& sample = family.metric.emplace_back();
    for (const auto& [label, value] : labels) sample.label.push_back({label, value});
    return sample;
  }

  metrics::MetricsServer::Families Take() {
    metrics::MetricsServer::Families families;
    for (auto& [name, family] : families_) families.push_back(std::move(family));
    return families;
  }

 private:
  std::map<std::string, MetricFamily> families_;
};

struct Scale {
  std::vector<double> bounds;  // in Prometheus' unit
  double samples_per_unit;     // what 1 of that unit is in the samples
};

ClientMetric::Histogram Translate(const Histogram& histogram, const Scale& scale) {
  std::vector<uint64_t> bounds;
  for (const double bound : scale.bounds) {
    bounds.push_back(static_cast<uint64_t>(bound * scale.samples_per_unit + 0.5));
  }
  const std::vector<uint64_t> counts = histogram.CountsBetween(bounds);
  ClientMetric::Histogram out;
  for (size_t i = 0; i < counts.size(); ++i) {
    out.sample_count += counts[i];
    const bool last = i == scale.bounds.size();
    out.bucket.push_back(
        {out.sample_count, last ? std::numeric_limits<double>::infinity() : scale.bounds[i]});
  }
  out.sample_sum = static_cast<double>(histogram.sum()) / scale.samples_per_unit;
  return out;
}

// One volume's part of a page.
class VolumePart {
 public:
  VolumePart(Page& page, std::string volume) : page_(page), volume_(std::move(volume)) {}

  void Write(const VolumeStatus& status, const VolumeStatistics& statistics) {
    WriteHistograms(statistics);
    WriteCounters(statistics);
    WriteGauges(status, statistics);
    for (const quorum::PgDescription& pg : status.pgs) WritePg(pg);
  }

 private:
  ClientMetric& Add(MetricType type, const char* name, const char* help, Labels labels) {
    labels["volume"] = volume_;
    return page_.Add(type, name, help, labels);
  }
  void Count(const char* name, const char* help, uint64_t value, const Labels& labels = {}) {
    Add(MetricType::Counter, name, help, labels).counter.value = static_cast<double>(value);
  }
  void Set(const char* name, const char* help, uint64_t value, const Labels& labels = {}) {
    Add(MetricType::Gauge, name, help, labels).gauge.value = static_cast<double>(value);
  }

  void WriteHistograms(const VolumeStatistics& s) {
    const Scale times{metrics::TimeBounds(), kMicrosPerSecond};
    const Scale sizes{metrics::SizeBounds(), kBytes};
    Add(MetricType::Histogram, "commit_seconds", "Time from a commit's LSN to its durability", {})
        .histogram = Translate(s.commit_us, times);
    Add(MetricType::Histogram, "boxcar_bytes", "Size of sealed boxcars", {}).histogram =
        Translate(s.boxcar_bytes, sizes);
    for (size_t i = 0; i < s.ack_us.size(); ++i) {
      Add(MetricType::Histogram, "ack_seconds",
          "Time from sealing a boxcar to its k-th acknowledgement",
          {{"rank", std::string(absl::StrCat(i + 1))}})
          .histogram = Translate(s.ack_us[i], times);
    }
  }

  void WriteCounters(const VolumeStatistics& s) {
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

  void WriteGauges(const VolumeStatus& status, const VolumeStatistics& s) {
    Set("vdl", "Volume durable LSN", status.vdl.value());
    Set("vcl", "Volume complete LSN", status.vcl.value());
    Set("last_issued_lsn", "The last LSN issued", status.last_issued.value());
    Set("epoch_number", "The writer's epoch", status.epoch.number);
    Set("writable", "1 if the volume is read-write", status.mode == VolumeMode::kReadWrite ? 1 : 0);
    Set("commits_waiting", "Commits waiting for durability", s.commits_waiting);
    Set("cache_bytes", "Page images in the cache", s.cache_bytes);
    Set("unsent_bytes", "Log queued in the process", s.unsent_bytes);
  }

  void WritePg(const quorum::PgDescription& pg) {
    const std::string id = absl::StrCat(absl::Hex(pg.pg.value()));
    uint64_t behind = 0;
    for (const auto& member : pg.members) {
      const Labels labels = {{"pg", id}, {"node", member.node.value()}};
      Set("segment_scl", "Segment complete LSN", member.scl.value(), labels);
      Set("segment_lag_lsns", "LSNs between the segment's SCL and the PG's last record",
          member.lag_lsns, labels);
      Set("segment_up", "1 if the segment's node is connected", member.up ? 1 : 0, labels);
      behind += member.up && member.trusted && member.scl >= pg.last_lsn ? 0 : 1;
    }
    Set("pgcl", "PG complete LSN", pg.pgcl.value(), {{"pg", id}});
    Set("pg_copies_missing", "Segments without everything that the PG was given", behind,
        {{"pg", id}});
  }

  Page& page_;
  const std::string volume_;
};

}  // namespace

ComputeMetrics::ComputeMetrics(metrics::MetricsServer& server, std::function<VolumesByName()> open)
    : server_(server) {
  server_.OnScrape([open = std::move(open)] {
    Page page;
    for (const auto& [name, volume] : open()) {
      VolumePart(page, name).Write(volume->Status(), volume->Statistics());
    }
    return page.Take();
  });
}

ComputeMetrics::~ComputeMetrics() { server_.StopRefreshing(); }

}  // namespace hexad::compute
