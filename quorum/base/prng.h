// A small deterministic generator (xoshiro256**, seeded by splitmix64). Cores that need to jitter
// or to pick a peer own one and are given its seed, so that a run can be repeated exactly.
#pragma once

#include <array>
#include <cstdint>

#include "quorum/base/check.h"

namespace hexad {

// One splitmix64 step: turns nearby inputs into unrelated outputs. Also used to hash identities.
constexpr uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

class Prng {
 public:
  explicit constexpr Prng(uint64_t seed) {
    for (uint64_t& word : state_) word = seed = Mix64(seed);
  }

  constexpr uint64_t Next() {
    const uint64_t result = Rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = Rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound). REQUIRES: bound > 0.
  constexpr uint64_t Below(uint64_t bound) {
    INVARIANT(bound > 0);
    const uint64_t limit = (0 - bound) % bound;  // 2^64 mod bound: reject the uneven first part
    for (;;) {
      const uint64_t draw = Next();
      if (draw >= limit) return draw % bound;
    }
  }

  constexpr bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  static constexpr uint64_t Rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  std::array<uint64_t, 4> state_{};
};

}  // namespace hexad
