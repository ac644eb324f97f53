// One question put to several nodes at once: collects the answers as they come, and lets the asker
// wait until it has enough of them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/io/blocking_port.h"

namespace hexad::compute {

// Held by shared_ptr: late answers come when nobody waits any more. Thread-safe.
template <class Answer>
class Gather {
 public:
  using Answers = std::vector<std::optional<absl::StatusOr<Answer>>>;  // by node asked
  using Enough = std::function<bool(const Answers&)>;

  // `enough` is asked after every answer; it is also enough when everybody has answered.
  Gather(size_t nodes, std::shared_ptr<Event> event, Enough enough)
      : event_(std::move(event)), enough_(std::move(enough)), answers_(nodes) {}

  // Node number `node` answered, or failed to.
  void Add(size_t node, absl::StatusOr<Answer> answer) {
    bool done = false;
    {
      const std::lock_guard lock(mutex_);
      if (answers_[node].has_value()) return;
      answers_[node] = std::move(answer);
      done = ++answered_ == answers_.size() || enough_(answers_);
    }
    if (done) event_->Set();
  }

  // What has come by the time there is enough, or by `deadline`.
  Answers WaitUntil(Instant deadline) {
    event_->WaitUntil(deadline);
    const std::lock_guard lock(mutex_);
    return answers_;
  }

 private:
  const std::shared_ptr<Event> event_;
  const Enough enough_;
  std::mutex mutex_;
  Answers answers_;
  size_t answered_ = 0;
};

// How many answered, and were not errors.
template <class Answer>
int CountOk(const std::vector<std::optional<absl::StatusOr<Answer>>>& answers) {
  int count = 0;
  for (const auto& answer : answers) count += answer.has_value() && answer->ok() ? 1 : 0;
  return count;
}

}  // namespace hexad::compute
