// One visit to a volume's cores. Holds the mutex from start to end; what the effects want done
// without it is collected, and done when the visit ends, in this order: streams are flushed, tasks
// run, events are set, callbacks run.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "compute/host/volume_host.h"
#include "compute/io/clocks.h"

namespace hexad::compute {

class VolumeHost::Turn {
 public:
  explicit Turn(VolumeHost& host) : host_(host), lock_(host.mutex_), now_(MonotonicNow()) {}
  ~Turn() {
    host_.ArmTimer(now_);
    lock_.unlock();
    for (StorageLink* link : flush_) link->Flush();
    for (auto& task : tasks_) task();
    for (const auto& event : events_) event->Set();
    host_.callbacks_.Drain();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  Instant now() const { return now_; }
  void FlushLater(StorageLink* link) {
    if (std::find(flush_.begin(), flush_.end(), link) == flush_.end()) flush_.push_back(link);
  }
  void RunLater(std::function<void()> task) { tasks_.push_back(std::move(task)); }
  void SetLater(std::shared_ptr<Event> event) { events_.push_back(std::move(event)); }

 private:
  VolumeHost& host_;
  std::unique_lock<std::mutex> lock_;
  const Instant now_;
  std::vector<StorageLink*> flush_;  // the host's links live as long as the host
  std::vector<std::function<void()>> tasks_;
  std::vector<std::shared_ptr<Event>> events_;
};

}  // namespace hexad::compute
