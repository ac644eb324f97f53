// What a running `hexad bench write` tells the rest of the world: a line of JSON per interval, in
// logs/bench.trace of the cluster's folder, with the interval's commit latencies as counts. Whoever
// wants the percentiles of any stretch of time merges the lines of that stretch; the trace outlives
// a writer that was killed.
//
//   {"elapsed_ms":1500,"interval_ms":250,"interval_acked":10312,"acked":61012,"failed":0,
//    "unknown":0,"vdl":61012,"commit_us":[[640,211],[656,1840], ...]}     [at most, how many]
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/workload/write_workload.h"

namespace hexad::cli {

class LoadTraceWriter {
 public:
  // Starts the trace anew.
  explicit LoadTraceWriter(const std::string& file);
  void Add(const workload::WriteProgress& progress);

 private:
  std::ofstream out_;
};

// A stretch of a trace.
struct LoadWindow {
  uint64_t intervals = 0;
  uint64_t millis = 0;
  uint64_t acked = 0;    // within the stretch
  uint64_t failed = 0;   // since the run began
  uint64_t unknown = 0;  // since the run began
  uint64_t vdl = 0;
  uint64_t acked_in_all = 0;
  std::map<uint64_t, uint64_t> commit_us;  // at most -> how many

  double MtrsPerSecond() const;
  // Of the stretch; 0 if nothing was acknowledged in it. p99 = 9,900.
  uint64_t CommitMicros(uint64_t per_ten_thousand) const;
};

// Reads a trace as it grows.
class LoadTraceReader {
 public:
  explicit LoadTraceReader(std::string file) : file_(std::move(file)) {}
  // Everything that was added since the last call, merged. Half a last line waits for the next
  // call.
  LoadWindow TakeNew();

 private:
  std::string file_;
  std::streamoff position_ = 0;
};

}  // namespace hexad::cli
