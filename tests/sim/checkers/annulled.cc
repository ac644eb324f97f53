#include "tests/sim/checkers/annulled.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void AnnulledChecker::See(const Event& event) {
  if (const auto* persisted = std::get_if<BatchPersisted>(&event)) OnPersisted(*persisted);
  if (const auto* issued = std::get_if<MtrIssued>(&event)) {
    const EpochId cut_by = issued->epoch < newest_ ? newest_ : EpochId::Root();
    mtrs_.emplace(issued->commit, Mtr{issued->epoch, issued->first, cut_by});
  } else if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    OnOpened(*opened->start);
  } else if (const auto* replied = std::get_if<SegmentReplied>(&event)) {
    const auto* taken = std::get_if<quorum::InventoryTaken>(replied->answer);
    if (taken != nullptr) OnInventory(replied->node, *taken);
  }
}

void AnnulledChecker::OnOpened(const quorum::WriterStart& start) {
  if (start.epoch < newest_) return;  // fenced already, and does not know it
  newest_ = start.epoch;
  for (auto& [commit, mtr] : mtrs_) {
    const bool cut = mtr.epoch < newest_ && !Keeps(start.pg_paths.front(), commit);
    if (cut && mtr.cut_by == EpochId::Root()) mtr.cut_by = newest_;
  }
}

EpochId AnnulledChecker::CutBy(Lsn record) const {
  const auto mtr = mtrs_.lower_bound(record);
  return mtr == mtrs_.end() || mtr->second.first > record ? EpochId::Root() : mtr->second.cut_by;
}

void AnnulledChecker::OnPersisted(const BatchPersisted& persisted) {
  for (const storage_node::StoreOp& op : persisted.batch->ops) {
    const auto* put = std::get_if<storage_node::PutBoxcar>(&op);
    if (put == nullptr) continue;
    // A boxcar whose beginning is cut off is cut off as a whole.
    const EpochId cut_by = CutBy(put->first_lsn);
    const SeenSegment* segment = disks_->Segment(persisted.node, put->pg);
    if (cut_by == EpochId::Root() || segment == nullptr || !segment->path.has_value()) continue;
    Expect(segment->path->path.epoch() < cut_by, "n", persisted.node + 1, " stores LSN ",
           put->first_lsn.value(), ", which epoch ", cut_by.number, " has cut off, and knows ",
           segment->path->path.Describe());
  }
}

void AnnulledChecker::OnInventory(NodeIndex node, const quorum::InventoryTaken& taken) {
  for (const quorum::InventoryRecord& record : taken.inventory.records) {
    const EpochId cut_by = CutBy(record.lsn);
    Expect(cut_by == EpochId::Root() || taken.from.epoch <= cut_by, "n", node + 1,
           " tells an opening of epoch ", taken.from.epoch.number, " of LSN ", record.lsn.value(),
           ", which epoch ", cut_by.number, " has cut off");
  }
}

}  // namespace hexad::sim
