#include "cli/launcher/plan_cluster.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/faults.h"
#include "cli/launcher/ports.h"
#include "quorum/membership.h"
#include "topology/topology.h"

namespace hexad::launcher {
namespace {

constexpr int kMinAzs = 3;  // of six copies two may lie in one AZ
constexpr int kMaxAzs = 6;

absl::Status CheckCounts(int nodes, int azs) {
  if (nodes < kCopies) {
    return WrongUsage({absl::StrCat("--nodes ", nodes, " is too few"),
                       "a write is durable on 4 of 6 copies, and no node holds two of them",
                       "hexad up --nodes 6"});
  }
  if (nodes > kMaxLocalNodes) {
    return WrongUsage({absl::StrCat("--nodes ", nodes, " is too many for one machine"),
                       absl::StrCat("at most ", kMaxLocalNodes), ""});
  }
  if (azs < kMinAzs || azs > kMaxAzs) {
    return WrongUsage({absl::StrCat("--azs ", azs, " cannot be"),
                       absl::StrCat("the six copies of a volume lie in three AZs, two in each, so ",
                                    kMinAzs, " to ", kMaxAzs, " AZs make sense"),
                       "hexad up --azs 3"});
  }
  return absl::OkStatus();
}

// n1 n2 in a, n3 n4 in b, n5 n6 in c: neighbours share an AZ.
ClusterRecord Even(int nodes, int azs) {
  ClusterRecord record;
  for (int i = 0; i < nodes; ++i) {
    const char az = static_cast<char>('a' + i * azs / nodes);
    record.nodes.push_back(
        {.id = absl::StrCat("n", i + 1), .az = std::string(1, az), .address = ""});
  }
  return record;
}

bool IsThisMachine(const std::string& host) {
  return host == "localhost" || host == "[::1]" || absl::StartsWith(host, "127.");
}

// The relay of a test cluster stands for each node at the node's own port.
absl::Status CheckRelayable(const ClusterRecord& record) {
  if (!record.faults) return absl::OkStatus();
  std::set<int> ports;
  for (const NodeRecord& node : record.nodes) {
    if (node.address.empty()) continue;  // ports are chosen later, each once
    const auto address = ParseAddress(node.address);
    if (address && absl::StartsWith(address->host, "127.") && ports.insert(address->port).second) {
      continue;
    }
    return WrongUsage({absl::StrCat("node ", node.id, " at ", node.address,
                                    " cannot be in a cluster with --faults"),
                       "there, nodes need addresses 127.x.x.x:PORT, each with a port of its own",
                       "change the topology, or leave --faults out"});
  }
  return absl::OkStatus();
}

absl::StatusOr<ClusterRecord> FromFile(const std::string& file) {
  const auto wrong = [&](const std::string& why) {
    return WrongUsage({absl::StrCat("cannot use the topology ", file), why,
                       "see cluster-scripts/topologies/ for working ones"});
  };
  const auto topology = topology::LoadTopology(file);
  if (!topology.ok()) return wrong(std::string(topology.status().message()));
  if (topology->nodes.size() > kMaxLocalNodes) {
    return wrong(absl::StrCat("more than ", kMaxLocalNodes, " nodes on one machine"));
  }
  ClusterRecord record;
  for (const topology::TopologyNode& node : topology->nodes) {
    const std::string& id = node.id.value();
    if (id == kCompute || id == kBench || id == kRelay) {
      return wrong(absl::StrCat("a node cannot be called ", node.id.value(),
                                ": hexad gives that name to another process"));
    }
    const auto address = ParseAddress(node.address);
    if (!address || !IsThisMachine(address->host)) {
      return wrong(absl::StrCat("node ", node.id.value(), " is at ", node.address,
                                ", and hexad up starts processes on this machine only"));
    }
    record.nodes.push_back({.id = node.id.value(), .az = node.az.value(), .address = node.address});
  }
  return record;
}

}  // namespace

absl::Status CheckVolumeName(const std::string& name) {
  const absl::Status named = quorum::CheckVolumeName(name);
  if (named.ok()) return named;
  return WrongUsage(
      {absl::StrCat("a volume cannot be called '", name, "'"), std::string(named.message()), ""});
}

absl::StatusOr<ClusterRecord> PlanCluster(const ClusterRequest& request) {
  ClusterRecord record;
  record.volume = request.volume.value_or("main");
  if (const absl::Status named = CheckVolumeName(record.volume); !named.ok()) return named;
  if (request.topology_file) {
    if (request.nodes || request.azs) {
      return WrongUsage({"--topology says which nodes there are; --nodes and --azs contradict it",
                         "", "leave them out"});
    }
    auto from_file = FromFile(*request.topology_file);
    if (!from_file.ok()) return from_file.status();
    record.nodes = std::move(from_file->nodes);
  } else {
    const int nodes = request.nodes.value_or(kDefaultNodes);
    const int azs = request.azs.value_or(kDefaultAzs);
    if (absl::Status possible = CheckCounts(nodes, azs); !possible.ok()) return possible;
    record.nodes = Even(nodes, azs).nodes;
  }
  if (const absl::Status placed = topology::CheckPlacement(record.Topology(), kCopies);
      !placed.ok()) {
    return WrongUsage({"six copies of a volume do not fit on these nodes",
                       std::string(placed.message()), "two nodes in each of three AZs do"});
  }
  record.faults = request.faults;
  if (absl::Status possible = CheckRelayable(record); !possible.ok()) return possible;
  return record;
}

absl::Status CheckSameCluster(const ClusterRequest& request, const ClusterRecord& record) {
  const auto differs = [](const std::string& what) {
    return WrongUsage({what, "nodes and ports are chosen once, when a cluster's folder is made",
                       "leave the option out, or use another folder: --dir FOLDER"});
  };
  const int nodes = static_cast<int>(record.nodes.size());
  const int azs = static_cast<int>(record.Azs().size());
  if (request.nodes && *request.nodes != nodes) {
    return differs(absl::StrCat("this cluster has ", nodes, " nodes, not ", *request.nodes));
  }
  if (request.azs && *request.azs != azs) {
    return differs(absl::StrCat("this cluster has ", azs, " AZs, not ", *request.azs));
  }
  if (request.volume && *request.volume != record.volume) {
    return differs(absl::StrCat("this cluster's compute opens volume ", record.volume, ", not ",
                                *request.volume));
  }
  if (request.faults && !record.faults) {
    return differs("this cluster was made without --faults");
  }
  if (!request.topology_file) return absl::OkStatus();
  auto wanted = PlanCluster(request);
  if (!wanted.ok()) return wanted.status();
  if (!(wanted->Topology() == record.Topology())) {
    return differs("this cluster has other nodes than " + *request.topology_file);
  }
  return absl::OkStatus();
}

}  // namespace hexad::launcher
