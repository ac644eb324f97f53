// A clone driven by hand against six real node cores.
#pragma once

#include "backtrack/clone.h"
#include "tests/unit/opening_cluster.h"

namespace hexad::backtrack {

// One clone against the cluster, as OpeningDrive is one opening.
class CloneDrive {
 public:
  CloneDrive(OpeningCluster& cluster, CloneOptions options)
      : cluster_(cluster), clone_(std::move(options)) {
    Step(CloneStart{});
  }
  CloneDrive& Up(const std::vector<int>& nodes) {
    for (const int node : nodes) {
      const auto& entry = cluster_.roster[static_cast<size_t>(node - 1)];
      Step(quorum::NodeUp{entry.node, entry.incarnation});
    }
    return *this;
  }
  // What it returns is answered instead.
  CloneDrive& Through(OpeningCluster::Between between) {
    between_ = std::move(between);
    return *this;
  }
  CloneDrive& Run(Duration longest = Duration::Seconds(60)) {
    const Instant end = cluster_.now + longest;
    for (int i = 0; i < 20000 && !cloned && !failed && cluster_.now < end; ++i) {
      if (!waiting_.empty()) {
        auto next = std::move(waiting_.front());
        waiting_.pop_front();
        Step(std::move(next));
        continue;
      }
      const Instant deadline = clone_.NextDeadline();
      if (deadline == Instant::Never()) break;
      cluster_.now = std::max(cluster_.now, deadline);
      Step(CloneTick{});
      EXPECT_GT(clone_.NextDeadline(), cluster_.now) << clone_.Describe();
    }
    return *this;
  }
  std::string Outcome() const {
    return failed.has_value() ? failed->status.ToString() : clone_.Describe();
  }

  std::optional<Cloned> cloned;
  std::optional<CloneFailed> failed;
  int creates = 0;

 private:
  void Step(CloneInput in) {
    std::vector<CloneEffect> out;
    clone_.Step(in, cluster_.now, out);
    clone_.CheckInvariants();
    for (auto& effect : out) {
      if (auto* send = std::get_if<quorum::Send>(&effect)) {
        creates += std::holds_alternative<quorum::CreateTimeline>(send->request);
        auto answers = between_ ? between_(*send) : std::nullopt;
        if (!answers.has_value()) answers = cluster_.Ask(send->node, send->request);
        for (auto& answer : *answers) waiting_.push_back({send->node, std::move(answer)});
      } else if (auto* done = std::get_if<Cloned>(&effect)) {
        cloned = std::move(*done);
      } else {
        failed = std::get<CloneFailed>(std::move(effect));
      }
    }
  }

  OpeningCluster& cluster_;
  Clone clone_;
  std::deque<quorum::NodeAnswered> waiting_;
  OpeningCluster::Between between_;
};

}  // namespace hexad::backtrack
