// The earliest of many deadlines, one per PG. A winner tree: reading the earliest is one load, and
// moving one deadline replays log2(PGs) matches. (A volume may have thousands of PGs, and the
// writer is asked for its deadline after every Step.)
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

#include "quorum/base/check.h"
#include "quorum/base/instant.h"

namespace hexad::quorum {

class DeadlineTree {
 public:
  // New ones stand at Never(). REQUIRES: count > 0, and not fewer than before.
  void Resize(size_t count) {
    INVARIANT(count > 0 && count >= count_);
    const size_t old_leaves = nodes_.size() / 2;
    const std::vector<Instant> old = nodes_;
    nodes_.assign(2 * std::bit_ceil(count), Instant::Never());
    for (size_t index = 0; index < count_; ++index) {
      nodes_[nodes_.size() / 2 + index] = old[old_leaves + index];
    }
    for (size_t node = nodes_.size() / 2 - 1; node >= 1; --node) Replay(node);
    count_ = count;
  }

  void Set(size_t index, Instant deadline) {
    INVARIANT(index < count_);
    size_t node = nodes_.size() / 2 + index;
    if (nodes_[node] == deadline) return;
    nodes_[node] = deadline;
    for (node /= 2; node >= 1; node /= 2) Replay(node);
  }

  Instant earliest() const { return count_ == 0 ? Instant::Never() : nodes_[1]; }
  // Whose it is; the lowest index of equals. REQUIRES: earliest() is not Never().
  size_t EarliestIndex() const {
    INVARIANT(earliest() < Instant::Never());
    size_t node = 1;
    while (node < nodes_.size() / 2) {
      node = nodes_[2 * node] == nodes_[1] ? 2 * node : 2 * node + 1;
    }
    return node - nodes_.size() / 2;
  }
  Instant of(size_t index) const { return nodes_[nodes_.size() / 2 + index]; }

 private:
  void Replay(size_t node) { nodes_[node] = std::min(nodes_[2 * node], nodes_[2 * node + 1]); }

  std::vector<Instant> nodes_;  // [1] is the root, leaf i stands at size/2 + i; [0] is unused
  size_t count_ = 0;
};

}  // namespace hexad::quorum
