// What the nodes' disks have been told to keep, from events alone: every boxcar with the nodes that
// fsynced it, and each segment's durable promise, history and manifest. The dumb twin that several
// checkers compare the product with.
//
// Nothing is ever taken away here: a boxcar that was coalesced and dropped is in the page store,
// and what harm takes is the harmed node's alone. Who asks what a disk holds *now* leaves harmed
// nodes out; who asks what was once durable does not care.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "quorum/membership.h"
#include "quorum/pg_path.h"
#include "tests/sim/checker.h"
#include "tests/sim/event.h"
#include "tests/sim/full_histories.h"

namespace hexad::sim {

// Nodes by their index: bit i is node i.
using NodeBits = uint32_t;
constexpr bool Has(NodeBits nodes, NodeIndex node) { return ((nodes >> node) & 1) != 0; }
// The simulated cluster's names: node 0 is "n1".
NodeId NameOfNode(NodeIndex node);

struct SeenRecord {
  Lsn lsn;
  Lsn pg_prev;
};

struct SeenBoxcar {
  PgId pg;
  EpochId epoch;
  Lsn pg_prev;
  std::vector<SeenRecord> records;  // by LSN, never empty
  BytesRef bytes;
  NodeBits written = 0;  // who has ever fsynced it

  Lsn first() const { return records.front().lsn; }
};

struct SeenSegment {
  bool created = false;
  EpochId promise;                     // of a Seal or a Begin
  std::optional<quorum::PgPath> path;  // at full length, without tails
  std::optional<quorum::Manifest> manifest;
};

class DiskModel {
 public:
  void See(const Event& event);

  // The boxcar that holds a record, nullptr if none was ever fsynced anywhere.
  const SeenBoxcar* Holding(Lsn record) const;
  // The boxcar of a PG that starts there.
  const SeenBoxcar* StartingAt(PgId pg, Lsn first) const;
  bool Wrote(NodeIndex node, PgId pg, Lsn record) const;
  const SeenSegment* Segment(NodeIndex node, PgId pg) const;
  // nullptr: nobody has told of this PG yet.
  const quorum::Membership* MembershipOf(PgId pg) const;
  // The members among `nodes` that make a write quorum of the PG?
  bool IsWriteQuorum(PgId pg, NodeBits nodes) const;
  // Its members; nobody while its membership is unknown.
  NodeBits MembersOf(PgId pg) const;
  // The nodes that have ever had exactly this epoch as their newest, durably.
  NodeBits Begun(PgId pg, EpochId epoch) const;
  // The PG's last record at or below `lsn` on that history; None() if it has none.
  Lsn TailOf(PgId pg, const quorum::Path& path, Lsn lsn) const;
  // How far the PG's chain on that history is whole in what `node` wrote, from `from` on.
  Lsn SclOf(NodeIndex node, PgId pg, const quorum::Path& path, Lsn from) const;

  // The highest fork of any epoch that a disk has ever kept, or end of a branch: a recovered VDL.
  Lsn highest_fork() const { return highest_fork_; }
  // Two different contents were stored under one LSN; empty as long as that did not happen.
  const std::string& contradiction() const { return contradiction_; }

 private:
  struct PgLog {
    std::map<Lsn, SeenBoxcar> by_first;
    std::multimap<Lsn, const SeenBoxcar*> by_prev;
  };
  void OnPut(NodeIndex node, PgId pg, Lsn first, const BytesRef& bytes);
  void OnMeta(NodeIndex node, std::string_view key, std::string_view value);
  void Learn(const quorum::Membership& membership);
  void Read(NodeIndex node, const storage_node::SegmentStore& disk);

  FullHistories histories_;
  std::map<PgId, PgLog> logs_;
  std::unordered_map<uint64_t, const SeenBoxcar*> holding_;  // by record
  std::map<std::pair<NodeIndex, PgId>, SeenSegment> segments_;
  struct Members {
    quorum::Membership membership;
    NodeBits nodes = 0;
  };
  std::map<PgId, Members> memberships_;
  std::map<std::pair<PgId, EpochId>, NodeBits> begun_;
  Lsn highest_fork_;
  std::string contradiction_;
};

// Feeds the model that other checkers share, before they see an event, and refuses (I3) two
// contents under one LSN.
class DiskModelChecker : public Checker {
 public:
  explicit DiskModelChecker(std::shared_ptr<DiskModel> disks) : disks_(std::move(disks)) {}
  std::string name() const override { return "I3 one content"; }
  void See(const Event& event) override {
    disks_->See(event);
    if (!disks_->contradiction().empty()) Fail(disks_->contradiction());
  }

 private:
  const std::shared_ptr<DiskModel> disks_;
};

}  // namespace hexad::sim
