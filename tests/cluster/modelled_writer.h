// A writer at full speed that remembers everything which it ever committed, on whatever history, so
// that the volume's exact content at any position of any history can be told: for tests of going
// back and of clones.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "compute/engine.h"
#include "quorum/base/prng.h"
#include "quorum/path.h"

namespace hexad::cluster_test {

inline constexpr uint32_t kModelPages = 48;

class ModelledWriter {
 public:
  // Keeps some MTRs of three records in flight until it is destroyed. An MTR that is undone by a
  // backtrack, or refused in the middle of one, is no failure; FENCED and COMMIT_UNKNOWN are.
  ModelledWriter(compute::Volume& volume, uint64_t seed);
  ~ModelledWriter();
  ModelledWriter(const ModelledWriter&) = delete;
  ModelledWriter& operator=(const ModelledWriter&) = delete;

  // Until so many more were acknowledged. False after 30 s.
  bool AwaitMore(uint64_t mtrs) const;
  uint64_t acked() const { return acked_; }
  // The newest LSNs that were acknowledged, up to a few hundred, oldest first.
  std::vector<Lsn> NewestAcked() const;
  // How many acknowledged MTRs lie in (after, up_to].
  uint64_t AckedIn(Lsn after, Lsn up_to) const;
  std::string failure() const;  // empty: none

  // The pages as this history, read at this point, must show them.
  std::vector<std::string> PagesAt(const quorum::Path& history, Lsn read_point) const;

 private:
  struct Change {
    uint32_t page = 0;
    uint32_t offset = 0;
    std::string bytes;
  };
  struct Committed {
    Lsn lsn;
    bool acked = false;
    std::array<Change, 3> changes;
  };

  void Run();
  Committed Draw();
  void CommitOne();
  void Ended(size_t index, const absl::Status& status);

  compute::Volume& volume_;
  TimelineId timeline_;
  Prng prng_;
  uint64_t sequence_ = 0;
  std::atomic<bool> over_{false};
  std::atomic<uint64_t> acked_{0};
  std::atomic<int> in_flight_{0};
  mutable std::mutex committing_;  // held from before Commit until what was committed is remembered
  mutable std::mutex mutex_;       // after committing_
  std::deque<Committed> committed_;  // LSNs rise
  std::string failure_;
  std::thread thread_;
};

}  // namespace hexad::cluster_test
