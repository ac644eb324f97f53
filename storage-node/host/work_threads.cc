#include "storage-node/host/work_threads.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace hexad::storage_node {

void DescribeThread(const std::string& name, int nice) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  // On Linux a nice value belongs to a thread. Failing is no harm: it then competes as an equal.
  if (nice != 0) (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), nice);
}

WorkThreads::WorkThreads(const WorkThreadsOptions& options) : options_(options) {
  for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { Run(); });
}

bool WorkThreads::Post(std::function<void()> work) {
  absl::MutexLock lock(&mutex_);
  if (stopping_ || queue_.size() >= options_.max_queue) return false;
  queue_.push_back(std::move(work));
  changed_.Signal();
  return true;
}

void WorkThreads::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

size_t WorkThreads::queued() const {
  absl::MutexLock lock(&mutex_);
  return queue_.size();
}

void WorkThreads::Run() {
  DescribeThread(options_.name, options_.nice);
  for (;;) {
    std::function<void()> work;
    {
      absl::MutexLock lock(&mutex_);
      while (!Ready()) changed_.Wait(&mutex_);
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace hexad::storage_node
