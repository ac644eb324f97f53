// What a segment keeps of the volume itself: clones share its PGs and have meta values of their own
// there, which are not the volume's business.
#pragma once

#include <optional>
#include <string_view>

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

}  // namespace hexad::sim
