#include "compute/host/orphan_clones.h"

namespace hexad::compute {

std::vector<FoundClone> OrphanWatch::ToDrop(const std::vector<FoundClone>& found, Instant now,
                                            const OwnerOf& owner_of) {
  std::vector<FoundClone> drop;
  std::map<TimelineId, Instant> nameless;
  for (const FoundClone& clone : found) {
    const auto owner = owner_of(clone.name);
    // Not knowing is no reason to drop; and a clone that has its name is none of this watch's.
    if (!owner.ok() || *owner == clone.timeline) continue;
    const auto before = nameless_since_.find(clone.timeline);
    const Instant since = before == nameless_since_.end() ? now : before->second;
    if (*owner != TimelineId() || now - since >= kPatience) drop.push_back(clone);
    // Until it is gone: a node that is down keeps its part of it.
    nameless[clone.timeline] = since;
  }
  nameless_since_ = std::move(nameless);
  return drop;
}

}  // namespace hexad::compute
