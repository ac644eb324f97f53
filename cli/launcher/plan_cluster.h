// From what the user asked for (so many nodes over so many AZs, or a topology file) to the record
// of a new cluster. Everything that is contradictory is refused here, before a folder is touched.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/launcher/cluster_dir.h"

namespace hexad::launcher {

inline constexpr int kDefaultNodes = 6;
inline constexpr int kDefaultAzs = 3;
inline constexpr int kCopies = 6;  // of every PG; 4 of them make a write durable

struct ClusterRequest {
  std::optional<int> nodes;
  std::optional<int> azs;
  std::optional<std::string> topology_file;  // excludes nodes and azs
  std::optional<std::string> volume;         // default "main"
  bool faults = false;                       // a test cluster (faults.h)
};

// Wrong usage unless a volume can be called so (quorum/membership.h).
absl::Status CheckVolumeName(const std::string& name);

// The record without ports; node addresses only if a topology file gave them. Wrong usage says what
// contradicts what.
absl::StatusOr<ClusterRecord> PlanCluster(const ClusterRequest& request);

// Is this the cluster that `record` describes? Ports and nodes are chosen once: an `up` that asks
// for something else is wrong usage.
absl::Status CheckSameCluster(const ClusterRequest& request, const ClusterRecord& record);

}  // namespace hexad::launcher
