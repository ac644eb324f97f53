#include "tests/sim/checkers/manifest.h"

#include "absl/strings/str_cat.h"
#include "storage-node/core/segment_state.h"
#include "tests/sim/checkers/volume_meta.h"

namespace hexad::sim {

void ManifestChecker::See(const Event& event) {
  if (const auto* harm = std::get_if<DiskHarmed>(&event)) harmed_.insert(harm->node);
  const auto* persisted = std::get_if<BatchPersisted>(&event);
  if (persisted == nullptr || harmed_.contains(persisted->node)) return;
  for (const storage_node::StoreOp& op : persisted->batch->ops) {
    const auto* meta = std::get_if<storage_node::PutMeta>(&op);
    if (meta == nullptr) continue;
    const auto name = NameInVolume(meta->key);
    if (!name.has_value() || name->kind != storage_node::MetaKind::kManifest) continue;
    const auto manifest = storage_node::DecodeManifest(meta->value);
    if (!manifest.ok()) continue;
    auto& newest = newest_[{persisted->node, name->pg}];
    const std::pair written(manifest->written_in, manifest->geometry_epoch);
    Expect(written >= newest, "n", persisted->node + 1, " replaces its manifest of epoch ",
           newest.first.number, ", geometry ", newest.second.value(), " by one of epoch ",
           written.first.number, ", geometry ", written.second.value());
    newest = written;
  }
}

}  // namespace hexad::sim
