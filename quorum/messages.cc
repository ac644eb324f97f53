#include "quorum/messages.h"

#include <utility>

namespace hexad::quorum {

SegmentRequest CreationOf(const CreateSegment& create, const PgPath& path, size_t pg_index) {
  const bool own = create.to.pg == MakePgId(create.to.timeline, static_cast<uint32_t>(pg_index));
  if (own || InheritedBy(path).empty()) return create;
  auto root = HistoryOf(path, EpochId::Root());
  if (!root.has_value()) return create;  // no clone's history: refused there
  return CreateTimeline{create.to, *std::move(root), std::nullopt};
}

}  // namespace hexad::quorum
