// Quorum sets as and/or expressions of "k of these segments" (Verbitski 2018, section 4.1).
//
//   healthy          write 4/6{ABCDEF}                      read 3/6{ABCDEF}
//   F suspected      write 4/6{ABCDEF} AND 4/6{ABCDEG}      read 3/6{ABCDEF} OR 3/6{ABCDEG}
//
// Members are indices into the PG's member list, at most kMaxMembers, so a set of members is a
// bit mask and every question below is a pure function.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/base/types.h"

namespace hexad::quorum {

inline constexpr int kMaxMembers = 16;

// A set of members by index.
class MemberSet {
 public:
  constexpr MemberSet() = default;
  constexpr explicit MemberSet(uint32_t bits) : bits_(bits) {}
  static constexpr MemberSet FirstN(int n) { return MemberSet((1u << n) - 1); }

  constexpr void Add(int member) { bits_ |= 1u << member; }
  constexpr void Remove(int member) { bits_ &= ~(1u << member); }
  constexpr bool Has(int member) const { return ((bits_ >> member) & 1) != 0; }
  constexpr int size() const { return __builtin_popcount(bits_); }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr uint32_t bits() const { return bits_; }
  constexpr MemberSet operator&(MemberSet o) const { return MemberSet(bits_ & o.bits_); }
  constexpr MemberSet operator|(MemberSet o) const { return MemberSet(bits_ | o.bits_); }
  constexpr MemberSet operator-(MemberSet o) const { return MemberSet(bits_ & ~o.bits_); }
  friend constexpr bool operator==(MemberSet, MemberSet) = default;

 private:
  uint32_t bits_ = 0;
};

// "k of these", or an AND / OR of such. Immutable value.
class QuorumExpr {
 public:
  static QuorumExpr KOf(int k, MemberSet of);
  static QuorumExpr And(std::vector<QuorumExpr> parts);
  static QuorumExpr Or(std::vector<QuorumExpr> parts);

  bool SatisfiedBy(MemberSet present) const;
  // For two plain "k of these", by counting: does every set that satisfies one meet every set that
  // satisfies the other? False for all others: nothing is known.
  bool AlwaysMeets(const QuorumExpr& other) const;
  // Every member that appears anywhere.
  MemberSet members() const;
  // "4/6{ABCDEF} AND 4/6{ABCDEG}": member i is letter 'A'+i.
  std::string Describe() const;

 private:
  enum class Op : uint8_t { kKOf, kAnd, kOr };
  Op op_ = Op::kKOf;
  int k_ = 0;
  MemberSet of_;
  std::vector<QuorumExpr> parts_;
};

// A write rule and the read rule derived from it.
struct QuorumSet {
  QuorumExpr write;
  QuorumExpr read;

  // Vw of V. The read quorum is V - Vw + 1, never configured (2017, section 2.1). INVALID_ARGUMENT
  // unless V/2 < Vw <= V <= kMaxMembers.
  static absl::StatusOr<QuorumSet> KOfN(int write, int of);
  // Healthy Aurora: 4/6 and 3/6.
  static QuorumSet FourOfSix();

  bool CanWrite(MemberSet alive) const { return write.SatisfiedBy(alive); }
  bool CanRead(MemberSet alive) const { return read.SatisfiedBy(alive); }
};

// Exhaustive proof by enumeration: every set that satisfies `a` meets every set that satisfies `b`.
// On failure, the smallest pair of disjoint sets found.
struct Disjoint {
  MemberSet a;
  MemberSet b;
};
std::optional<Disjoint> FindDisjoint(const QuorumExpr& a, const QuorumExpr& b);
// Write/write and write/read of one set. FAILED_PRECONDITION names two sets that miss each other.
absl::Status ProveOverlap(const QuorumSet& set);
// The same of both sets of a membership change, and across it: what was written by the rules before
// meets every write and every read by the rules after.
absl::Status ProveOverlap(const QuorumSet& before, const QuorumSet& after);

// What can still be lost, for status pages and --dry-run.
struct Slack {
  int nodes = -1;  // any this many more nodes may fail (-1: already lost)
  int azs = -1;    // any this many more whole AZs may fail
  // after any one whole AZ fails, any this many more nodes may; -1 if not even the AZ may
  int az_plus_nodes = -1;
};
// `az_of[i]` is member i's AZ. `alive` are the members that are up.
Slack WriteSlack(const QuorumSet& set, MemberSet alive, const std::vector<AzId>& az_of);
Slack ReadSlack(const QuorumSet& set, MemberSet alive, const std::vector<AzId>& az_of);

}  // namespace hexad::quorum
