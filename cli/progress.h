// Progress of long work, on a terminal only: "comparing  41 %  12,300 pages/s  8 s left", drawn
// over itself on stderr. Piped, nothing is drawn.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace hexad::cli {

// Thread-safe.
class Progress {
 public:
  Progress(std::string what, std::string unit, bool enabled);
  ~Progress();  // wipes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Set(uint64_t done, uint64_t of) { SetShare(done, of, done); }
  // A share of the whole has passed (of its time, say) while `units` were done.
  void SetShare(uint64_t part, uint64_t whole, uint64_t units);

 private:
  const std::string what_;
  const std::string unit_;
  const bool enabled_;
  const std::chrono::steady_clock::time_point begin_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace hexad::cli
