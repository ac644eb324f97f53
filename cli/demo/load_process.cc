#include "cli/demo/load_process.h"

#include <signal.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/wait.h"

namespace hexad::cli {
namespace {

// More places than MTRs are written in the demo's time on a small machine, and cheap to compare.
constexpr char kPages[] = "8192";
constexpr char kDepth[] = "64";
// The demo ends it long before.
constexpr char kSeconds[] = "600";

constexpr launcher::Millis kFirstAckTimeout{30'000};
constexpr launcher::Millis kEndTimeout{5'000};
constexpr launcher::Millis kSpareTime{10'000};

std::string TraceFile(const launcher::Launcher& launcher) {
  return launcher.dir().folder() + "/logs/bench.trace";
}

void Add(const LoadWindow& more, LoadWindow& window) {
  if (more.intervals == 0) return;
  window.intervals += more.intervals;
  window.millis += more.millis;
  window.acked += more.acked;
  window.failed = more.failed;
  window.unknown = more.unknown;
  window.vdl = more.vdl;
  window.acked_in_all = more.acked_in_all;
  for (const auto& [at_most, count] : more.commit_us) window.commit_us[at_most] += count;
}

}  // namespace

LoadProcess::LoadProcess(launcher::Launcher& launcher, launcher::ProcessIdentity identity)
    : launcher_(&launcher), identity_(std::move(identity)), trace_(TraceFile(launcher)) {}

absl::StatusOr<LoadProcess> LoadProcess::Start(launcher::Launcher& launcher,
                                               const std::string& ack_log) {
  std::filesystem::remove(ack_log);
  std::filesystem::remove(TraceFile(launcher));
  std::filesystem::remove(launcher.dir().log_file(launcher::kBench));
  const auto identity = launcher::Spawn(
      {{launcher.options().bin_dir + "/hexad", "bench", "write", "--dir", launcher.dir().folder(),
        "--seconds", kSeconds, "--pages", kPages, "--depth", kDepth, "--ack-log", ack_log},
       launcher.dir().log_file(launcher::kBench)});
  if (!identity.ok()) return identity.status();
  LoadProcess load(launcher, *identity);
  const absl::Status begun =
      launcher::WaitUntil({"the workload's first acknowledged MTR", kFirstAckTimeout,
                           "hexad logs bench", launcher.options().interrupted},
                          [&load]() -> absl::StatusOr<bool> {
                            if (absl::Status alive = load.CheckAlive(); !alive.ok()) return alive;
                            return load.trace_.TakeNew().acked > 0;
                          });
  if (begun.ok()) return load;
  load.Kill().IgnoreError();
  return begun;
}

absl::Status LoadProcess::CheckAlive() const {
  if (launcher::StateOf(identity_) != launcher::ProcessState::kDown) return absl::OkStatus();
  return launcher::Failed(absl::StatusCode::kAborted,
                          {"the workload ended by itself",
                           launcher_->LastLogLines(launcher::kBench, 5), "hexad logs bench"});
}

absl::StatusOr<LoadWindow> LoadProcess::Watch(uint64_t millis) {
  LoadWindow window;
  const absl::Status watched = launcher::WaitUntil(
      {absl::StrCat("the workload to report ", millis, " ms of writes"),
       launcher::Millis(millis) + kSpareTime, "hexad logs bench", launcher_->options().interrupted},
      [&]() -> absl::StatusOr<bool> {
        if (absl::Status alive = CheckAlive(); !alive.ok()) return alive;
        Add(trace_.TakeNew(), window);
        return window.millis >= millis;
      });
  if (!watched.ok()) return watched;
  if (window.acked == 0) {
    return launcher::Failed(
        absl::StatusCode::kUnavailable,
        {"writes have stopped", "no MTR was acknowledged for seconds", "hexad status"});
  }
  if (window.failed != 0 || window.unknown != 0) {
    return launcher::Failed(
        absl::StatusCode::kAborted,
        {absl::StrCat(window.failed, " MTRs failed and ", window.unknown, " are unknown"), "",
         "hexad logs bench"});
  }
  return window;
}

absl::Status LoadProcess::Kill() {
  if (absl::Status sent = launcher::Signal(identity_, SIGKILL); !sent.ok()) return sent;
  const absl::Status ended = launcher::WaitUntil(
      {"the workload to end", kEndTimeout, ""}, [this]() -> absl::StatusOr<bool> {
        return launcher::StateOf(identity_) == launcher::ProcessState::kDown;
      });
  launcher_->dir().Forget(launcher::kBench);
  return ended;
}

}  // namespace hexad::cli
