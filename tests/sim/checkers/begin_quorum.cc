#include "tests/sim/checkers/begin_quorum.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "storage-node/core/segment_state.h"
#include "tests/sim/checkers/volume_meta.h"

namespace hexad::sim {

void BeginQuorumChecker::See(const Event& event) {
  if (const auto* opened = std::get_if<EpochOpened>(&event)) OnOpened(*opened->start);
  if (const auto* persisted = std::get_if<BatchPersisted>(&event)) OnPersisted(*persisted);
}

void BeginQuorumChecker::OnOpened(const quorum::WriterStart& start) {
  first_pg_ = start.manifest.pgs.front().pg;
  for (const quorum::Membership& pg : start.manifest.pgs) {
    ExpectBegun(pg.pg, start.epoch, "is opened");
  }
}

void BeginQuorumChecker::OnPersisted(const BatchPersisted& persisted) {
  for (const storage_node::StoreOp& op : persisted.batch->ops) {
    if (const auto* meta = std::get_if<storage_node::PutMeta>(&op)) {
      const auto name = NameInVolume(meta->key);
      if (!name.has_value() || name->kind != storage_node::MetaKind::kManifest) continue;
      const auto manifest = storage_node::DecodeManifest(meta->value);
      if (!manifest.ok()) continue;
      for (const quorum::Membership& pg : manifest->pgs) {
        listed_[{manifest->written_in, pg.pg}] |= NodeBits{1} << persisted.node;
      }
    } else if (const auto* put = std::get_if<storage_node::PutBoxcar>(&op)) {
      const SeenBoxcar* boxcar = disks_->StartingAt(put->pg, put->first_lsn);
      if (boxcar != nullptr) ExpectBegun(put->pg, boxcar->epoch, "has written");
    }
  }
}

void BeginQuorumChecker::ExpectBegun(PgId pg, EpochId epoch, const char* why) {
  if (!begun_[epoch].insert(pg).second) return;
  const NodeBits nodes = disks_->Begun(pg, epoch);
  Expect(disks_->IsWriteQuorum(pg, nodes), "epoch ", epoch.number, " ", why,
         " and has begun durably on ", std::popcount(nodes), " segments of PG ", pg.value(),
         ": no write quorum");
  const NodeBits lists = listed_[{epoch, pg}];
  Expect(disks_->IsWriteQuorum(first_pg_, lists), "epoch ", epoch.number, " ", why,
         ", and its manifest with PG ", pg.value(), " is on ", std::popcount(lists),
         " segments of the first PG: no write quorum");
}

}  // namespace hexad::sim
