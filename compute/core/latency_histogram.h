// Counts of durations in buckets of about 3 % width, for percentiles: small, and mergeable.
//
// Buckets: 1 microsecond wide up to 64, then 32 per power of two, up to about an hour.
#pragma once

#include <array>
#include <cstdint>

#include "quorum/base/instant.h"

namespace hexad::compute {

class LatencyHistogram {
 public:
  void Add(Duration latency);
  void Merge(const LatencyHistogram& other);

  uint64_t count() const { return count_; }
  Duration max() const { return max_; }
  // The smallest duration that at least `per_ten_thousand` of 10,000 samples do not exceed, rounded
  // up to its bucket's end (never above max()). Zero if there are none. p99.9 = 9,990.
  Duration Percentile(uint64_t per_ten_thousand) const;

 private:
  static constexpr int kExactMicros = 64;
  static constexpr int kPerOctave = 32;
  static constexpr int kOctaves = 26;
  static constexpr int kBuckets = kExactMicros + kPerOctave * kOctaves;
  static int BucketOf(uint64_t micros);
  static uint64_t EndOf(int bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  Duration max_;
};

}  // namespace hexad::compute
