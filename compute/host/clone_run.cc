#include "compute/host/clone_run.h"

#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compute/io/storage_link.h"

namespace hexad::compute {
namespace {

constexpr Duration kPatience = Duration::Seconds(1);  // beyond the core's own

class CloneRun : public LinkListener, public std::enable_shared_from_this<CloneRun> {
 public:
  CloneRun(std::shared_ptr<const ClusterNodes> nodes, backtrack::CloneOptions options)
      : nodes_(std::move(nodes)), core_(std::move(options)), ended_(nodes_->port->NewEvent()) {}

  void Start() {
    for (const auto& [id, channel] : nodes_->channels) {
      links_[id] =
          std::make_shared<StorageLink>(channel, nodes_->id, nodes_->timer, weak_from_this());
    }
    Step(backtrack::CloneStart{});
    for (const auto& [id, link] : links_) link->Start();
  }
  CloneOutcome WaitUntil(Instant deadline) {
    ended_->WaitUntil(deadline);
    for (const auto& [id, link] : links_) link->Stop([] {});
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (outcome_.has_value()) return *std::move(outcome_);
    return {absl::UnavailableError(absl::StrCat("no clone was made in time: ", core_.Describe())),
            std::nullopt, std::nullopt};
  }

  void OnLinkUp(StorageLink& link, Incarnation incarnation) override {
    link.Accept();
    Step(quorum::NodeUp{link.node(), incarnation});
  }
  void OnLinkDown(StorageLink& link) override { Step(quorum::NodeDown{link.node()}); }
  void OnAnswers(StorageLink& link, std::vector<quorum::SegmentAnswer> answers) override {
    for (auto& answer : answers) Step(quorum::NodeAnswered{link.node(), std::move(answer)});
  }

 private:
  void Step(const backtrack::CloneInput& input) {
    std::set<StorageLink*> to_flush;
    {
      const std::lock_guard lock(mutex_);
      if (stopped_ || outcome_.has_value()) return;
      std::vector<backtrack::CloneEffect> effects;
      core_.Step(input, nodes_->port->Now(), effects);
      for (auto& effect : effects) Take(effect, to_flush);
      ArmTimer();
    }
    for (StorageLink* link : to_flush) link->Flush();
  }

  void Take(backtrack::CloneEffect& effect, std::set<StorageLink*>& to_flush) {
    if (auto* send = std::get_if<quorum::Send>(&effect)) {
      const auto link = links_.find(send->node);
      if (link == links_.end()) return;  // not in the topology: as good as down
      link->second->Enqueue(std::move(send->request));
      to_flush.insert(link->second.get());
    } else if (auto* cloned = std::get_if<backtrack::Cloned>(&effect)) {
      outcome_ = CloneOutcome{absl::OkStatus(), std::move(*cloned), std::nullopt};
      ended_->Set();
    } else {
      auto& failed = std::get<backtrack::CloneFailed>(effect);
      outcome_ = CloneOutcome{std::move(failed.status), std::nullopt, std::move(failed.remains)};
      ended_->Set();
    }
  }

  void ArmTimer() {
    const Instant next = core_.NextDeadline();
    if (next == Instant::Never() || next >= armed_) return;
    armed_ = next;
    nodes_->timer->At(next, [weak = weak_from_this()] {
      const auto run = weak.lock();
      if (run == nullptr) return;
      {
        const std::lock_guard lock(run->mutex_);
        run->armed_ = Instant::Never();
      }
      run->Step(backtrack::CloneTick{});
    });
  }

  const std::shared_ptr<const ClusterNodes> nodes_;
  std::map<NodeId, std::shared_ptr<StorageLink>> links_;  // made before the first of them starts
  std::mutex mutex_;
  backtrack::Clone core_;
  Instant armed_ = Instant::Never();
  std::optional<CloneOutcome> outcome_;
  bool stopped_ = false;
  const std::shared_ptr<Event> ended_;
};

}  // namespace

CloneOutcome RunClone(const std::shared_ptr<const ClusterNodes>& nodes,
                      backtrack::CloneOptions options) {
  const Instant deadline = nodes->port->Now() + options.give_up_after + kPatience;
  const auto run = std::make_shared<CloneRun>(nodes, std::move(options));
  run->Start();
  return run->WaitUntil(deadline);
}

}  // namespace hexad::compute
