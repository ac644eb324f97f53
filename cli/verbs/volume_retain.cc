#include "cli/verbs/volume_retain.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/picture.h"
#include "cli/launcher/plan_cluster.h"
#include "cli/launcher/time_travel.h"
#include "cli/launcher/volume_view.h"
#include "cli/past.h"
#include "cli/target.h"

namespace hexad::cli {
namespace {

constexpr launcher::Millis kChange{15'000};

std::string RetentionText(const quorum::Retention& retention) {
  return absl::StrCat(Seconds(static_cast<double>(retention.window_ms) / 1000), " or ",
                      Bytes(retention.log_bytes), " of log, whichever is less");
}

// The newest commit that a window leaves behind: what is below it goes. 0: nothing does.
absl::StatusOr<uint64_t> LeftBehindBy(launcher::VolumeView& view, int64_t window_ms) {
  v1::Target target;
  target.set_lsn(view.state().vdl());
  const auto newest = view.Locate(target);
  if (!newest.ok()) return newest.status();
  const int64_t longest_ms = newest->before().time_us() / 1000;  // since 1970
  if (!newest->has_before() || window_ms > longest_ms) return 0;
  target.set_time_us(newest->before().time_us() - window_ms * 1000);
  const auto left = view.Locate(target);
  if (!left.ok()) return left.status();
  return left->has_before() ? left->before().lsn() : 0;
}

absl::Status CheckClones(launcher::Launcher& launcher, launcher::VolumeView& view,
                         quorum::Retention now, quorum::Retention asked) {
  if (asked.window_ms >= now.window_ms || view.state().vdl() == 0) return absl::OkStatus();
  const std::string& name = view.state().name();
  const auto left_now = LeftBehindBy(view, now.window_ms);
  if (!left_now.ok()) return left_now.status();
  const auto left_then = LeftBehindBy(view, asked.window_ms);
  if (!left_then.ok()) return left_then.status();
  for (const launcher::VolumePicture& clone : launcher::Look(launcher).volumes) {
    if (clone.parent != name || clone.forked_at < *left_now || clone.forked_at >= *left_then) {
      continue;
    }
    return launcher::Refused(
        {absl::StrCat("volume ", name, " would not retain less"),
         absl::StrCat("clone ", clone.name, " continues it at LSN ", Thousands(clone.forked_at),
                      ", and holds everything from there on while it exists"),
         absl::StrCat("hexad volume drop ", clone.name, ", or insist: hexad volume retain ", name,
                      " --retention ", asked.window_ms, "ms --force")});
  }
  return absl::OkStatus();
}

absl::Status Change(launcher::Launcher& launcher, const std::string& volume,
                    const quorum::Retention& retention) {
  v1::SetRetentionRequest request;
  request.set_volume(volume);
  request.set_window_ms(retention.window_ms);
  request.set_log_bytes(retention.log_bytes);
  const absl::Status set = launcher.client().SetRetention(request, kChange);
  if (set.ok()) return set;
  return launcher::Failed(set.code(), {absl::StrCat("the retention of ", volume, " is not changed"),
                                       std::string(set.message()), "hexad status"});
}

}  // namespace

absl::StatusOr<quorum::Retention> RetentionOf(const RetainOptions& options, quorum::Retention now) {
  if (!options.window.empty()) {
    const auto window = ParseWindow(options.window);
    if (!window.ok()) return window.status();
    now.window_ms = *window;
  }
  if (!options.log.empty()) {
    const auto bytes = ParseBytes(options.log);
    if (!bytes.ok()) return bytes.status();
    now.log_bytes = *bytes;
  }
  if (now.Check().ok()) return now;
  return launcher::WrongUsage({absl::StrCat("a volume cannot retain ", options.window),
                               "the longest window is 200 years", "90s   15m   24h"});
}

absl::Status RunRetain(const Session& session, const std::string& volume,
                       const RetainOptions& options) {
  if (absl::Status named = launcher::CheckVolumeName(volume); !named.ok()) return named;
  if (const auto legal = RetentionOf(options, {}); !legal.ok()) return legal.status();
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  auto view = launcher::VolumeView::Of(*launcher, volume);
  if (!view.ok()) return view.status();  // there is no such volume, or nobody can tell
  const auto writing = launcher::OpenInCompute(*launcher, volume);
  if (!writing.ok()) return writing.status();
  const v1::History& history = view->state().history();
  const quorum::Retention now{history.retention_window_ms(), history.retention_log_bytes()};
  const auto retention = RetentionOf(options, now);
  if (!retention.ok()) return retention.status();
  if (!options.window.empty() || !options.log.empty()) {
    absl::Status held =
        options.force ? absl::OkStatus() : CheckClones(*launcher, *view, now, *retention);
    if (!held.ok()) return held;
    if (absl::Status set = Change(*launcher, volume, *retention); !set.ok()) return set;
  }
  const v1::Commit oldest = OldestCommit(*view);
  if (session.json) {
    session.Print({{"name", volume},
                   {"retention_window_ms", retention->window_ms},
                   {"retention_log_bytes", retention->log_bytes},
                   {"can_go_back_to", oldest.lsn()}});
  }
  session.Say(absl::StrCat(
      "volume ", volume, " retains ", RetentionText(*retention),
      oldest.lsn() == 0 ? "" : absl::StrCat("; it can go back to ", CommitText(oldest), " now")));
  return absl::OkStatus();
}

}  // namespace hexad::cli
