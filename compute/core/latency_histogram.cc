#include "compute/core/latency_histogram.h"

#include <algorithm>
#include <bit>

#include "quorum/base/check.h"

namespace hexad::compute {

// Bits: values in [2^k, 2^(k+1)) for k >= 6 fall into 32 buckets by their next five bits.
int LatencyHistogram::BucketOf(uint64_t micros) {
  if (micros < kExactMicros) return static_cast<int>(micros);
  const int k = std::bit_width(micros) - 1;
  const int within = static_cast<int>(micros >> (k - 5)) - kPerOctave;
  const int bucket = kExactMicros + (k - 6) * kPerOctave + within;
  return std::min(bucket, kBuckets - 1);
}

uint64_t LatencyHistogram::EndOf(int bucket) {
  if (bucket < kExactMicros) return static_cast<uint64_t>(bucket);
  const int k = (bucket - kExactMicros) / kPerOctave + 6;
  const int within = (bucket - kExactMicros) % kPerOctave;
  return ((static_cast<uint64_t>(within) + kPerOctave + 1) << (k - 5)) - 1;
}

void LatencyHistogram::Add(Duration latency) {
  const int64_t micros = std::max<int64_t>(latency.micros(), 0);
  ++buckets_[static_cast<size_t>(BucketOf(static_cast<uint64_t>(micros)))];
  ++count_;
  max_ = std::max(max_, Duration::Micros(micros));
}

void LatencyHistogram::Merge(const LatencyHistogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Duration LatencyHistogram::Percentile(uint64_t per_ten_thousand) const {
  INVARIANT(per_ten_thousand <= 10'000);
  if (count_ == 0) return Duration();
  const uint64_t rank = std::max<uint64_t>(1, (count_ * per_ten_thousand + 9'999) / 10'000);
  uint64_t seen = 0;
  for (int bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[static_cast<size_t>(bucket)];
    if (seen >= rank) {
      return std::min(Duration::Micros(static_cast<int64_t>(EndOf(bucket))), max_);
    }
  }
  return max_;
}

}  // namespace hexad::compute
