// I2: what an opened epoch has cut off is never again stored, or told in an inventory, by a segment
// that knows of that epoch: not from gossip, not from a refill, not from a late message.
// (That no history and no page ever holds it again is durability.h's and pages.h's business.)
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "tests/sim/checker.h"
#include "tests/sim/checkers/disk_model.h"
#include "tests/sim/reference.h"

namespace hexad::sim {

class AnnulledChecker : public Checker {
 public:
  explicit AnnulledChecker(std::shared_ptr<const DiskModel> disks) : disks_(std::move(disks)) {}
  std::string name() const override { return "I2 annulled"; }
  void See(const Event& event) override;

 private:
  struct Mtr {
    EpochId epoch;
    Lsn first;
    EpochId cut_by;  // Root(): nobody
  };
  void OnOpened(const quorum::WriterStart& start);
  void OnPersisted(const BatchPersisted& persisted);
  void OnInventory(NodeIndex node, const quorum::InventoryTaken& taken);
  // The epoch that cut this record off; Root() if none has.
  EpochId CutBy(Lsn record) const;

  const std::shared_ptr<const DiskModel> disks_;
  std::map<Lsn, Mtr> mtrs_;  // by commit LSN
  EpochId newest_;
};

}  // namespace hexad::sim
