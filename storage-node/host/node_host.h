// A storage node as a process, or as one of several inside a test: the core, its disk, its server,
// and the threads between them.
//
//   loop thread      polls the sockets; receives, steps the core, small synced writes, answers
//   writer thread    large synced writes (node_driver.h)
//   work threads     page reads, gossip answers, log for an opening, descriptions
//   coalescer        one thread, at low priority
//   scrub            one thread, behind everything else that wants the processor
//   metrics          an HTTP server, if an address is given
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/base/types.h"
#include "storage-node/io/rocksdb_segment_store.h"
#include "storage-node/io/segment_store.h"
#include "topology/topology.h"

namespace hexad::storage_node {

struct NodeHostOptions {
  NodeId node;
  AzId az;
  std::string listen = "127.0.0.1:0";           // host:port; port 0 = one that is free
  std::string data_dir;                         // made if it does not exist
  std::vector<topology::TopologyNode> cluster;  // peers to gossip with; self may be among them
  std::string metrics_address;                  // host:port; "" = no metrics served
  StoreOptions store;
  size_t coalesce_at_bytes = 0;         // 0: the core's default
  size_t hot_log_limit_bytes = 0;       // 0: the core's default
  std::optional<uint32_t> scrub_pages;  // checked every 200 ms; 0 = none; default: the core's
};

class NodeHost {
 public:
  // Opens the disk, loads what it holds, and then listens. FAILED_PRECONDITION: the folder is in
  // use, or belongs to another node. DATA_LOSS: the disk is damaged. UNAVAILABLE: an address is in
  // use.
  static absl::StatusOr<std::unique_ptr<NodeHost>> Start(const NodeHostOptions& options);
  // The same on a given disk: data_dir and store are not looked at.
  static absl::StatusOr<std::unique_ptr<NodeHost>> StartOn(const NodeHostOptions& options,
                                                           std::unique_ptr<SegmentStore> store);
  virtual ~NodeHost() = default;  // stops

  virtual int port() const = 0;
  virtual int metrics_port() const = 0;  // 0 if none
  virtual Incarnation incarnation() const = 0;
  // Answers what it has, refuses what is new, and closes the disk. Idempotent; not thread-safe.
  virtual void Stop() = 0;
};

}  // namespace hexad::storage_node
