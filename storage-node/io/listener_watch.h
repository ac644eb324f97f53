// Notices a server that no longer accepts connections.
//
// gRPC 1.51 gives up a listener for good when accept() once fails for want of file descriptors
// (CVE-2023-4785): the process lives, its connections work, and nobody new is ever let in. The
// socket stays open, so the kernel still completes connections; only the server's first bytes (its
// HTTP/2 settings, sent to whoever connects) tell that somebody accepted. A process like that is
// worth less than one that starts again.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace hexad::storage_node {

struct ListenerWatchOptions {
  std::string host = "127.0.0.1";  // an IPv4 address; 0.0.0.0 is asked as 127.0.0.1
  int port = 0;
  std::chrono::milliseconds every{5000};
  std::chrono::milliseconds patience{5000};  // for the first byte
  int failures = 3;                          // in a row
};

class ListenerWatch {
 public:
  // `alive`: has the server's thread made a round since this was last asked? A thread that hangs in
  // the disk accepts nobody either, but that is another matter. `deaf` is called once, on the
  // watch's own thread.
  ListenerWatch(const ListenerWatchOptions& options, std::function<bool()> alive,
                std::function<void()> deaf);
  ~ListenerWatch() { Stop(); }

  // Only an IPv4 address can be watched.
  static bool CanWatch(const std::string& host);
  void Stop();  // idempotent

 private:
  void Run();
  bool Answers() const;

  const ListenerWatchOptions options_;
  const std::function<bool()> alive_;
  const std::function<void()> deaf_;
  absl::Mutex mutex_;
  absl::CondVar stopped_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace hexad::storage_node
