// The nodes of one cluster as a client reaches them, and what they agreed on when it was formed:
// its id and its roster. Volumes and the name registers share it.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/io/blocking_port.h"
#include "compute/io/node_channel.h"
#include "compute/io/timer_thread.h"
#include "quorum/membership.h"
#include "topology/topology.h"

namespace hexad::compute {

// Immutable once made: share freely between threads.
struct ClusterNodes {
  ClusterId id;
  std::vector<quorum::RosterNode> roster;
  std::map<NodeId, std::shared_ptr<NodeChannel>> channels;  // of every node in the topology
  std::shared_ptr<TimerThread> timer;
  std::shared_ptr<BlockingPort> port;

  // NOT_FOUND if the topology does not list the node.
  absl::StatusOr<std::shared_ptr<NodeChannel>> ChannelOf(const NodeId& node) const;
};

// Asks every node of the topology who it is, until one that belongs to a cluster has answered and
// the rest had a moment to contradict it. UNAVAILABLE if none answers in time; FAILED_PRECONDITION
// if all that answer are fresh, or if they belong to different clusters.
absl::StatusOr<std::shared_ptr<const ClusterNodes>> ConnectNodes(const topology::Topology& topology,
                                                                 Duration timeout);

}  // namespace hexad::compute
