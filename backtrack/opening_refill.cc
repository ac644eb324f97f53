// Opening: refill. A member that is complete gives parts of the log, a member that is not stores
// them, until every PG has its write quorum of complete members.
//
// Each part is fetched from one source and stored at one target, and either may refuse, be silent,
// or be useless (a source with a damaged boxcar sends a part with a hole). So every failure marks
// the pair: it is tried last from then on, and never again before retry_after.
#include <algorithm>
#include <utility>

#include "backtrack/opening_run.h"
#include "quorum/base/check.h"
#include "quorum/base/marks.h"

namespace hexad::backtrack {

using quorum::MemberSet;

namespace {

// A source that failed this often in a row is not waited for if the others can do without it.
constexpr int kFaultyAfter = 3;

}  // namespace

// --- answers -------------------------------------------------------------------------------------

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::LogPart& part) {
  if (part.from.epoch != epoch_ || phase_ != Phase::kRefilling) return;
  for (int target = 0; target < static_cast<int>(pg.members.size()); ++target) {
    Member& m = pg.members[target];
    if (!m.refill.has_value() || m.refill->source != member || m.refill->storing) continue;
    if (part.boxcars.empty()) return FailRefill(pg, target);
    m.refill->since = now_;
    m.refill->storing = true;
    return Send(pg, target, quorum::Refill{EnvelopeFor(pg), *pg.parent, part.boxcars});
  }
}

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::Refilled& refilled) {
  if (refilled.from.epoch != epoch_ || !pg.parent.has_value()) return;
  if (refilled.history != pg.parent->path.epoch()) return;
  Member& m = pg.members[member];
  const bool moved = refilled.scl > m.scl;
  m.scl = std::max(m.scl, refilled.scl);
  if (!m.refill.has_value() || !m.refill->storing) return;
  if (!moved) {
    SOMETIMES(refill_brings_nothing);
    return FailRefill(pg, member);
  }
  pg.members[m.refill->source].source_failures = 0;
  pg.failed.erase({m.refill->source, member});
  m.refill.reset();
}

// `member` refused something. If it was a fetch, its target looks elsewhere; if it was a part to be
// stored, another target takes its place.
void OpeningRun::RefuseRefill(Pg& pg, int member) {
  const int members = static_cast<int>(pg.members.size());
  if (const auto& own = pg.members[member].refill; own.has_value() && own->storing) {
    pg.members[member].refill.reset();
    SOMETIMES(refill_refused_by_target);
    for (int source = 0; source < members; ++source) pg.failed[{source, member}] = now_;
    return;
  }
  bool fetching = false;
  for (Member& target : pg.members) {
    if (!target.refill.has_value() || target.refill->storing || target.refill->source != member) {
      continue;
    }
    target.refill.reset();
    fetching = true;
  }
  if (!fetching) return;
  ++pg.members[member].source_failures;
  for (int target = 0; target < members; ++target) pg.failed[{member, target}] = now_;
}

void OpeningRun::FailRefill(Pg& pg, int target) {
  INVARIANT(pg.members[target].refill.has_value());
  const Refill failed = *pg.members[target].refill;
  pg.members[target].refill.reset();
  pg.failed[{failed.source, target}] = now_;
  ++pg.members[failed.source].source_failures;
}

// --- planning ------------------------------------------------------------------------------------

// Fills as few members as a write quorum needs: those first that have never failed to take
// something, and of those the ones with the least to fill.
void OpeningRun::PlanRefills(Pg& pg, const quorum::RecoveredPg& recovered) {
  MemberSet chosen = Complete(pg, recovered.tail);
  std::vector<int> behind;
  for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
    if (chosen.Has(i) || !IsUp(pg, i) || !pg.members[i].inventory.has_value()) continue;
    if (pg.members[i].refill.has_value()) {
      chosen.Add(i);
    } else {
      behind.push_back(i);
    }
  }
  const auto failures = [&](int target) {
    return std::count_if(pg.failed.begin(), pg.failed.end(),
                         [target](const auto& f) { return f.first.second == target; });
  };
  std::stable_sort(behind.begin(), behind.end(), [&](int a, int b) {
    return std::pair(failures(a), pg.members[b].scl) < std::pair(failures(b), pg.members[a].scl);
  });
  for (const int target : behind) {
    if (pg.membership.Quorums().CanWrite(chosen)) return;
    const auto source = SourceFor(pg, target, recovered.tail);
    if (!source.has_value()) continue;
    Fetch(pg, target, *source, recovered.tail);
    chosen.Add(target);
  }
}

// A complete member that is not sending to another target: its answer names none. Of those the one
// that failed least lately; among equals the one whose failure with this target is oldest.
std::optional<int> OpeningRun::SourceFor(const Pg& pg, int target, Lsn tail) const {
  const MemberSet complete = Complete(pg, tail);
  std::optional<int> best;
  const auto failed_at = [&](int source) -> std::optional<Instant> {
    const auto found = pg.failed.find({source, target});
    return found == pg.failed.end() ? std::nullopt : std::optional(found->second);
  };
  for (int source = 0; source < static_cast<int>(pg.members.size()); ++source) {
    if (!complete.Has(source)) continue;
    const bool busy = std::any_of(pg.members.begin(), pg.members.end(), [&](const Member& m) {
      return m.refill.has_value() && m.refill->source == source;
    });
    const auto failed = failed_at(source);
    if (busy || (failed.has_value() && now_ - *failed < options_.retry_after)) continue;
    const auto rank = [&](int s) { return std::pair(pg.members[s].source_failures, failed_at(s)); };
    if (!best.has_value() || rank(source) < rank(*best)) best = source;
  }
  return best;
}

void OpeningRun::Fetch(Pg& pg, int target, int source, Lsn tail) {
  Member& m = pg.members[target];
  INVARIANT(!m.refill.has_value());
  SOMETIMES(refill_fetches);
  m.refill = Refill{source, now_, false};
  Send(pg, source, quorum::FetchLog{EnvelopeFor(pg), *pg.parent, m.scl, tail});
}

// --- sources that give nothing -------------------------------------------------------------------

bool OpeningRun::IsFaulty(const Pg& pg, int member) const {
  return pg.members[member].source_failures >= kFaultyAfter;
}

// What only such a source holds was never acknowledged: an acknowledged record is found by any read
// quorum of the others, too. So if there is one, the opening recovers again, from the others alone.
bool OpeningRun::GiveUpSources(Pg& pg, Lsn tail) {
  const MemberSet complete = Complete(pg, tail);
  MemberSet faulty;
  for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
    if (complete.Has(i) && IsFaulty(pg, i)) faulty.Add(i);
  }
  const MemberSet rest =
      Those(pg, [](const Member& m) { return m.inventory.has_value(); }) - faulty;
  const bool hopeless = complete == faulty && pg.membership.Quorums().CanRead(rest);
  if (!hopeless) {
    pg.sourceless_since.reset();
    return false;
  }
  if (!pg.sourceless_since.has_value()) pg.sourceless_since = now_;
  if (now_ - *pg.sourceless_since < SourcePatience()) return false;
  for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
    if (faulty.Has(i)) distrusted_.insert(pg.membership.members[i].node);
  }
  StartOver();
  return true;
}

}  // namespace hexad::backtrack
