#include "cli/progress.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "cli/format.h"

namespace hexad::cli {
namespace {

constexpr std::chrono::milliseconds kDrawEvery{200};
constexpr char kWipeLine[] = "\r\033[K";

}  // namespace

Progress::Progress(std::string what, std::string unit, bool enabled)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      enabled_(enabled),
      begin_(std::chrono::steady_clock::now()),
      drawn_(begin_) {}

Progress::~Progress() {
  if (enabled_) std::cerr << kWipeLine << std::flush;
}

void Progress::SetShare(uint64_t part, uint64_t whole, uint64_t units) {
  if (!enabled_ || whole == 0 || part == 0) return;
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (now - drawn_ < kDrawEvery) return;
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const double rate = static_cast<double>(units) / seconds;
  const double left = seconds * static_cast<double>(whole - part) / static_cast<double>(part);
  std::cerr << kWipeLine << what_ << "  " << part * 100 / whole << " %  "
            << Thousands(static_cast<uint64_t>(rate)) << " " << unit_ << "/s  " << Seconds(left)
            << " left" << std::flush;
}

}  // namespace hexad::cli
