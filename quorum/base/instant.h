// Time as the cores see it: a reading of some monotonic clock that the driver passes in. The origin
// means nothing; only differences do.
#pragma once

#include <cstdint>
#include <limits>
#include <ostream>

namespace hexad {

class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration Nanos(int64_t n) { return Duration(n); }
  static constexpr Duration Micros(int64_t n) { return Duration(n * 1000); }
  static constexpr Duration Millis(int64_t n) { return Duration(n * 1000 * 1000); }
  static constexpr Duration Seconds(int64_t n) { return Millis(n * 1000); }

  constexpr int64_t nanos() const { return nanos_; }
  constexpr int64_t micros() const { return nanos_ / 1000; }
  constexpr int64_t millis() const { return micros() / 1000; }

  constexpr Duration operator*(int64_t k) const { return Duration(nanos_ * k); }
  constexpr Duration operator/(int64_t k) const { return Duration(nanos_ / k); }
  constexpr Duration operator+(Duration d) const { return Duration(nanos_ + d.nanos_); }
  constexpr Duration operator-(Duration d) const { return Duration(nanos_ - d.nanos_); }
  friend constexpr auto operator<=>(const Duration&, const Duration&) = default;
  friend constexpr bool operator==(const Duration&, const Duration&) = default;

 private:
  constexpr explicit Duration(int64_t nanos) : nanos_(nanos) {}
  int64_t nanos_ = 0;
};

class Instant {
 public:
  constexpr Instant() = default;
  constexpr explicit Instant(int64_t nanos) : nanos_(nanos) {}
  // Later than every instant: the deadline of a core that wants no Tick.
  static constexpr Instant Never() { return Instant(std::numeric_limits<int64_t>::max()); }

  constexpr int64_t nanos() const { return nanos_; }
  constexpr Instant operator+(Duration d) const {
    return nanos_ > Never().nanos_ - d.nanos() ? Never() : Instant(nanos_ + d.nanos());
  }
  constexpr Duration operator-(Instant other) const {
    return Duration::Nanos(nanos_ - other.nanos_);
  }
  friend constexpr auto operator<=>(const Instant&, const Instant&) = default;
  friend constexpr bool operator==(const Instant&, const Instant&) = default;
  friend std::ostream& operator<<(std::ostream& out, Instant i) { return out << i.nanos_ << "ns"; }

 private:
  int64_t nanos_ = 0;
};

}  // namespace hexad
