// Questions about quorum sets, all answered the same way: by trying every set of members. A PG has
// six members, eight in the middle of a double change, and never more than kMaxMembers, so at most
// 65,536 sets; an answer that is enumerated needs no proof of its own.
//
// Every expression is monotone: adding a member never breaks it. Two shortcuts rest on that, and
// the tests compare both with the plain enumeration:
//   - two expressions have disjoint sets if and only if they have disjoint minimal sets;
//   - what the loss of a set breaks, the loss of any larger set breaks too.
#include "quorum/quorum_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "quorum/base/check.h"

namespace hexad::quorum {
namespace {

std::string Letters(MemberSet set) {
  std::string letters;
  for (int member = 0; member < kMaxMembers; ++member) {
    if (set.Has(member)) letters.push_back(static_cast<char>('A' + member));
  }
  return letters;
}

// The sets that satisfy `expr` and stop doing so when any one member leaves; smallest first, then
// by bits, so that the first disjoint pair found is a smallest one and always the same.
std::vector<MemberSet> MinimalSets(const QuorumExpr& expr) {
  const uint32_t all = expr.members().bits();
  std::vector<MemberSet> minimal;
  for (uint32_t bits = 0; bits <= all; ++bits) {
    const MemberSet set(bits);
    if ((bits & ~all) != 0 || !expr.SatisfiedBy(set)) continue;
    bool is_minimal = true;
    for (int member = 0; member < kMaxMembers && is_minimal; ++member) {
      MemberSet fewer = set;
      fewer.Remove(member);
      is_minimal = !set.Has(member) || !expr.SatisfiedBy(fewer);
    }
    if (is_minimal) minimal.push_back(set);
  }
  std::stable_sort(minimal.begin(), minimal.end(),
                   [](MemberSet a, MemberSet b) { return a.size() < b.size(); });
  return minimal;
}

absl::Status RequireMeeting(const char* what, const QuorumExpr& a, const QuorumExpr& b) {
  const std::optional<Disjoint> hole = FindDisjoint(a, b);
  if (!hole) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      what, " quorums do not meet: ", Letters(hole->a), " satisfies ", a.Describe(), " and ",
      Letters(hole->b), " satisfies ", b.Describe(), ", without a common member"));
}

// How many more of `groups` may always be lost, whichever they are: one less than the fewest whose
// loss breaks `expr`. -1 if it is broken already.
int GroupsToSpare(const QuorumExpr& expr, MemberSet alive, const std::vector<MemberSet>& groups) {
  INVARIANT(groups.size() <= kMaxMembers);
  int fewest = static_cast<int>(groups.size()) + 1;
  for (uint32_t lost = 0; lost < (1u << groups.size()); ++lost) {
    MemberSet left = alive;
    for (size_t g = 0; g < groups.size(); ++g) {
      if ((lost >> g) & 1) left = left - groups[g];
    }
    if (!expr.SatisfiedBy(left)) fewest = std::min(fewest, MemberSet(lost).size());
  }
  // No expression holds for the empty set, so losing every group breaks each one.
  INVARIANT(fewest <= static_cast<int>(groups.size()));
  return fewest - 1;
}

int NodesToSpare(const QuorumExpr& expr, MemberSet alive) {
  std::vector<MemberSet> nodes;
  for (int member = 0; member < kMaxMembers; ++member) {
    if (alive.Has(member)) nodes.push_back(MemberSet(1u << member));
  }
  return GroupsToSpare(expr, alive, nodes);
}

// The live members by AZ. An AZ without a live member has nothing left to lose and is not listed.
std::vector<MemberSet> LiveAzs(MemberSet alive, const std::vector<AzId>& az_of) {
  std::vector<MemberSet> azs;
  std::vector<AzId> names;
  for (int member = 0; member < kMaxMembers; ++member) {
    if (!alive.Has(member)) continue;
    INVARIANT(static_cast<size_t>(member) < az_of.size());
    const auto known = std::find(names.begin(), names.end(), az_of[member]);
    const size_t index = known - names.begin();
    if (known == names.end()) {
      names.push_back(az_of[member]);
      azs.emplace_back();
    }
    azs[index].Add(member);
  }
  return azs;
}

Slack SlackOf(const QuorumExpr& expr, MemberSet alive, const std::vector<AzId>& az_of) {
  const std::vector<MemberSet> azs = LiveAzs(alive, az_of);
  Slack slack;
  slack.nodes = NodesToSpare(expr, alive);
  slack.azs = GroupsToSpare(expr, alive, azs);
  if (slack.azs < 1) return slack;
  slack.az_plus_nodes = kMaxMembers;
  for (const MemberSet az : azs) {
    slack.az_plus_nodes = std::min(slack.az_plus_nodes, NodesToSpare(expr, alive - az));
  }
  INVARIANT(slack.az_plus_nodes >= 0 && slack.az_plus_nodes <= slack.nodes);
  return slack;
}

}  // namespace

QuorumExpr QuorumExpr::KOf(int k, MemberSet of) {
  INVARIANT(k > 0 && k <= of.size());
  INVARIANT((of - MemberSet::FirstN(kMaxMembers)).empty());
  QuorumExpr expr;
  expr.op_ = Op::kKOf;
  expr.k_ = k;
  expr.of_ = of;
  return expr;
}

