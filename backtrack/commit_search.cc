#include "backtrack/commit_search.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/path_fold.h"

namespace hexad::backtrack {

using quorum::CommitFound;
using quorum::CommitPoint;
using quorum::PgPath;

namespace {

template <class Better>
void Keep(std::optional<CommitPoint>& best, const std::optional<CommitPoint>& other,
          Better better) {
  if (!other.has_value()) return;
  if (!best.has_value() || better(other->lsn, best->lsn)) best = other;
}

}  // namespace

absl::StatusOr<std::optional<size_t>> BranchOf(const PgPath& known, Lsn vdl,
                                               const ForkTarget& target,
                                               const std::string& volume) {
  const auto* lsn = std::get_if<Lsn>(&target);
  if (lsn == nullptr || (*lsn <= vdl && known.path.CanForkAt(*lsn))) {
    return std::optional<size_t>();
  }
  for (size_t i = known.branches.size(); i-- > 0;) {
    const quorum::Branch& branch = known.branches[i];
    if (*lsn <= branch.end.at && branch.path.CanForkAt(*lsn)) return std::optional<size_t>(i);
  }
  return absl::OutOfRangeError(absl::StrCat("volume ", volume, ": LSN ", lsn->value(),
                                            " is on none of its histories; the newest is ",
                                            known.path.Describe(), " up to ", vdl.value()));
}

namespace {

// One of each PG's, which must all be one history. An epoch that is half begun may have told it to
// some of them more shortly than the others know it.
absl::StatusOr<std::vector<PgPath>> OfEachPg(std::vector<std::vector<PgPath>> told) {
  const PgPath* shortest = &told.front().front();
  for (const auto& of_pg : told) {
    for (const PgPath& history : of_pg) {
      if (history.path.steps().size() < shortest->path.steps().size()) shortest = &history;
    }
  }
  const PgPath like = *shortest;
  std::vector<PgPath> histories;
  for (const auto& of_pg : told) {
    histories.push_back(quorum::FoldedLike(of_pg.front(), like));
    for (const PgPath& history : of_pg) {
      if (!(quorum::FoldedLike(history, like) == histories.back())) {
        return absl::DataLossError("two segments of a PG tell two histories");
      }
    }
    if (!(histories.back().path == like.path)) {
      return absl::DataLossError("the segments of two PGs tell two histories");
    }
  }
  return histories;
}

}  // namespace

absl::StatusOr<std::vector<PgPath>> NewestCommonHistory(
    const std::vector<std::vector<const PgPath*>>& answers) {
  std::set<EpochId, std::greater<>> candidates;  // newest first: it is nearly always the first
  for (const PgPath* begun : answers.front()) {
    const auto propose = [&](const quorum::Path& path) {
      for (const auto& step : path.steps()) {
        if (step.timeline == begun->path.timeline()) candidates.insert(step.epoch);
      }
    };
    propose(begun->path);
    // An epoch that a backtrack left is known by its branch: that backtrack may have come to
    // nothing.
    for (const auto& branch : begun->branches) propose(branch.path);
  }
  const auto chosen = std::find_if(candidates.begin(), candidates.end(), [&](EpochId epoch) {
    return std::all_of(answers.begin(), answers.end(), [&](const auto& of_pg) {
      return std::any_of(of_pg.begin(), of_pg.end(), [&](const PgPath* begun) {
        return quorum::HistoryOf(*begun, epoch).has_value();
      });
    });
  });
  if (chosen == candidates.end()) {
    return absl::DataLossError("the PGs' segments share no history");
  }
  std::vector<std::vector<PgPath>> told;  // by PG
  for (const auto& of_pg : answers) {
    told.emplace_back();
    for (const PgPath* begun : of_pg) {
      auto history = quorum::HistoryOf(*begun, *chosen);
      if (history.has_value()) told.back().push_back(*std::move(history));
    }
  }
  return OfEachPg(std::move(told));
}

absl::Status CheckFork(const std::optional<CommitPoint>& before,
                       const std::optional<CommitPoint>& after, const quorum::Manifest& manifest) {
  if (!before.has_value()) {
    return absl::OutOfRangeError(absl::StrCat(
        "volume ", manifest.name, ": there is no commit at or before the target",
        after.has_value() ? absl::StrCat("; the first one is LSN ", after->lsn.value()) : ""));
  }
  if (before->lsn < manifest.retained_from) {
    return absl::OutOfRangeError(absl::StrCat(
        "volume ", manifest.name, ": LSN ", before->lsn.value(),
        " is older than what is retained, ", manifest.retained_from.value(), " and later"));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> CommitSearch::Take(const std::vector<CommitFound>& answers,
                                        const quorum::Manifest& manifest) {
  std::optional<CommitPoint> before;
  std::optional<CommitPoint> after;
  tails_.clear();
  for (const CommitFound& found : answers) {
    Keep(before, found.before, std::greater<>());
    Keep(after, found.after, std::less<>());
    tails_.push_back(found.tail);
  }
  if (absl::Status status = CheckFork(before, after, manifest); !status.ok()) return status;
  // That of the second question, by LSN: where times fall along a history, after a change of
  // writer, the first commit that is later than a time may lie before the last one that is not.
  after_ = after;
  if (fork_.has_value()) return true;
  fork_ = before;
  question_ = before->lsn;
  return false;
}

}  // namespace hexad::backtrack
