// A writer that is always there: `hexad bench write` as a process of its own, at once started again
// when it ends, whatever ended it. One ack log for all of them, so that it can be proved afterwards
// that nothing which any of them was promised is missing.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cli/launcher/faults.h"
#include "cli/launcher/launcher.h"
#include "cli/load/load_trace.h"

namespace hexad::cluster_test {

// What the load did in a short interval.
struct LoadSample {
  double at_s = 0;  // since the load's first start: the interval's end
  double seconds = 0;
  uint64_t acked = 0;
  std::map<uint64_t, uint64_t> commit_us = {};  // at most -> how many
};
// A writer that ended by itself.
struct WriterEnd {
  double at_s = 0;
  std::string why;  // the first line that it said on stderr
};

class SteadyLoad {
 public:
  struct Options {
    std::string ack_log;
    std::string depth = "16";    // MTRs in flight
    std::string pages = "2048";  // few, so that a proof is quick
  };
  SteadyLoad(launcher::Launcher& launcher, Options options);
  ~SteadyLoad();  // kill -9, and no other after it
  SteadyLoad(const SteadyLoad&) = delete;
  SteadyLoad& operator=(const SteadyLoad&) = delete;

  // Signals the writer that runs now, if one does. After SIGKILL another is started.
  void Signal(int signal);
  // Lines of the ack log so far.
  uint64_t acked() const { return acked_; }
  // Until so many more were acknowledged. False after `seconds`.
  bool AwaitMore(uint64_t mtrs, double seconds) const;
  double Now() const;  // seconds since the start, as in the samples

  std::vector<LoadSample> TakeSamples();
  std::vector<WriterEnd> TakeEnds();

 private:
  void Run();
  absl::StatusOr<launcher::ProcessIdentity> StartWriter();
  void Look(cli::LoadTraceReader& trace);
  void CountAcks();
  std::string LastWords() const;

  launcher::Launcher& launcher_;
  const Options options_;
  const double began_s_;
  std::atomic<bool> over_{false};
  std::atomic<uint64_t> acked_{0};
  std::streamoff counted_ = 0;
  double looked_s_ = 0;
  double again_s_ = 0;  // when the next writer may be started
  bool killed_by_us_ = false;
  std::mutex mutex_;
  launcher::ProcessIdentity writer_;
  std::vector<LoadSample> samples_;
  std::vector<WriterEnd> ends_;
  std::thread thread_;
};

}  // namespace hexad::cluster_test