QuorumExpr QuorumExpr::And(std::vector<QuorumExpr> parts) {
  INVARIANT(!parts.empty());  // an empty AND would hold for no members at all
  QuorumExpr expr;
  expr.op_ = Op::kAnd;
  expr.parts_ = std::move(parts);
  return expr;
}

QuorumExpr QuorumExpr::Or(std::vector<QuorumExpr> parts) {
  INVARIANT(!parts.empty());
  QuorumExpr expr;
  expr.op_ = Op::kOr;
  expr.parts_ = std::move(parts);
  return expr;
}

bool QuorumExpr::SatisfiedBy(MemberSet present) const {
  const auto holds = [present](const QuorumExpr& part) { return part.SatisfiedBy(present); };
  switch (op_) {
    case Op::kKOf:
      INVARIANT(k_ > 0);  // a rule that was never filled in must not hold for everyone
      return (of_ & present).size() >= k_;
    case Op::kAnd:
      return std::all_of(parts_.begin(), parts_.end(), holds);
    case Op::kOr:
      return std::any_of(parts_.begin(), parts_.end(), holds);
  }
  INVARIANT(false);
}

MemberSet QuorumExpr::members() const {
  MemberSet all = of_;
  for (const QuorumExpr& part : parts_) all = all | part.members();
  return all;
}

std::string QuorumExpr::Describe() const {
  if (op_ == Op::kKOf) return absl::StrCat(k_, "/", of_.size(), "{", Letters(of_), "}");
  return absl::StrJoin(parts_, op_ == Op::kAnd ? " AND " : " OR ",
                       [](std::string* out, const QuorumExpr& part) {
                         const bool plain = part.op_ == Op::kKOf;
                         absl::StrAppend(out, plain ? "" : "(", part.Describe(), plain ? "" : ")");
                       });
}

absl::StatusOr<QuorumSet> QuorumSet::KOfN(int write, int of) {
  if (of < 1 || of > kMaxMembers || write > of || 2 * static_cast<int64_t>(write) <= of) {
    return absl::InvalidArgumentError(
        absl::StrCat("write quorum ", write, " of ", of, ": more than half of 1 to ", kMaxMembers,
                     " members must write, and no more than there are"));
  }
  const MemberSet all = MemberSet::FirstN(of);
  return QuorumSet{QuorumExpr::KOf(write, all), QuorumExpr::KOf(of - write + 1, all)};
}

QuorumSet QuorumSet::FourOfSix() { return *KOfN(4, 6); }

// Each set takes first what the other cannot have; what both still need must be there for both.
bool QuorumExpr::AlwaysMeets(const QuorumExpr& other) const {
  if (op_ != Op::kKOf || other.op_ != Op::kKOf) return false;
  const int from_shared = std::max(0, k_ - (of_ - other.of_).size());
  const int others_from_shared = std::max(0, other.k_ - (other.of_ - of_).size());
  return from_shared + others_from_shared > (of_ & other.of_).size();
}

std::optional<Disjoint> FindDisjoint(const QuorumExpr& a, const QuorumExpr& b) {
  if (a.AlwaysMeets(b)) return std::nullopt;
  const std::vector<MemberSet> sets_a = MinimalSets(a);
  const std::vector<MemberSet> sets_b = MinimalSets(b);
  std::optional<Disjoint> smallest;
  for (const MemberSet set_a : sets_a) {
    const auto apart = [set_a](MemberSet set_b) { return (set_a & set_b).empty(); };
    const auto set_b = std::find_if(sets_b.begin(), sets_b.end(), apart);
    if (set_b == sets_b.end()) continue;
    const int size = set_a.size() + set_b->size();
    if (!smallest || size < smallest->a.size() + smallest->b.size()) {
      smallest = Disjoint{set_a, *set_b};
    }
  }
  return smallest;
}

absl::Status ProveOverlap(const QuorumSet& set) {
  if (absl::Status s = RequireMeeting("write and write", set.write, set.write); !s.ok()) return s;
  return RequireMeeting("write and read", set.write, set.read);
}

// The other direction, what is written after and read by the rules before, is not asked: it cannot
// hold once a member is replaced for good (CDEG writes, ABF reads). There the membership epoch
// protects: it is installed at a write quorum of the set before, which every read quorum of the set
// before meets, so a reader with the old rules is told that they are old.
absl::Status ProveOverlap(const QuorumSet& before, const QuorumSet& after) {
  if (absl::Status s = ProveOverlap(before); !s.ok()) return s;
  if (absl::Status s = ProveOverlap(after); !s.ok()) return s;
  absl::Status writes = RequireMeeting("write and later write", before.write, after.write);
  if (!writes.ok()) return writes;
  return RequireMeeting("write and later read", before.write, after.read);
}

Slack WriteSlack(const QuorumSet& set, MemberSet alive, const std::vector<AzId>& az_of) {
  return SlackOf(set.write, alive, az_of);
}

Slack ReadSlack(const QuorumSet& set, MemberSet alive, const std::vector<AzId>& az_of) {
  return SlackOf(set.read, alive, az_of);
}

}  // namespace hexad::quorum
