// Threads that carry out plans: a bounded queue of closures.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace hexad::storage_node {

struct WorkThreadsOptions {
  std::string name;  // as top shows it; at most 15 bytes
  int threads = 1;
  size_t max_queue = 1024;
  int nice = 0;  // 10 = background: runs when nothing else wants the processor
};

// Thread-safe.
class WorkThreads {
 public:
  explicit WorkThreads(const WorkThreadsOptions& options);
  ~WorkThreads() { Stop(); }

  // False if the queue is full, or after Stop(): `work` will not run.
  bool Post(std::function<void()> work);
  // Carries out what is queued, then ends the threads. Idempotent.
  void Stop();
  size_t queued() const;

 private:
  void Run();
  bool Ready() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_ || !queue_.empty(); }

  const WorkThreadsOptions options_;
  mutable absl::Mutex mutex_;
  absl::CondVar changed_;  // not a Condition: TSan sees those evaluated by whoever unlocks
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

// Names the calling thread and sets its priority.
void DescribeThread(const std::string& name, int nice);

}  // namespace hexad::storage_node
