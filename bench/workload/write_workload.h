// The engine behind `hexad bench write`: keeps N MTRs in flight on a volume, and measures.
//
// MTR number n of a run writes records_per_mtr records, one to each of as many neighbouring pages,
// at the same offset; the next MTR goes to the next group of pages, and once all have been written,
// to the next offset. A place is written again only by a later MTR, so that what was acknowledged
// can be proved from the pages (workload_record.h, ack_check.h).
//
// It ends after its duration or count, or at the first commit that was refused or is unknown:
// without a write quorum that takes the commit timeout and a little more.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "compute/core/histogram.h"
#include "compute/engine.h"

namespace hexad::workload {

struct WriteProgress {
  Duration elapsed;    // since the start
  Duration interval;   // since the progress before
  uint64_t acked = 0;  // in all
  uint64_t interval_acked = 0;
  uint64_t failed = 0;
  uint64_t unknown = 0;
  compute::Histogram interval_commit_us;
  Lsn vdl;
};

struct WriteOptions {
  uint32_t depth = 64;          // MTRs in flight
  uint32_t record_bytes = 100;  // bytes that each record writes, 32 or more
  uint32_t records_per_mtr = 1;
  uint32_t pages = 4096;  // the working set, from page 0
  Duration duration = Duration::Seconds(10);
  uint64_t count = 0;   // MTRs; 0: until `duration` is over
  std::string ack_log;  // a file to append to; empty: none
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const WriteProgress&)> progress;  // if set, called every `progress_every`
  Duration progress_every = Duration::Seconds(1);
};

struct WriteResult {
  Duration elapsed;  // until the last answer
  uint64_t acked = 0;
  uint64_t failed = 0;   // refused: nothing happened
  uint64_t unknown = 0;  // sent, and not confirmed
  uint64_t records = 0;  // of acknowledged MTRs
  uint64_t boxcars = 0;
  uint64_t log_bytes = 0;        // of boxcars, each counted once, as the floor counts them
  compute::Histogram commit_us;  // from Commit to durable
  std::array<compute::Histogram, 6> ack_us;
  std::map<std::string, uint64_t> fourth_ack;
  absl::Status ended;  // OK, or the first refusal or unknown commit
};

// INVALID_ARGUMENT if the options make no sense for this volume; else what was measured, however
// the run ended. Blocks. One run at a time per volume.
absl::StatusOr<WriteResult> RunWriteWorkload(compute::Volume& volume, const WriteOptions& options);

// The object that `hexad bench write --json` prints, on one line.
std::string FormatJson(const WriteResult& result);

}  // namespace hexad::workload
