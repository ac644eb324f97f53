// Storage nodes inside the test's process: real sockets, real RocksDB folders, formed into a
// cluster. Nodes are stopped and started one by one; what they had on disk stays.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compute/engine.h"
#include "storage-node/host/node_host.h"
#include "topology/topology.h"

namespace hexad::testing {

class LocalCluster {
 public:
  // Nodes n1, n2, ... spread round the AZs a, b, c. Fails the test if they cannot be formed.
  explicit LocalCluster(int nodes = 6);
  ~LocalCluster();

  const topology::Topology& topology() const { return topology_; }
  // A connection of its own: as another process would have.
  std::unique_ptr<compute::Cluster> Connect() const;

  void Stop(int node);   // from 1
  void Start(int node);  // with the folder that it had
  void Wipe(int node);   // REQUIRES: stopped. Its disk is lost

 private:
  void Form();

  std::string folder_;
  topology::Topology topology_;
  std::vector<std::unique_ptr<storage_node::NodeHost>> hosts_;  // null while stopped
};

}  // namespace hexad::testing
