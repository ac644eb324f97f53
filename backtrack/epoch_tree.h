// The epoch tree: every writer tenure is an epoch, every epoch forks a parent (docs/recovery.md).
// Recovery, backtrack and clone are one operation on it: fork, and make the child the head.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "quorum/lsn_allocator.h"
#include "quorum/pg_path.h"

namespace hexad::backtrack {

struct EpochKey {
  TimelineId timeline;
  EpochId epoch;
  friend constexpr auto operator<=>(const EpochKey&, const EpochKey&) = default;
  friend constexpr bool operator==(const EpochKey&, const EpochKey&) = default;
};

struct EpochNode {
  EpochKey key;
  EpochKey parent;  // equal to key for a root
  Lsn fork_lsn;     // last LSN of the parent's history that this epoch sees
  Lsn first_lsn;    // first LSN that this epoch may issue
  // The head that this epoch replaced and its VDL, so that the branch can be returned to.
  EpochKey superseded;
  Lsn superseded_vdl;

  bool is_root() const { return key == parent; }
  friend bool operator==(const EpochNode&, const EpochNode&) = default;
};

class EpochTree {
 public:
  // A tree with one timeline's root.
  explicit EpochTree(TimelineId timeline);

  // INVALID_ARGUMENT if the parent is unknown, the fork lies outside the parent's log, or first_lsn
  // does not lie above everything that the timeline's epochs may have issued at their forks.
  absl::Status Add(const EpochNode& node);
  const EpochNode* Find(const EpochKey& key) const;
  // Root first. REQUIRES: Find(key).
  quorum::Path PathOf(const EpochKey& key) const;
  size_t size() const { return nodes_.size(); }

 private:
  std::map<EpochKey, EpochNode> nodes_;
};

// The first LSN of the epoch that follows `parent` on its own timeline after VDL' was recovered:
// above every LSN that was ever issued there, because no epoch passes max(VDL, first_lsn - 1) +
// LAL. An epoch that wrote lies on the parent's path, or on a branch that a backtrack left.
Lsn NextFirstLsn(const quorum::PgPath& parent, Lsn recovered_vdl, uint64_t lal);

}  // namespace hexad::backtrack
