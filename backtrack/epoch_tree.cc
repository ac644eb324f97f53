#include "backtrack/epoch_tree.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::backtrack {

using quorum::Path;

EpochTree::EpochTree(TimelineId timeline) {
  const EpochKey root{timeline, EpochId::Root()};
  nodes_[root] = EpochNode{root, root, Lsn::None(), Lsn::First(), root, Lsn::None()};
}

absl::Status EpochTree::Add(const EpochNode& node) {
  const auto refuse = [&](const std::string& why) {
    return absl::InvalidArgumentError(absl::StrCat("epoch ", node.key.epoch.number, " of timeline ",
                                                   absl::Hex(node.key.timeline.value()), ": ",
                                                   why));
  };
  if (node.is_root()) return refuse("a second root");
  if (nodes_.contains(node.key)) return refuse("it exists");
  if (!nodes_.contains(node.parent)) return refuse("its parent is unknown");
  const Path parent = PathOf(node.parent);
  if (!parent.CanForkAt(node.fork_lsn)) return refuse("its fork is outside the parent's history");
  if (node.first_lsn <= node.fork_lsn) return refuse("it starts at or below its fork");
  for (const auto& [key, other] : nodes_) {
    if (key.timeline != node.key.timeline) continue;
    if (key.epoch >= node.key.epoch) return refuse("a later epoch exists");
    if (!other.is_root() && other.first_lsn >= node.first_lsn)
      return refuse("it starts at or below an earlier epoch");
  }
  nodes_[node.key] = node;
  return absl::OkStatus();
}

const EpochNode* EpochTree::Find(const EpochKey& key) const {
  const auto found = nodes_.find(key);
  return found == nodes_.end() ? nullptr : &found->second;
}

Path EpochTree::PathOf(const EpochKey& key) const {
  std::vector<const EpochNode*> branch;  // newest first
  for (const EpochNode* node = Find(key); node != nullptr; node = Find(node->parent)) {
    branch.push_back(node);
    if (node->is_root()) break;
  }
  INVARIANT(!branch.empty());
  INVARIANT(branch.back()->is_root());
  Path path = Path::Root(branch.back()->key.timeline);
  for (auto node = branch.rbegin() + 1; node != branch.rend(); ++node) {
    path =
        path.Fork((*node)->key.timeline, (*node)->key.epoch, (*node)->fork_lsn, (*node)->first_lsn);
  }
  return path;
}

Lsn NextFirstLsn(const quorum::PgPath& parent, Lsn recovered_vdl, uint64_t lal) {
  Lsn bound = recovered_vdl;
  const auto raise = [&](const Path& path, Lsn vdl) {
    bound = std::max(bound, vdl);
    for (const quorum::PathStep& step : path.steps()) {
      if (step.timeline != parent.path.timeline() || step.epoch == EpochId::Root()) continue;
      bound = std::max(bound, quorum::AllocationBound(vdl, step.first_lsn, lal));
    }
  };
  raise(parent.path, recovered_vdl);
  for (const quorum::Branch& branch : parent.branches) raise(branch.path, branch.end.at);
  return bound.Next();
}

}  // namespace hexad::backtrack
