#include "storage-node/host/node_host.h"

#include <utility>

#include "storage-node/host/running_node.h"

namespace hexad::storage_node {

absl::StatusOr<std::unique_ptr<NodeHost>> NodeHost::Start(const NodeHostOptions& options) {
  auto store = RocksDbSegmentStore::Open(options.data_dir, options.store);
  if (!store.ok()) return store.status();
  return StartOn(options, *std::move(store));
}

absl::StatusOr<std::unique_ptr<NodeHost>> NodeHost::StartOn(const NodeHostOptions& options,
                                                            std::unique_ptr<SegmentStore> store) {
  auto metrics = metrics::MetricsServer::Start(options.metrics_address);
  if (!metrics.ok()) return metrics.status();
  auto node = std::make_unique<RunningNode>(options, std::move(store), *std::move(metrics));
  if (auto status = node->Load(); !status.ok()) return status;
  if (auto status = node->Serve(); !status.ok()) return status;
  return node;
}

}  // namespace hexad::storage_node
