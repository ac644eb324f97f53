// Names: registers that are decided by ballots over the six nodes that rendezvous hashing of the
// key picks (docs/protocol.md, "Names"; quorum/register.h). Any three answers find what a write
// quorum has accepted. A node that belongs to no cluster may have lost its disk: it refuses, and
// counts for nothing here.
//
// Blocking; thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/io/cluster_nodes.h"
#include "quorum/register.h"

namespace hexad::compute {

class RegisterClient {
 public:
  explicit RegisterClient(std::shared_ptr<const ClusterNodes> nodes) : nodes_(std::move(nodes)) {}

  // Proposes `change` until it is decided; outrun attempts are repeated after a random pause.
  // `change` may be given its own value (an attempt that was decided although its answer was lost).
  // The value that is registered, or the change's own status, or UNAVAILABLE without a write quorum
  // by then.
  absl::StatusOr<std::string> Change(const std::string& key, Duration timeout,
                                     const quorum::RegisterProposer::Change& change);
  // "" if nothing is registered. UNAVAILABLE without three answers.
  absl::StatusOr<std::string> Read(const std::string& key, Duration timeout);
  // Every register whose key starts with `prefix` and whose value is not empty. UNAVAILABLE if so
  // many nodes are silent that a register could be missed.
  absl::StatusOr<std::map<std::string, std::string>> ReadAll(const std::string& prefix,
                                                             Duration timeout);

 private:
  absl::StatusOr<std::vector<std::shared_ptr<NodeChannel>>> Place(const std::string& key) const;
  // Both rounds of one ballot. OK if it was decided; UNAVAILABLE if it was outrun or got no quorum.
  absl::Status Attempt(const std::string& key,
                       const std::vector<std::shared_ptr<NodeChannel>>& acceptors,
                       quorum::RegisterProposer& proposer, quorum::Ballot ballot);

  std::shared_ptr<const ClusterNodes> nodes_;
};

}  // namespace hexad::compute
