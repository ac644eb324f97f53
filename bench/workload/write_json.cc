// The result of a run as the object that `hexad bench write --json` prints.
#include <nlohmann/json.hpp>

#include "bench/workload/write_workload.h"

namespace hexad::workload {

std::string FormatJson(const WriteResult& result) {
  using nlohmann::ordered_json;
  const double seconds = static_cast<double>(std::max<int64_t>(result.elapsed.nanos(), 1)) / 1e9;
  const auto per_s = [&](uint64_t count) { return static_cast<double>(count) / seconds; };
  ordered_json json;
  json["records_per_s"] = per_s(result.records);
  json["mtrs_per_s"] = per_s(result.acked);
  json["bytes_per_s"] = per_s(result.log_bytes);
  json["boxcars_per_s"] = per_s(result.boxcars);
  json["records_per_boxcar"] = result.boxcars == 0 ? 0.0
                                                   : static_cast<double>(result.records) /
                                                         static_cast<double>(result.boxcars);
  json["commit_us"] = {{"p50", result.commit_us.Percentile(5'000)},
                       {"p95", result.commit_us.Percentile(9'500)},
                       {"p99", result.commit_us.Percentile(9'900)},
                       {"p999", result.commit_us.Percentile(9'990)},
                       {"max", result.commit_us.max()}};
  json["ack_us"] = ordered_json::array();
  for (size_t i = 0; i < result.ack_us.size(); ++i) {
    json["ack_us"].push_back({{"rank", i + 1},
                              {"p50", result.ack_us[i].Percentile(5'000)},
                              {"p99", result.ack_us[i].Percentile(9'900)}});
  }
  uint64_t fourths = 0;
  for (const auto& [node, count] : result.fourth_ack) fourths += count;
  json["fourth_ack_node"] = ordered_json::object();
  for (const auto& [node, count] : result.fourth_ack) {
    json["fourth_ack_node"][node] = static_cast<double>(count) / static_cast<double>(fourths);
  }
  json["acked"] = result.acked;
  json["failed"] = result.failed;
  json["unknown"] = result.unknown;
  return json.dump();
}

}  // namespace hexad::workload
