#include "tests/sim/checkers/backtracks.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void BacktracksChecker::See(const Event& event) {
  if (const auto* issued = std::get_if<MtrIssued>(&event)) {
    mtrs_.emplace(issued->commit, issued->first);
  } else if (const auto* asked = std::get_if<BacktrackAsked>(&event)) {
    targets_.insert_or_assign(asked->process, asked->target);
  } else if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    OnOpened(*opened->start);
  } else if (const auto* ended = std::get_if<BacktrackEnded>(&event)) {
    OnEnded(*ended);
  } else if (const auto* persisted = std::get_if<BatchPersisted>(&event)) {
    retained_.See(*persisted);
  }
}

void BacktracksChecker::OnOpened(const quorum::WriterStart& start) {
  Expect(start.vdl.IsNone() || mtrs_.contains(start.vdl), "epoch ", start.epoch.number,
         " forks at LSN ", start.vdl.value(), ", which is not the end of an MTR");
  opened_.emplace(start.epoch, Started{start.vdl, start.pg_paths.front()});
}

void BacktracksChecker::OnEnded(const BacktrackEnded& ended) {
  const auto target = targets_.extract(ended.process);
  if (target.empty()) {
    return Fail(absl::StrCat("process ", ended.process, " went back, and nobody asked it to"));
  }
  const auto* lsn = std::get_if<Lsn>(&target.mapped());
  if (!ended.status.ok()) {
    if (lsn != nullptr && absl::IsOutOfRange(ended.status)) OnRefused(ended, *lsn);
    return;
  }
  const auto started = opened_.find(ended.epoch);
  if (started == opened_.end()) {
    return Fail(absl::StrCat("process ", ended.process, " went back in epoch ", ended.epoch.number,
                             ", which has not opened"));
  }
  Expect(started->second.fork == ended.forked_at, "epoch ", ended.epoch.number, " forks at ",
         started->second.fork.value(), ", and its backtrack says ", ended.forked_at.value());
  // By time: the fork itself stands for the target, the neighbours must still be right.
  ExpectExact(ended, started->second, lsn != nullptr ? *lsn : ended.forked_at);
}

std::optional<BacktracksChecker::Along> BacktracksChecker::Holding(const Started& started,
                                                                   Lsn target) const {
  for (const quorum::Branch& branch : started.path.branches) {
    if (target <= branch.end.at && branch.path.CanForkAt(target)) {
      return Along{&branch.path, branch.end.at};
    }
  }
  // Nothing was left of it: the new history holds it whole.
  if (target > started.fork) return std::nullopt;
  return Along{&started.path.path, started.fork};
}

void BacktracksChecker::ExpectExact(const BacktrackEnded& ended, const Started& started,
                                    Lsn target) {
  const auto along = Holding(started, target);
  if (!along.has_value()) {
    return Fail(absl::StrCat("epoch ", ended.epoch.number, " went back to LSN ", target.value(),
                             ", which no history holds: ", started.path.path.Describe()));
  }
  Lsn last;
  std::optional<Lsn> next;
  for (const auto& [commit, first] : mtrs_) {
    if (commit > along->end || next.has_value()) break;
    if (!along->path->Visible(along->path->timeline(), commit)) continue;
    if (commit <= target) {
      last = commit;
    } else {
      next = commit;
    }
  }
  Expect(ended.forked_at == last, "epoch ", ended.epoch.number, " went back to LSN ",
         ended.forked_at.value(), "; the last commit at or before ", target.value(), " is ",
         last.value());
  // Several branches may begin there: each has a first commit of its own. And a head that ended
  // there already (an earlier attempt of the same backtrack, perhaps) had nothing more to leave.
  const auto& branches = started.path.branches;
  const bool one_branch = branches.size() <= 1;
  const bool left_nothing = !branches.empty() && branches.back().left_by != ended.epoch;
  Expect(!one_branch || (left_nothing && !ended.first_left.has_value()) || ended.first_left == next,
         "epoch ", ended.epoch.number, " went back to ", last.value(), " and calls LSN ",
         ended.first_left.value_or(Lsn::None()).value(), " the first that it left, which is ",
         next.value_or(Lsn::None()).value());
}

// The newest epoch that has opened tells what there is. Who writes under an older one does not know
// it yet.
void BacktracksChecker::OnRefused(const BacktrackEnded& ended, Lsn target) {
  if (opened_.empty() || target < retained_.from() || !mtrs_.contains(target)) return;
  if (ended.epoch != EpochId::Root() && ended.epoch < opened_.rbegin()->first) return;
  const Started& newest = opened_.rbegin()->second;
  const quorum::Path& path = newest.path.path;
  const bool below = target <= newest.fork && path.Visible(path.timeline(), target);
  const bool branch = std::any_of(
      newest.path.branches.begin(), newest.path.branches.end(),
      [&](const auto& b) { return target <= b.end.at && b.path.Visible(path.timeline(), target); });
  Expect(!below && !branch, "process ", ended.process, " may not go back to LSN ", target.value(),
         ", which epoch ", opened_.rbegin()->first.number, " keeps: ", ended.status.ToString());
}

}  // namespace hexad::sim
