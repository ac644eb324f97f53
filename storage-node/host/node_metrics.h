// A storage node's numbers (docs/operations.md lists them). Thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "metrics/metrics_server.h"
#include "storage-node/core/node_core.h"

namespace hexad::storage_node {

class NodeMetrics {
 public:
  explicit NodeMetrics(metrics::MetricsServer& server);

  prometheus::Histogram& synced_write_seconds;  // what an ack waits for
  prometheus::Histogram& synced_write_batches;  // batches that shared one synced write
  prometheus::Histogram& boxcar_bytes;          // of each boxcar that arrives
  prometheus::Counter& received_bytes;          // frames of Log streams
  prometheus::Counter& sent_page_bytes;         // pages read
  prometheus::Counter& sent_log_bytes;          // boxcars given to peers and to openings
  prometheus::Counter& gossip_fills;            // answers of peers that brought boxcars
  prometheus::Counter& gossip_boxcars;          // and how many
  prometheus::Counter& coalesced_bytes;         // written into the page store
  prometheus::Counter& parked_streams;          // times that a stream was not read on
  prometheus::Counter& damaged;                 // bytes found that fail their checksum

  // What is looked up when somebody asks.
  struct State {
    std::vector<SegmentDescription> segments;
    ScrubProgress scrub;
    bool disk_full = false;
    uint64_t disk_bytes = 0;
    size_t persist_queue_bytes = 0;
    size_t work_queue = 0;
  };
  // One thread at a time.
  void Show(const State& state);

 private:
  using Family = prometheus::Family<prometheus::Gauge>;
  struct SegmentGauge {
    Family& family;
    double (*value)(const SegmentDescription&);
  };
  std::vector<SegmentGauge> per_segment_;
  // Gauges of each segment shown before, in the order of per_segment_.
  std::map<metrics::Labels, std::vector<prometheus::Gauge*>> shown_;
  struct ScrubGauge {
    prometheus::Gauge& gauge;
    uint64_t ScrubProgress::*value;
  };
  std::vector<ScrubGauge> scrub_;
  prometheus::Gauge& disk_full_;
  prometheus::Gauge& disk_bytes_;
  prometheus::Gauge& persist_queue_bytes_;
  prometheus::Gauge& work_queue_;
};

}  // namespace hexad::storage_node
