// Counts of values (microseconds, bytes) in buckets of about 3 % width, for percentiles: small, and
// mergeable.
//
// Buckets: 1 wide up to 64, then 32 per power of two, up to 2^32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hexad::compute {

class Histogram {
 public:
  void Add(uint64_t value);
  void Merge(const Histogram& other);
  // What was added since `earlier`, a copy of this one. max() stays what it is now.
  Histogram Since(const Histogram& earlier) const;

  uint64_t count() const { return count_; }
  uint64_t sum() const { return sum_; }
  uint64_t max() const { return max_; }
  // The smallest value that at least `per_ten_thousand` of 10,000 samples do not exceed, rounded up
  // to its bucket's end (never above max()). Zero if there are none. p99.9 = 9,990.
  uint64_t Percentile(uint64_t per_ten_thousand) const;
  // How many samples fall at or below each of `bounds` (rising) and above the one before; one more
  // entry for those above the last. A sample counts where its bucket ends.
  std::vector<uint64_t> CountsBetween(std::span<const uint64_t> bounds) const;

 private:
  static constexpr int kExact = 64;
  static constexpr int kPerOctave = 32;
  static constexpr int kOctaves = 26;
  static constexpr int kBuckets = kExact + kPerOctave * kOctaves;
  static int BucketOf(uint64_t value);
  static uint64_t EndOf(int bucket);

  // On the heap: what is made of many histograms is copied on threads with small stacks.
  std::vector<uint64_t> buckets_ = std::vector<uint64_t>(size_t{kBuckets}, 0);
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

}  // namespace hexad::compute
