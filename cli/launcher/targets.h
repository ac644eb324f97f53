// What a user may name: n3 (a node), az:b (every node of a zone), compute, bench (the running
// `hexad bench write`).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/launcher/cluster_dir.h"

namespace hexad::launcher {

// The processes that the text names, in the order of the cluster file. Wrong usage, with every
// target that exists, if it names none.
absl::StatusOr<std::vector<std::string>> ResolveTarget(const ClusterRecord& record,
                                                       const std::string& text);

// Every process that this folder may remember: the nodes, compute and bench.
std::vector<std::string> AllProcesses(const ClusterRecord& record);

}  // namespace hexad::launcher
