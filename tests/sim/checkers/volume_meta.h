// What a segment keeps of the volume itself: clones share its PGs and have meta values of their own
// there, which are not the volume's business.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <variant>

#include "storage-node/core/segment_state.h"
#include "storage-node/io/segment_store.h"
#include "tests/sim/event.h"

namespace hexad::sim {

// Nothing: no such key, or a clone's.
inline std::optional<storage_node::MetaName> NameInVolume(std::string_view key) {
  const auto name = storage_node::ParseMetaKey(key);
  if (!name.ok()) return std::nullopt;
  const bool of_pg = name->kind == storage_node::MetaKind::kConfig;
  if (!of_pg && name->timeline != kVolume) return std::nullopt;
  return *name;
}

// The highest R of any manifest that a disk has kept.
class HighestRetained {
 public:
  void See(const BatchPersisted& persisted) {
    for (const storage_node::StoreOp& op : persisted.batch->ops) {
      const auto* meta = std::get_if<storage_node::PutMeta>(&op);
      if (meta == nullptr) continue;
      const auto name = NameInVolume(meta->key);
      if (!name.has_value() || name->kind != storage_node::MetaKind::kManifest) continue;
      const auto manifest = storage_node::DecodeManifest(meta->value);
      if (manifest.ok()) from_ = std::max(from_, manifest->retained_from);
    }
  }
  Lsn from() const { return from_; }

 private:
  Lsn from_;
};

}  // namespace hexad::sim
