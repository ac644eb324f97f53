#include "cli/launcher/wait.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/launcher/explain.h"

namespace hexad::launcher {

absl::Status WaitUntil(const Wait& wait, const std::function<absl::StatusOr<bool>()>& done) {
  constexpr std::chrono::milliseconds kAskEvery{10};
  const auto deadline = std::chrono::steady_clock::now() + wait.timeout;
  while (true) {
    const auto outcome = done();
    if (!outcome.ok()) return outcome.status();
    if (*outcome) return absl::OkStatus();
    if (wait.interrupted()) {
      return absl::CancelledError(absl::StrCat("interrupted while waiting for ", wait.what_for));
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return WaitedInVain(std::chrono::duration<double>(wait.timeout).count(), wait.what_for,
                          wait.next);
    }
    std::this_thread::sleep_for(kAskEvery);
  }
}

}  // namespace hexad::launcher
