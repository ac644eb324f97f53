// One invariant, one checker, one file (tests/sim/checkers). A checker is fed with what happens and
// looks at the world now and then; it never acts on it. Each has a test with a history that it must
// refuse: a checker that cannot fail proves nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "quorum/base/instant.h"
#include "storage-node/core/node_core.h"
#include "storage-node/io/segment_store.h"
#include "tests/sim/event.h"

namespace hexad::sim {

// What a checker may look at: every node, whether it runs or not.
class WorldView {
 public:
  virtual ~WorldView() = default;
  virtual Instant now() const = 0;
  virtual size_t nodes() const = 0;
  virtual const NodeId& node_id(NodeIndex node) const = 0;
  // nullptr: it does not run.
  virtual const storage_node::NodeCore* core(NodeIndex node) const = 0;
  virtual const storage_node::SegmentStore& disk(NodeIndex node) const = 0;
  // A copy of what a power cut would leave of it for certain.
  virtual std::unique_ptr<storage_node::SegmentStore> after_power_cut(NodeIndex node) const = 0;
  // True once the node's disk was harmed: wiped, rotten, or stopped by a failed fsync.
  virtual bool harmed(NodeIndex node) const = 0;
};

class Checker {
 public:
  virtual ~Checker() = default;

  // "I1 durability": the invariant's number and name (docs/testing.md).
  virtual std::string name() const = 0;
  virtual void See(const Event& event) = 0;
  // Called every so often, and when the run has ended.
  virtual void Look(const WorldView&) {}

  // What went wrong first; nothing so far.
  const std::optional<std::string>& failure() const { return failure_; }

 protected:
  void Expect(bool holds, const auto&... what) {
    if (holds || failure_.has_value()) return;
    failure_ = absl::StrCat(what...);
  }
  void Fail(std::string what) {
    if (!failure_.has_value()) failure_ = std::move(what);
  }

 private:
  std::optional<std::string> failure_;
};

}  // namespace hexad::sim
