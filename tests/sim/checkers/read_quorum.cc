#include "tests/sim/checkers/read_quorum.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/boxcar.h"
#include "storage-node/core/segment_state.h"
#include "tests/sim/checkers/volume_meta.h"

namespace hexad::sim {
namespace {

// How far a disk's chain of a PG is whole on that history; nothing if it does not know the PG.
std::optional<Lsn> SclOnDisk(const DiskModel& disks, const storage_node::SegmentStore& disk,
                             PgId pg, const quorum::Path& history) {
  bool knows = false;
  Lsn scl;
  (void)disk.ScanMeta(storage_node::SegmentMetaPrefix(pg),
                      [&](std::string_view key, std::string_view value) {
                        const auto name = NameInVolume(key);
                        if (!name.has_value()) return;
                        knows = knows || name->kind == storage_node::MetaKind::kConfig;
                        if (name->kind != storage_node::MetaKind::kCoalesced) return;
                        const auto mark = storage_node::DecodeCoalesced(value);
                        if (mark.ok()) scl = mark->up_to;
                      });
  if (!knows) return std::nullopt;
  // The mark speaks of all histories that the segment keeps: it may lie on a branch.
  scl = disks.TailOf(pg, history, scl);
  const TimelineId timeline = history.timeline();
  // By LSN, so what attaches to a record comes after it.
  (void)disk.ScanLog(pg, timeline, Lsn::None(), [&](Lsn first, BytesRef bytes) {
    const auto boxcar = quorum::DecodeBoxcar(std::move(bytes));
    if (!boxcar.ok() || boxcar->header.pg != pg || boxcar->header.first_lsn != first) return true;
    quorum::RecordCursor cursor(*boxcar);
    for (quorum::RecordView record; cursor.Next(record);) {
      if (record.pg_prev == scl && history.Visible(timeline, record.lsn)) scl = record.lsn;
    }
    return true;
  });
  return scl;
}

}  // namespace

void ReadQuorumChecker::See(const Event& event) {
  if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    if (opened->start->epoch < epoch_) return;
    epoch_ = opened->start->epoch;
    history_ = opened->start->pg_paths.front().path;
    vdl_ = opened->start->vdl;
  } else if (const auto* moved = std::get_if<VdlMoved>(&event)) {
    if (moved->epoch == epoch_) vdl_ = std::max(vdl_, moved->vdl);
  } else if (const auto* persisted = std::get_if<BatchPersisted>(&event)) {
    for (const storage_node::StoreOp& op : persisted->batch->ops) {
      const auto* put = std::get_if<storage_node::PutBoxcar>(&op);
      if (put == nullptr || std::find(pgs_.begin(), pgs_.end(), put->pg) != pgs_.end()) continue;
      pgs_.push_back(put->pg);
    }
  } else if (const auto* healed = std::get_if<Healed>(&event)) {
    healed_ = healed->everywhere;
  }
}

void ReadQuorumChecker::Look(const WorldView& world) {
  if (!history_.has_value() || (++looks_ % kOneIn != 0 && !healed_)) return;
  std::map<PgId, std::vector<Lsn>> scls;
  for (NodeIndex node = 0; node < world.nodes(); ++node) {
    if (world.harmed(node)) continue;
    const auto disk = world.after_power_cut(node);
    for (const PgId pg : pgs_) {
      if (!Has(disks_->MembersOf(pg), node)) continue;
      const auto scl = SclOnDisk(*disks_, *disk, pg, *history_);
      if (scl.has_value()) scls[pg].push_back(*scl);
    }
  }
  for (auto& [pg, of_pg] : scls) {
    const quorum::Membership& membership = *disks_->MembershipOf(pg);
    const size_t read = membership.members.size() - membership.write + 1;
    if (of_pg.size() < read) continue;
    std::sort(of_pg.begin(), of_pg.end());
    const Lsn tail = disks_->TailOf(pg, *history_, vdl_);
    Expect(of_pg[read - 1] >= tail, "of PG ", pg.value(), ", ", read,
           " segments together have it whole up to ", of_pg[read - 1].value(),
           " after a power cut; VDL ", vdl_.value(), " of epoch ", epoch_.number, " needs LSN ",
           tail.value());
  }
}

}  // namespace hexad::sim
