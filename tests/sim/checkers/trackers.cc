#include "tests/sim/checkers/trackers.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void TrackersChecker::See(const Event& event) {
  if (const auto* issued = std::get_if<MtrIssued>(&event)) {
    mtrs_.emplace(issued->commit, std::pair(issued->epoch, issued->first));
  } else if (const auto* replied = std::get_if<SegmentReplied>(&event)) {
    OnAnswer(replied->node, *replied->answer);
  } else if (const auto* moved = std::get_if<VdlMoved>(&event)) {
    OnVdl(*moved);
  }
}

// ---- VDL ----------------------------------------------------------------------------------------

void TrackersChecker::OnAnswer(NodeIndex node, const quorum::SegmentAnswer& answer) {
  const auto learn = [&](const quorum::Envelope& from, Lsn scl) {
    Lsn& told = told_[{from.epoch, from.pg, node}];
    told = std::max(told, scl);
  };
  if (const auto* ack = std::get_if<quorum::Ack>(&answer)) learn(ack->from, ack->scl);
  if (const auto* begun = std::get_if<quorum::Begun>(&answer)) learn(begun->from, begun->scl);
}

void TrackersChecker::OnVdl(const VdlMoved& moved) {
  Lsn& before = vdl_[moved.epoch];
  std::map<PgId, Lsn> last;  // of each PG, above the VDL before
  for (auto mtr = mtrs_.upper_bound(before); mtr != mtrs_.end() && mtr->first <= moved.vdl; ++mtr) {
    if (mtr->second.first != moved.epoch) continue;
    for (Lsn lsn = mtr->second.second; lsn <= mtr->first; lsn = lsn.Next()) {
      const SeenBoxcar* boxcar = disks_->Holding(lsn);
      Expect(boxcar != nullptr, "VDL ", moved.vdl.value(), " of epoch ", moved.epoch.number,
             " is above LSN ", lsn.value(), ", which no disk has ever held");
      if (boxcar != nullptr) last[boxcar->pg] = lsn;
    }
  }
  before = std::max(before, moved.vdl);
  for (const auto& [pg, lsn] : last) {
    NodeBits whole = 0;
    const NodeBits members = disks_->MembersOf(pg);
    for (NodeIndex node = 0; node < 32; ++node) {
      if (!Has(members, node)) continue;
      const auto told = told_.find({moved.epoch, pg, node});
      if (told != told_.end() && told->second >= lsn) whole |= NodeBits{1} << node;
    }
    Expect(disks_->IsWriteQuorum(pg, whole), "VDL ", moved.vdl.value(), " of epoch ",
           moved.epoch.number, " is told, and ", std::popcount(whole), " segments of PG ",
           pg.value(), " have acknowledged its LSN ", lsn.value(), ": no write quorum");
  }
}

// ---- SCL ----------------------------------------------------------------------------------------

void TrackersChecker::Look(const WorldView& world) {
  for (NodeIndex node = 0; node < world.nodes(); ++node) LookAt(world, node);
}

void TrackersChecker::LookAt(const WorldView& world, NodeIndex node) {
  const storage_node::NodeCore* core = world.core(node);
  if (core == nullptr || world.harmed(node)) return;
  for (const storage_node::SegmentDescription& d : core->Describe(world.now())) {
    if (d.timeline != kVolume) continue;
    const SeenSegment* segment = disks_->Segment(node, d.pg);
    if (segment == nullptr || !segment->path.has_value()) {
      Fail(absl::StrCat("n", node + 1, " has PG ", d.pg.value(), ", and its disk does not"));
      continue;
    }
    const quorum::Path& path = segment->path->path;
    Expect(d.begun == path.epoch(), "n", node + 1, " has begun epoch ", d.begun.number, " of PG ",
           d.pg.value(), ", its disk holds ", path.Describe());
    auto& [epoch, scl] = walked_[{node, d.pg}];
    if (epoch != path.epoch()) scl = Lsn::None();
    epoch = path.epoch();
    scl = disks_->SclOf(node, d.pg, path, scl);
    Expect(d.scl == scl, "n", node + 1, " has SCL ", d.scl.value(), " of PG ", d.pg.value(),
           "; what it holds is whole up to ", scl.value(), " on ", path.Describe());
  }
}

}  // namespace hexad::sim
