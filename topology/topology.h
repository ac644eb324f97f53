// The cluster file: which storage nodes there are, in which AZ, and where they listen.
//
//   name = "dev"            # optional, for people
//
//   [[node]]
//   id = "n1"               # 1 to 32 bytes of a-z, 0-9 and -
//   az = "a"
//   address = "127.0.0.1:7001"
//
// It says where to look, not who belongs: a node's roster, formed once, is what counts
// (node.proto).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "quorum/base/types.h"

namespace hexad::topology {

struct TopologyNode {
  NodeId id;
  AzId az;
  std::string address;  // host:port; an IPv6 host stands in brackets
  friend bool operator==(const TopologyNode&, const TopologyNode&) = default;
};

// At least one node; no id and no address twice; every name and address well-formed.
struct Topology {
  std::string name;
  std::vector<TopologyNode> nodes;  // as in the file

  const TopologyNode* Find(const NodeId& id) const;  // nullptr if there is none
  friend bool operator==(const Topology&, const Topology&) = default;
};

inline constexpr size_t kMaxTopologyBytes = 1024 * 1024;
inline constexpr size_t kMaxTopologyNodes = 1024;

// INVALID_ARGUMENT says where in `source` (a file's name, for the message) what is wrong: also for
// a key that this version does not know, which most often is a misspelt one.
absl::StatusOr<Topology> ParseTopology(std::string_view toml, std::string_view source);

// Reads and parses a file. NOT_FOUND if there is none.
absl::StatusOr<Topology> LoadTopology(const std::string& file);

// The file's text for a topology; ParseTopology gives the same topology back.
std::string FormatTopology(const Topology& topology);

// Can a PG with `copies` segments be placed on these nodes? The rule is quorum/membership.h's:
// FAILED_PRECONDITION says which AZ has too few nodes.
absl::Status CheckPlacement(const Topology& topology, int copies);

// "host:port" with a port from 1 to 65535. `what` names the value in the message.
absl::Status CheckAddress(std::string_view what, std::string_view address);

}  // namespace hexad::topology
