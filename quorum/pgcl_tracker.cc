// PGCL: the highest LSN that a write quorum of SCLs has reached. Called for every ack of every
// segment, so it neither allocates nor, for an ack that cannot move PGCL, sorts.
#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "quorum/trackers.h"

namespace hexad::quorum {

// Expressions are monotone, so it is enough to let the members in from the highest SCL down: the
// one that completes the first satisfying set has the answer.
Lsn QuorumLsn(const QuorumExpr& write, const std::vector<Lsn>& scls) {
  INVARIANT(scls.size() <= kMaxMembers);
  std::array<int, kMaxMembers> by_scl;
  size_t count = 0;
  for (size_t member = 0; member < scls.size(); ++member) {
    size_t at = count++;
    for (; at > 0 && scls[by_scl[at - 1]] < scls[member]; --at) by_scl[at] = by_scl[at - 1];
    by_scl[at] = static_cast<int>(member);
  }
  MemberSet reached;
  for (size_t i = 0; i < count; ++i) {
    reached.Add(by_scl[i]);
    if (write.SatisfiedBy(reached)) return scls[by_scl[i]];
  }
  return Lsn::None();
}

PgclTracker::PgclTracker(QuorumExpr write, int members, Lsn start)
    : write_(std::move(write)), scls_(members), pgcl_(start) {
  INVARIANT(members > 0 && members <= kMaxMembers);
  INVARIANT((write_.members() - MemberSet::FirstN(members)).empty());
}

bool PgclTracker::Ack(int member, Lsn scl) {
  INVARIANT(member >= 0 && static_cast<size_t>(member) < scls_.size());
  if (scl <= scls_[member]) return false;
  scls_[member] = scl;
  if (scl <= pgcl_) return false;  // raises nothing above PGCL
  MemberSet above;
  for (size_t i = 0; i < scls_.size(); ++i) {
    if (scls_[i] > pgcl_) above.Add(static_cast<int>(i));
  }
  if (!write_.SatisfiedBy(above)) return false;
  const Lsn reached = QuorumLsn(write_, scls_);
  INVARIANT(reached > pgcl_);
  pgcl_ = reached;
  return true;
}

// PGCL stays: what was durable was durable, and the trackers' users have acted on it. Whether the
// copies must be made up for is membership's question, not this one's.
void PgclTracker::Distrust(int member) {
  INVARIANT(member >= 0 && static_cast<size_t>(member) < scls_.size());
  scls_[member] = Lsn::None();
}

// One line per member: the bar reaches its SCL, '>' is its end. The PGCL is a vertical line, drawn
// '+' where a bar has reached it. The columns are ranks, not LSNs: equal LSNs, equal columns.
//
//   PGCL 104, write 4/6{ABCDEF}
//   A ==+>  106
//   B ==+   104
//   C ==+   104
//   D ==+   104
//   E =>|   103
//   F   |   ?
std::string PgclTracker::Describe() const {
  std::vector<Lsn> columns = scls_;
  columns.push_back(pgcl_);
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  // Position 0 is the beginning of the log: it needs no column unless the PGCL stands there.
  if (columns.front().IsNone() && !pgcl_.IsNone()) columns.erase(columns.begin());

  std::string picture = absl::StrCat("PGCL ", pgcl_.value(), ", write ", write_.Describe(), "\n");
  for (size_t member = 0; member < scls_.size(); ++member) {
    const Lsn scl = scls_[member];
    absl::StrAppend(&picture, std::string(1, static_cast<char>('A' + member)), " ");
    for (const Lsn column : columns) {
      const char bar = column < scl ? '=' : column == scl && !scl.IsNone() ? '>' : ' ';
      const char line = bar == ' ' ? '|' : '+';
      picture.push_back(column == pgcl_ ? line : bar);
    }
    absl::StrAppend(&picture, "  ", scl.IsNone() ? "?" : absl::StrCat(scl.value()), "\n");
  }
  return picture;
}

}  // namespace hexad::quorum
