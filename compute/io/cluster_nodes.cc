#include "compute/io/cluster_nodes.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/io/gather.h"
#include "proto/node_codec.h"

namespace hexad::compute {
namespace {

using Descriptions = Gather<v1::NodeDescription>;
constexpr Duration kRound = Duration::Seconds(1);
constexpr Duration kMoment = Duration::Millis(300);  // for the rest, once somebody has answered
constexpr Duration kPause = Duration::Millis(50);

int CountFormed(const Descriptions::Answers& answers) {
  return static_cast<int>(std::count_if(answers.begin(), answers.end(), [](const auto& answer) {
    return answer.has_value() && answer->ok() && (*answer)->cluster() != 0;
  }));
}

Descriptions::Answers DescribeAll(const ClusterNodes& nodes, Instant deadline) {
  const size_t all = nodes.channels.size();
  auto gather = std::make_shared<Descriptions>(
      all, nodes.port->NewEvent(),
      [all](const auto& some) { return CountFormed(some) > static_cast<int>(all / 2); });
  size_t i = 0;
  for (const auto& [id, channel] : nodes.channels) {
    channel->Describe(false, kRound,
                      [gather, i](auto answer) { gather->Add(i, std::move(answer)); });
    ++i;
  }
  const Instant moment = std::min(deadline, nodes.port->Now() + kMoment);
  auto answers = gather->WaitUntil(moment);
  return CountFormed(answers) > 0 ? answers : gather->WaitUntil(deadline);
}

// Takes id and roster from what was answered. UNAVAILABLE if it is worth asking again.
absl::Status Agree(const Descriptions::Answers& answers, ClusterNodes& nodes) {
  std::string trouble = "no storage node answers";
  bool somebody_is_fresh = false;
  bool somebody_failed = false;
  std::optional<std::string> formed_by;
  for (const auto& answer : answers) {
    if (!answer.has_value() || !answer->ok()) {
      somebody_failed = true;
      if (answer.has_value())
        trouble = absl::StrCat(trouble, " (", answer->status().message(), ")");
      continue;
    }
    const v1::NodeDescription& description = **answer;
    if (description.cluster() == 0) {
      somebody_is_fresh = true;
      continue;
    }
    if (formed_by.has_value() && ClusterId(description.cluster()) != nodes.id) {
      return absl::FailedPreconditionError(
          absl::StrCat("nodes ", *formed_by, " and ", description.node(),
                       " belong to different clusters: the topology mixes them"));
    }
    auto roster = proto::RosterFromWire(description.roster());
    if (!roster.ok()) return roster.status();
    formed_by = description.node();
    nodes.id = ClusterId(description.cluster());
    nodes.roster = *std::move(roster);
  }
  if (formed_by.has_value()) return absl::OkStatus();
  if (somebody_is_fresh && !somebody_failed) {
    return absl::FailedPreconditionError(
        "the storage nodes belong to no cluster yet; form it: hexad up");
  }
  return absl::UnavailableError(trouble);
}

}  // namespace

absl::StatusOr<std::shared_ptr<NodeChannel>> ClusterNodes::ChannelOf(const NodeId& node) const {
  const auto at = channels.find(node);
  if (at != channels.end()) return at->second;
  return absl::NotFoundError(absl::StrCat("node ", node.value(), " holds segments, but the ",
                                          "topology does not say where it is"));
}

absl::StatusOr<std::shared_ptr<const ClusterNodes>> ConnectNodes(const topology::Topology& topology,
                                                                 Duration timeout) {
  auto nodes = std::make_shared<ClusterNodes>();
  nodes->timer = std::make_shared<TimerThread>();
  nodes->port = NewThreadBlockingPort();
  for (const topology::TopologyNode& node : topology.nodes) {
    nodes->channels[node.id] = std::make_shared<NodeChannel>(node.id, node.az, node.address);
  }
  if (nodes->channels.empty()) return absl::InvalidArgumentError("the topology lists no nodes");
  const Instant deadline = nodes->port->Now() + timeout;
  for (;;) {
    const Instant round = std::min(deadline, nodes->port->Now() + kRound);
    const absl::Status agreed = Agree(DescribeAll(*nodes, round), *nodes);
    if (agreed.ok()) return nodes;
    const Instant next = nodes->port->Now() + kPause;
    if (!absl::IsUnavailable(agreed) || next >= deadline) return agreed;
    nodes->port->NewEvent()->WaitUntil(next);
  }
}

}  // namespace hexad::compute
