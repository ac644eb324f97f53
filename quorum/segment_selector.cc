// Estimates are kept as TCP keeps its round-trip time (RFC 6298): a mean that moves by an eighth of
// each error, a deviation that moves by a quarter. All in whole nanoseconds: a decision taken in
// floating point could differ between two builds of the same run.
#include "quorum/segment_selector.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::quorum {
namespace {

template <class Estimates>
auto& At(Estimates& members, int member) {
  INVARIANT(member >= 0 && static_cast<size_t>(member) < members.size());
  return members[member];
}

}  // namespace

SegmentSelector::SegmentSelector(int members, uint64_t seed) : members_(members), prng_(seed) {
  INVARIANT(members > 0 && members <= kMaxMembers);
}

void SegmentSelector::SetScl(int member, Lsn scl) { At(members_, member).scl = scl; }

void SegmentSelector::SetUp(int member, bool up) {
  Estimate& estimate = At(members_, member);
  // What failed before the connection broke says nothing about the process that came back.
  if (up && !estimate.up) estimate.failed = false;
  estimate.up = up;
}

void SegmentSelector::Observe(int member, Duration latency) {
  Estimate& estimate = At(members_, member);
  INVARIANT(latency >= Duration());
  estimate.failed = false;
  if (!estimate.measured) {
    estimate.measured = true;
    estimate.mean = latency;
    estimate.deviation = latency / 2;
    return;
  }
  const Duration error = latency - estimate.mean;
  const Duration size = error < Duration() ? Duration() - error : error;
  estimate.mean = estimate.mean + error / 8;
  estimate.deviation = estimate.deviation + (size - estimate.deviation) / 4;
}

void SegmentSelector::ObserveFailure(int member) { At(members_, member).failed = true; }

// A member never measured has mean zero, so it is asked soon: that is how it gets its estimate.
// Equals are drawn, or every PG of a fresh process would ask its first member first.
std::optional<int> SegmentSelector::Pick(Lsn complete_to, MemberSet tried) {
  std::vector<int> complete;
  for (size_t i = 0; i < members_.size(); ++i) {
    const int member = static_cast<int>(i);
    const Estimate& estimate = members_[i];
    if (estimate.up && estimate.scl >= complete_to && !tried.Has(member))
      complete.push_back(member);
  }
  if (complete.empty()) return std::nullopt;

  // A probe goes to anyone, a failed member too: how else would it answer again? Its short hedge
  // bounds what that costs. A second attempt is not the time for experiments.
  if (tried.empty() && complete.size() > 1 && prng_.OneIn(kProbeOneIn)) {
    return complete[prng_.Below(complete.size())];
  }
  const auto better = [this](int a, int b) {
    const Estimate& x = members_[a];
    const Estimate& y = members_[b];
    return x.failed != y.failed ? y.failed : x.mean < y.mean;
  };
  const int best = *std::min_element(complete.begin(), complete.end(), better);
  std::erase_if(complete, [&](int member) { return better(best, member); });
  return complete.size() == 1 ? best : complete[prng_.Below(complete.size())];
}

// Little patience with a member that failed, or of which nothing is known: a needless second read
// costs less than a long wait.
Duration SegmentSelector::HedgeAfter(int member) const {
  const Estimate& estimate = At(members_, member);
  if (estimate.failed) return kMinHedge;
  return std::clamp(estimate.mean + estimate.deviation * 4, kMinHedge, kMaxHedge);
}

// "A up scl 104 mean 1200 us dev 300 us", one line per member.
std::string SegmentSelector::Describe() const {
  std::string lines;
  for (size_t i = 0; i < members_.size(); ++i) {
    const Estimate& estimate = members_[i];
    const char* state = !estimate.up ? "down" : estimate.failed ? "failed" : "up";
    absl::StrAppend(&lines, std::string(1, static_cast<char>('A' + i)), " ", state, " scl ",
                    estimate.scl.value());
    if (estimate.measured) {
      absl::StrAppend(&lines, " mean ", estimate.mean.micros(), " us dev ",
                      estimate.deviation.micros(), " us");
    }
    absl::StrAppend(&lines, "\n");
  }
  return lines;
}

}  // namespace hexad::quorum
