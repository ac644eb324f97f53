#include "compute/core/histogram.h"

#include <algorithm>
#include <bit>

#include "quorum/base/check.h"

namespace hexad::compute {

// Bits: values in [2^k, 2^(k+1)) for k >= 6 fall into 32 buckets by their next five bits.
int Histogram::BucketOf(uint64_t value) {
  if (value < kExact) return static_cast<int>(value);
  const int k = std::bit_width(value) - 1;
  const int within = static_cast<int>(value >> (k - 5)) - kPerOctave;
  const int bucket = kExact + (k - 6) * kPerOctave + within;
  return std::min(bucket, kBuckets - 1);
}

uint64_t Histogram::EndOf(int bucket) {
  if (bucket < kExact) return static_cast<uint64_t>(bucket);
  const int k = (bucket - kExact) / kPerOctave + 6;
  const int within = (bucket - kExact) % kPerOctave;
  return ((static_cast<uint64_t>(within) + kPerOctave + 1) << (k - 5)) - 1;
}

void Histogram::Add(uint64_t value) {
  ++buckets_[static_cast<size_t>(BucketOf(value))];
  ++count_;
  sum_ += value;
  max_ = std::max(max_, value);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

Histogram Histogram::Since(const Histogram& earlier) const {
  INVARIANT(earlier.count_ <= count_);
  Histogram since = *this;
  for (size_t i = 0; i < buckets_.size(); ++i) since.buckets_[i] -= earlier.buckets_[i];
  since.count_ -= earlier.count_;
  since.sum_ -= earlier.sum_;
  return since;
}

uint64_t Histogram::Percentile(uint64_t per_ten_thousand) const {
  INVARIANT(per_ten_thousand <= 10'000);
  if (count_ == 0) return 0;
  const uint64_t rank = std::max<uint64_t>(1, (count_ * per_ten_thousand + 9'999) / 10'000);
  uint64_t seen = 0;
  for (int bucket = 0; bucket < kBuckets - 1; ++bucket) {
    seen += buckets_[static_cast<size_t>(bucket)];
    if (seen >= rank) return std::min(EndOf(bucket), max_);
  }
  return max_;  // the last bucket has no end
}

std::vector<uint64_t> Histogram::CountsBetween(std::span<const uint64_t> bounds) const {
  INVARIANT(std::is_sorted(bounds.begin(), bounds.end()));
  std::vector<uint64_t> counts(bounds.size() + 1, 0);
  size_t at = 0;
  for (int bucket = 0; bucket < kBuckets; ++bucket) {
    while (at < bounds.size() && EndOf(bucket) > bounds[at]) ++at;
    counts[at] += buckets_[static_cast<size_t>(bucket)];
  }
  return counts;
}

}  // namespace hexad::compute
