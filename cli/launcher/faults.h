// What a test cluster (`hexad up --faults`) suffers besides signals: links that are cut or slow,
// disks that are slow, full or failing, and data that is wiped.
//
// Such a cluster's processes know each other by addresses of their own, where a relay waits
// (cli/faults/relay.h), and each is started with hexad-faults-preload.so before libc
// (cli/faults/process_faults.h). It costs one process, no port beyond the cluster's own block (the
// relay listens on the nodes' ports at 127.7.0.x, where x tells who connects), and the folder
// faults/. Every other cluster has none of it.
//
//   faults/links, rules, rules.applied    the relay's (cli/faults/link_rules.h)
//   faults/NAME.toml                      the nodes' addresses as NAME reaches them
//   faults/NAME.block                     what NAME suffers from its disk
//
// Faults are in force until HealFaults, or until the cluster is stopped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/faults/link_rules.h"
#include "cli/faults/process_faults.h"
#include "cli/launcher/launcher.h"

namespace hexad::launcher {

// The name that the folder remembers the relay by.
inline constexpr char kRelay[] = "relay";

// Every link of a test cluster: from each process to each node.
std::vector<faults::Link> LinksOf(const ClusterRecord& record);

struct DiskFault {
  std::string node;
  uint64_t sync_delay_us = 0;
  bool full = false;
  bool failing = false;  // fsync ends with an error
};
struct FaultsInForce {
  faults::LinkRules links;
  std::vector<DiskFault> disks;  // of nodes that have one
  bool none() const { return links.rules.empty() && disks.empty(); }
};
// Empty for a cluster that is no test cluster.
FaultsInForce FaultsOf(const ClusterDir& dir);
// One line for each pair of processes or disk, for people: "n1 x n3: cut", "n3: fsync +50 ms".
std::vector<std::string> InWords(const FaultsInForce& faults);

// Wrong usage for a cluster that was made without --faults.
absl::Status CheckTakesFaults(const ClusterDir& dir);

// Puts these rules in force, and returns when the relay obeys them. REQUIRES: a test cluster.
absl::Status SetLinkRules(Launcher& launcher, faults::LinkRules rules);
// The block of one process; made if it does not exist.
absl::StatusOr<faults::ProcessFaults> FaultsOfProcess(const ClusterDir& dir,
                                                      const std::string& name);
// No link is cut or slow any more, and no disk suffers. OK for any cluster.
absl::Status HealFaults(Launcher& launcher);

// Writes the files that `name` is started with. REQUIRES: a test cluster.
absl::Status PrepareFaults(const ClusterDir& dir, const std::string& name);
std::string TopologyFileOf(const ClusterDir& dir, const std::string& name);
// KEY=VALUE that `name` is started with, beyond what is inherited.
std::vector<std::string> EnvironmentOf(const Launcher& launcher, const std::string& name);

}  // namespace hexad::launcher
