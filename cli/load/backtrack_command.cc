#include "cli/load/backtrack_command.h"

#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/launcher/process.h"
#include "cli/launcher/time_travel.h"

namespace hexad::cli {
namespace {

constexpr std::chrono::microseconds kLookEvery{200};
constexpr std::chrono::seconds kLongest{30};
constexpr launcher::Millis kCommit{10'000};

}  // namespace

absl::StatusOr<uint64_t> BacktrackByCommand(launcher::Launcher& launcher, const std::string& volume,
                                            uint64_t lsn) {
  const auto before = launcher::OpenInCompute(launcher, volume);
  if (!before.ok()) return before.status();
  v1::WritePagesRequest write;
  write.set_volume(volume);
  v1::PageRange* range = write.add_ranges();
  range->set_page(0);
  range->set_data("after");

  const auto begin = std::chrono::steady_clock::now();
  const auto command =
      launcher::Spawn({.argv = {launcher::OwnExecutable(), "backtrack", volume, "--to",
                                absl::StrCat(lsn), "--dir", launcher.dir().folder()},
                       .log_file = launcher.dir().folder() + "/logs/bench.log"});
  if (!command.ok()) return command.status();
  while (launcher::StateOf(*command) != launcher::ProcessState::kDown) {
    if (std::chrono::steady_clock::now() - begin > kLongest) {
      return absl::DeadlineExceededError("hexad backtrack does not end");
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  const auto written = launcher.client().WritePages(write, kCommit);
  const auto passed = std::chrono::steady_clock::now() - begin;
  if (!written.ok()) return written.status();

  const auto after = launcher::OpenInCompute(launcher, volume);
  if (!after.ok()) return after.status();
  if (after->epoch_number() == before->epoch_number()) {
    return absl::InternalError(absl::StrCat("hexad backtrack ", volume, " --to ", lsn,
                                            " failed: see ", launcher.dir().folder(),
                                            "/logs/bench.log"));
  }
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(passed).count());
}

}  // namespace hexad::cli
