#include "storage-node/host/node_metrics.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hexad::storage_node {
namespace {

double Of(Lsn lsn) { return static_cast<double>(lsn.value()); }

metrics::Labels LabelsOf(const SegmentDescription& segment) {
  return {{"pg", std::string(absl::StrCat(absl::Hex(segment.pg.value())))},
          {"timeline", std::string(absl::StrCat(absl::Hex(segment.timeline.value())))}};
}

}  // namespace

NodeMetrics::NodeMetrics(metrics::MetricsServer& server)
    : synced_write_seconds(server.Histogram("hexad_node_synced_write_seconds",
                                            "Time of one fsynced write, which acks wait for",
                                            metrics::TimeBounds())),
      synced_write_batches(server.Histogram("hexad_node_synced_write_batches",
                                            "Batches that shared one fsynced write",
                                            metrics::CountBounds())),
      boxcar_bytes(server.Histogram("hexad_node_boxcar_bytes", "Sizes of boxcars that arrived",
                                    metrics::SizeBounds())),
      received_bytes(
          server.Counter("hexad_node_received_bytes_total", "Bytes of frames from writers")),
      sent_page_bytes(server.Counter("hexad_node_sent_page_bytes_total", "Bytes of pages read")),
      sent_log_bytes(server.Counter("hexad_node_sent_log_bytes_total",
                                    "Bytes of boxcars given to peers and to openings")),
      gossip_fills(
          server.Counter("hexad_node_gossip_fills_total", "Answers of peers that brought boxcars")),
      gossip_boxcars(
          server.Counter("hexad_node_gossip_boxcars_total", "Boxcars that peers have given")),
      coalesced_bytes(server.Counter("hexad_node_coalesced_bytes_total",
                                     "Bytes that the coalescer wrote into the page store")),
      parked_streams(
          server.Counter("hexad_node_parked_streams_total",
                         "Times that a stream was not read on, to hold its writer back")),
      damaged(server.Counter("hexad_node_damaged_total",
                             "Times that bytes on the disk failed their checksum")),
      disk_full_(
          server.Gauge("hexad_node_disk_full", "1 while writes are refused for lack of space")),
      disk_bytes_(server.Gauge("hexad_node_disk_bytes", "Bytes in the data folder")),
      persist_queue_bytes_(
          server.Gauge("hexad_node_persist_queue_bytes", "Bytes received and not yet on the disk")),
      work_queue_(
          server.Gauge("hexad_node_work_queue", "Reads and gossip answers waiting for a thread")) {
  const auto add = [&](const char* name, const char* help,
                       double (*value)(const SegmentDescription&)) {
    per_segment_.push_back({server.GaugeFamily(name, help), value});
  };
  add("hexad_node_scl", "Segment complete LSN", [](const auto& s) { return Of(s.scl); });
  add("hexad_node_vdl_heard", "Highest VDL heard", [](const auto& s) { return Of(s.vdl_heard); });
  add("hexad_node_lag_lsns", "LSNs between SCL and the highest record seen",
      [](const auto& s) { return s.highest > s.scl ? Of(s.highest) - Of(s.scl) : 0; });
  add("hexad_node_coalesced_lsn", "Everything up to it is in the page store",
      [](const auto& s) { return Of(s.coalesced); });
  add("hexad_node_gc_floor", "Read points below it are refused",
      [](const auto& s) { return Of(s.gc_floor); });
  add("hexad_node_hot_log_bytes", "Boxcars not yet coalesced",
      [](const auto& s) { return static_cast<double>(s.hot_log_bytes); });
  const auto add_scrub = [&](const char* name, const char* help, uint64_t ScrubProgress::*value) {
    scrub_.push_back({server.Gauge(name, help), value});
  };
  add_scrub("hexad_node_scrub_rounds", "Times that the scrub has checked everything here",
            &ScrubProgress::rounds);
  add_scrub("hexad_node_scrub_pages", "Pages checked since the start", &ScrubProgress::pages);
  add_scrub("hexad_node_scrub_damaged", "Pages found that fail a checksum",
            &ScrubProgress::damaged);
  add_scrub("hexad_node_scrub_different", "Pages found that differ from what most peers have",
            &ScrubProgress::different);
  add_scrub("hexad_node_scrub_repaired", "Of those, replaced by a peer's",
            &ScrubProgress::repaired);
  add_scrub("hexad_node_scrub_unrepaired", "Of those, left for the next round",
            &ScrubProgress::unrepaired);
}

void NodeMetrics::Show(const State& state) {
  for (const ScrubGauge& of : scrub_) of.gauge.Set(static_cast<double>(state.scrub.*of.value));
  disk_full_.Set(state.disk_full ? 1 : 0);
  disk_bytes_.Set(static_cast<double>(state.disk_bytes));
  persist_queue_bytes_.Set(static_cast<double>(state.persist_queue_bytes));
  work_queue_.Set(static_cast<double>(state.work_queue));
  std::set<metrics::Labels> here;
  for (const SegmentDescription& segment : state.segments) {
    const metrics::Labels labels = LabelsOf(segment);
    here.insert(labels);
    std::vector<prometheus::Gauge*>& gauges = shown_[labels];
    if (gauges.empty()) {
      for (const SegmentGauge& gauge : per_segment_) gauges.push_back(&gauge.family.Add(labels));
    }
    for (size_t i = 0; i < gauges.size(); ++i) gauges[i]->Set(per_segment_[i].value(segment));
  }
  for (auto it = shown_.begin(); it != shown_.end();) {
    if (here.contains(it->first)) {
      ++it;
      continue;
    }
    for (size_t i = 0; i < it->second.size(); ++i) per_segment_[i].family.Remove(it->second[i]);
    it = shown_.erase(it);
  }
}

}  // namespace hexad::storage_node
