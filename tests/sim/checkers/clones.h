// I10: what a clone saw of its parent when it was made is what it reads for as long as it lives,
// whatever the parent writes, goes back to, forgets, or loses with a minority of its nodes. It is
// made when a write quorum of every PG has it on its disks, and not before.
#pragma once

#include <map>
#include <set>
#include <string>

#include "tests/sim/checker.h"
#include "tests/sim/reference.h"

namespace hexad::sim {

class ClonesChecker : public Checker {
 public:
  explicit ClonesChecker(uint32_t page_size) : reference_(page_size) {}

  std::string name() const override { return "I10 clone"; }
  void See(const Event& event) override;

 private:
  void On(const CloneMade& made);
  void OnMeta(NodeIndex node, std::string_view key);
  void On(const CloneRead& read);

  ReferenceVolume reference_;
  std::map<TimelineId, Lsn> clones_;  // that were made, with where they left
  // Whose disk has had a clone's history in a PG.
  std::map<std::pair<TimelineId, PgId>, std::set<NodeId>> kept_;
};

}  // namespace hexad::sim
