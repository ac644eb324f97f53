// I3, I6: an epoch is used only once it has begun, durably, at a write quorum of every PG, and a PG
// only once the manifest that lists it is durable at a write quorum of the first PG. That is what
// lets the next opening's read quorum, and a snapshot's, find both.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <utility>

#include "tests/sim/checker.h"
#include "tests/sim/checkers/disk_model.h"

namespace hexad::sim {

class BeginQuorumChecker : public Checker {
 public:
  explicit BeginQuorumChecker(std::shared_ptr<const DiskModel> disks) : disks_(std::move(disks)) {}
  std::string name() const override { return "I3 begin quorum"; }
  void See(const Event& event) override;

 private:
  void OnOpened(const quorum::WriterStart& start);
  void OnPersisted(const BatchPersisted& persisted);
  void ExpectBegun(PgId pg, EpochId epoch, const char* why);

  const std::shared_ptr<const DiskModel> disks_;
  PgId first_pg_;
  std::map<EpochId, std::set<PgId>> begun_;              // found so
  std::map<std::pair<EpochId, PgId>, NodeBits> listed_;  // whose manifest of that epoch has the PG
};

}  // namespace hexad::sim
