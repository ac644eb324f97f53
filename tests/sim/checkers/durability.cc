#include "tests/sim/checkers/durability.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hexad::sim {

using Fate = MtrHistory::Fate;

void DurabilityChecker::See(const Event& event) {
  if (const auto* asked = std::get_if<BacktrackAsked>(&event)) going_back_.insert(asked->process);
  if (const auto* ended = std::get_if<BacktrackEnded>(&event)) going_back_.erase(ended->process);
  if (const auto* begins = std::get_if<OpeningBegins>(&event)) {
    if (going_back_.contains(begins->opener)) backtracks_.insert(begins->epoch);
  }
  if (const auto* opened = std::get_if<EpochOpened>(&event)) OnOpened(*opened);
  if (const auto* acked = std::get_if<MtrAcked>(&event)) OnAcked(*acked);
  if (const auto* persisted = std::get_if<BatchPersisted>(&event)) retained_.See(*persisted);
  history_.See(event);
}

void DurabilityChecker::OnOpened(const EpochOpened& opened) {
  const quorum::Path& path = opened.start->pg_paths.front().path;
  const EpochId epoch = opened.start->epoch;
  // An opening that learns of its fourth answer after a higher one has opened is fenced already.
  if (epoch < newest_) return;
  newest_ = epoch;
  const quorum::PgPath& start = opened.start->pg_paths.front();
  for (const quorum::Branch& branch : start.branches) {
    if (backtracks_.contains(branch.left_by)) left_.insert_or_assign(branch.left_by, branch);
  }
  for (const auto& [commit, mtr] : history_.mtrs()) {
    const bool visible = path.Visible(path.timeline(), commit);
    if (mtr.fate == Fate::kDurable && mtr.epoch < epoch) {
      Expect(visible || IsLeftBehind(start, commit), "the MTR at ", commit.value(), " of epoch ",
             mtr.epoch.number, mtr.acked ? " was acknowledged" : " was found by an opening",
             " and is not in the history of epoch ", epoch.number, ": ", path.Describe());
    }
    if (mtr.fate == Fate::kAnnulled) {
      Expect(!visible, "the MTR at ", commit.value(), " of epoch ", mtr.epoch.number,
             " was cut off and is back in the history of epoch ", epoch.number, ": ",
             path.Describe());
      Expect(!Keeps(start, commit), "the MTR at ", commit.value(), " of epoch ", mtr.epoch.number,
             " was cut off and is on a branch of epoch ", epoch.number);
    }
    // All or nothing: the fork does not lie inside an MTR.
    Expect(visible == path.Visible(path.timeline(), mtr.first), "the MTR [", mtr.first.value(), ",",
           commit.value(), "] is cut in two by ", path.Describe());
  }
}

bool DurabilityChecker::IsLeftBehind(const quorum::PgPath& history, Lsn lsn) const {
  return std::any_of(left_.begin(), left_.end(), [&](const auto& entry) {
    const quorum::Branch& branch = entry.second;
    const bool kept = quorum::BranchLeftBy(history, branch.left_by) != nullptr;
    return (kept || branch.end.at < retained_.from()) && lsn <= branch.end.at &&
           branch.path.Visible(kVolume, lsn);
  });
}

void DurabilityChecker::OnAcked(const MtrAcked& acked) {
  const auto mtr = history_.mtrs().find(acked.commit);
  if (mtr == history_.mtrs().end()) {
    return Fail(absl::StrCat("LSN ", acked.commit.value(), " was acknowledged and never issued"));
  }
  Expect(mtr->second.fate != Fate::kAnnulled, "the MTR at ", acked.commit.value(),
         " was acknowledged in epoch ", acked.epoch.number, " after epoch ", newest_.number,
         " had cut it off");
}

}  // namespace hexad::sim
