// hexad backtrack VOLUME --to LSN|TIME|-30s [--dry-run]: go back in place, in milliseconds; what is
// left behind stays a branch that can be returned to (docs/fork.md).
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/plan_cluster.h"
#include "cli/launcher/time_travel.h"
#include "cli/launcher/volume_view.h"
#include "cli/past.h"
#include "cli/target.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

using launcher::Failed;

struct BacktrackOptions {
  std::string volume;
  std::string to;
  bool dry_run = false;
};

nlohmann::ordered_json CommitJson(const v1::Commit& commit) {
  nlohmann::ordered_json json{{"lsn", commit.lsn()}};
  if (commit.time_us() != 0) json["time"] = TimeText(commit.time_us());
  return json;
}

absl::Status CannotGoBack(const BacktrackOptions& options, const absl::Status& why) {
  return Failed(why.code(),
                {absl::StrCat("volume ", options.volume, " did not go back to ", options.to),
                 std::string(why.message()), absl::StrCat("hexad history ", options.volume)});
}

// The branch is returned to; what is visible now is left.
void PrintReturn(const Session& session, const BacktrackOptions& options, uint64_t lsn,
                 const v1::VolumeState& state, const v1::HistoryBranch& branch) {
  if (session.json) {
    session.Print({{"volume", options.volume},
                   {"dry_run", true},
                   {"would_return_to", lsn},
                   {"left_by_epoch", branch.left_by()},
                   {"vdl", state.vdl()}});
  } else {
    std::cout << "would return to LSN " << Thousands(lsn) << ", on the branch that epoch "
              << branch.left_by() << " left; what is visible now becomes a branch\n";
  }
}

// What would become invisible, and how to look at it first.
absl::Status RunDry(const Session& session, launcher::VolumeView& view,
                    const BacktrackOptions& options, const v1::Target& target) {
  const v1::VolumeState& state = view.state();
  const auto* branch = target.has_lsn() ? BranchWith(state, target.lsn()) : nullptr;
  if (branch != nullptr) {
    PrintReturn(session, options, target.lsn(), state, *branch);
    return absl::OkStatus();
  }
  const auto found = view.Locate(target);
  if (!found.ok()) return CannotGoBack(options, found.status());
  const v1::Commit& before = found->before();
  if (session.json) {
    nlohmann::ordered_json json{{"volume", options.volume},
                                {"dry_run", true},
                                {"would_fork_at", CommitJson(before)},
                                {"vdl", state.vdl()},
                                {"can_go_back_to", state.history().retained_from()}};
    if (found->has_after()) json["first_invisible"] = CommitJson(found->after());
    session.Print(json);
    return absl::OkStatus();
  }
  std::cout << "would go back to   " << CommitText(before) << "\n";
  if (found->has_after()) {
    std::cout << "invisible then     " << CommitText(found->after()) << " to LSN "
              << Thousands(state.vdl()) << ": " << Count(state.vdl() - before.lsn(), "log record")
              << " at most; kept as a branch\n";
  } else {
    std::cout << "invisible then     nothing: that is the newest commit\n";
  }
  std::cout << "Look first:  hexad page " << options.volume << " 0 --at " << before.lsn()
            << "    Do it:  hexad backtrack " << options.volume << " --to " << before.lsn() << "\n";
  return absl::OkStatus();
}

absl::Status RunBacktrack(const Session& session, const BacktrackOptions& options) {
  if (absl::Status named = launcher::CheckVolumeName(options.volume); !named.ok()) return named;
  const auto target = ParseTarget(options.to, NowMicros());
  if (!target.ok()) return target.status();
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  auto view = launcher::VolumeView::Of(*launcher, options.volume);
  if (!view.ok()) return view.status();
  const absl::Status possible = CheckTarget(*view, *target, options.to, PastOf::kBranches);
  if (!possible.ok()) return CannotGoBack(options, possible);
  if (options.dry_run) return RunDry(session, *view, options, *target);
  const uint64_t before = view->state().vdl();  // where it can be returned to afterwards
  const auto done = launcher::Backtrack(*launcher, options.volume, *target);
  if (!done.ok()) return CannotGoBack(options, done.status());
  if (session.json) {
    nlohmann::ordered_json json{{"volume", options.volume},
                                {"forked_at", CommitJson(done->forked_at())},
                                {"backtrack_us", done->backtrack_us()}};
    if (done->has_first_left()) json["first_invisible"] = CommitJson(done->first_left());
    session.Print(json);
    return absl::OkStatus();
  }
  std::cout << "volume " << options.volume << " went back to " << CommitText(done->forked_at())
            << " in " << Micros(done->backtrack_us()) << "\n";
  if (done->has_first_left()) {
    std::cout << "invisible now: " << CommitText(done->first_left()) << " and later\n";
  }
  if (before > done->forked_at().lsn()) {
    std::cout << "Undo it:  hexad backtrack " << options.volume << " --to " << before
              << "    See it:  hexad history " << options.volume << "\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddBacktrack(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("backtrack", "Go back in time, in place");
  auto options = std::make_shared<BacktrackOptions>();
  verb->add_option("VOLUME", options->volume, "The volume")->required();
  verb->add_option("--to", options->to, "LSN, time (2026-01-31T12:00:00Z) or time ago (-30s)")
      ->required();
  verb->add_flag("--dry-run", options->dry_run, "Only say where that is and what it would hide");
  verb->callback([&session, options] {
    session.run = [&session, options] { return RunBacktrack(session, *options); };
  });
}

}  // namespace hexad::cli
