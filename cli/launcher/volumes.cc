#include "cli/launcher/volumes.h"

#include "absl/strings/str_cat.h"
#include "cli/launcher/explain.h"

namespace hexad::launcher {
namespace {

constexpr Duration kConnectTimeout = Duration::Seconds(5);

}  // namespace

absl::StatusOr<std::unique_ptr<compute::Cluster>> ConnectToNodes(const ClusterRecord& record,
                                                                 const std::string& as) {
  auto cluster = compute::Cluster::Connect(as.empty() ? record.Topology() : record.TopologyOf(as),
                                           kConnectTimeout);
  if (cluster.ok()) return cluster;
  return Failed(cluster.status().code(),
                {"cannot reach the cluster's storage nodes",
                 std::string(cluster.status().message()), "hexad up, or hexad status"});
}

absl::Status EnsureVolume(const Launcher& launcher, compute::Cluster& cluster,
                          const std::string& name) {
  const absl::Status found = cluster.Find(name).status();
  if (found.ok()) return found;
  if (!absl::IsNotFound(found)) {
    return Failed(found.code(), {absl::StrCat("cannot find out whether volume ", name, " exists"),
                                 std::string(found.message()), "hexad status"});
  }
  const absl::Status created = cluster.Create(name, {});
  if (absl::IsAlreadyExists(created)) return absl::OkStatus();
  if (!created.ok()) {
    return Failed(created.code(), {absl::StrCat("cannot create volume ", name),
                                   std::string(created.message()), "hexad status"});
  }
  launcher.options().say(absl::StrCat("volume ", name, " created"));
  return absl::OkStatus();
}

}  // namespace hexad::launcher
