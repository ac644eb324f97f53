#include "tests/contract/directory_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <chrono>

#include "quorum/base/check.h"

namespace hexad::storage_node {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPatience{10'000};
constexpr uint32_t kChanges = IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_DELETE | IN_CLOSE_WRITE;

}  // namespace

DirectoryWatch::DirectoryWatch(const std::string& directory) : fd_(inotify_init1(IN_CLOEXEC)) {
  INVARIANT(fd_ >= 0);
  const int watch = inotify_add_watch(fd_, directory.c_str(), kChanges);
  INVARIANT(watch >= 0);
}

DirectoryWatch::~DirectoryWatch() { close(fd_); }

bool DirectoryWatch::AwaitChanges(int count) {
  const auto until = Clock::now() + kPatience;
  while (count > 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    pollfd poll_for{fd_, POLLIN, 0};
    if (left.count() <= 0 || poll(&poll_for, 1, static_cast<int>(left.count())) <= 0) return false;
    alignas(inotify_event) char buffer[4096];
    const ssize_t size = read(fd_, buffer, sizeof buffer);
    INVARIANT(size > 0);
    for (ssize_t at = 0; at < size; --count) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
  return true;
}

}  // namespace hexad::storage_node
