#include "cli/past.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/launcher/slack.h"
#include "cli/target.h"

namespace hexad::cli {
namespace {

// What a picture for people may wait for one volume.
constexpr Duration kGlance = Duration::Seconds(1);

absl::StatusOr<v1::LocateAnswer> LocateLsn(launcher::VolumeView& view, uint64_t lsn) {
  v1::Target target;
  target.set_lsn(lsn);
  return view.Locate(target);
}

template <class Steps>
bool Holds(const Steps& steps, uint64_t end, uint64_t lsn) {
  return lsn <= end && std::any_of(steps.begin(), steps.end(), [lsn](const auto& step) {
           return step.first_lsn() <= lsn && lsn <= step.last_lsn();
         });
}

absl::Status OutOfRange(launcher::VolumeView& view, const std::string& why) {
  return absl::OutOfRangeError(absl::StrCat(why, "; ", RangeText(view)));
}

absl::Status CheckLsn(launcher::VolumeView& view, uint64_t lsn, PastOf of) {
  const v1::VolumeState& state = view.state();
  const std::string place = absl::StrCat("LSN ", Thousands(lsn));
  const v1::HistoryBranch* branch = BranchWith(state, lsn);
  if (branch == nullptr && !Holds(state.history().steps(), state.vdl(), lsn)) {
    return OutOfRange(view, absl::StrCat(place, " is in none of its histories"));
  }
  if (branch != nullptr && of == PastOf::kHead) {
    return OutOfRange(view, absl::StrCat(place, " is on the branch that epoch ", branch->left_by(),
                                         " left, of which only a clone can be read (hexad clone ",
                                         state.name(), " NEW --at ", lsn, ")"));
  }
  if (lsn < state.history().retained_from()) {
    return OutOfRange(view, absl::StrCat(place, " is older than what is retained"));
  }
  return absl::OkStatus();
}

}  // namespace

int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

const v1::HistoryBranch* BranchWith(const v1::VolumeState& state, uint64_t lsn) {
  if (Holds(state.history().steps(), state.vdl(), lsn)) return nullptr;
  for (const v1::HistoryBranch& branch : state.history().branches()) {
    if (Holds(branch.steps(), branch.end(), lsn)) return &branch;
  }
  return nullptr;
}

v1::Commit OldestCommit(launcher::VolumeView& view) {
  const auto found = LocateLsn(view, view.state().history().retained_from());
  if (!found.ok()) return {};
  return found->has_before() ? found->before() : found->after();
}

std::string RangeText(launcher::VolumeView& view) {
  const v1::VolumeState& state = view.state();
  if (state.vdl() == 0) return "nothing was committed to it yet";
  v1::Commit oldest = OldestCommit(view);
  v1::Commit newest;
  if (const auto found = LocateLsn(view, state.vdl()); found.ok()) newest = found->before();
  if (oldest.lsn() == 0) oldest.set_lsn(state.history().retained_from());
  if (newest.lsn() == 0) newest.set_lsn(state.vdl());
  return absl::StrCat("it can go back to ", CommitText(oldest), " and later; its newest commit is ",
                      CommitText(newest));
}

absl::Status CheckTarget(launcher::VolumeView& view, const v1::Target& target,
                         const std::string& text, PastOf of) {
  if (target.has_time_us() && target.time_us() > NowMicros()) {
    return OutOfRange(view, absl::StrCat(text, " is yet to come"));
  }
  if (target.has_lsn()) {
    if (absl::Status status = CheckLsn(view, target.lsn(), of); !status.ok()) return status;
    if (BranchWith(view.state(), target.lsn()) != nullptr) return absl::OkStatus();
  }
  const auto found = view.Locate(target);
  if (!found.ok()) return found.status();
  if (!found->has_before()) {
    return OutOfRange(view, absl::StrCat("nothing is known of the time at or before ", text));
  }
  if (found->before().lsn() < view.state().history().retained_from()) {
    return OutOfRange(view, absl::StrCat(text, " is older than what is retained"));
  }
  return absl::OkStatus();
}

void FindOldest(launcher::Launcher& launcher, launcher::ClusterPicture& cluster) {
  for (launcher::VolumePicture& volume : cluster.volumes) {
    if (volume.vdl == 0 || !launcher::SlackOf(volume, cluster).can_read) continue;
    auto view = launcher::VolumeView::Of(launcher, volume.name, kGlance);
    if (!view.ok()) continue;
    const v1::Commit oldest = OldestCommit(*view);
    if (oldest.lsn() == 0) continue;
    volume.retained_from = oldest.lsn();
    volume.retained_time_us = oldest.time_us();
  }
}

absl::StatusOr<uint64_t> ReadPointOf(launcher::VolumeView& view, const std::string& text) {
  const auto target = ParseTarget(text, NowMicros());
  if (!target.ok()) return target.status();
  const absl::Status possible = CheckTarget(view, *target, text, PastOf::kHead);
  if (!possible.ok()) return possible;
  const auto found = view.Locate(*target);
  if (!found.ok()) return found.status();
  return found->before().lsn();
}

}  // namespace hexad::cli
