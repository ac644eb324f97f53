// Where the clones of a volume are. A segment that has missed a clone does not know that it must
// keep the parent's log for it: dropped there, the parent is gone, and the clone can never be given
// to that segment any more (docs/fork.md, Dropping).
#pragma once

#include <string>
#include <vector>

#include "proto/node.pb.h"
#include "quorum/base/types.h"

namespace hexad::compute {

// Of each clone of `parent`, and of their clones, the nodes that keep a segment of the parent and
// lack the clone's there: "dev is not on n5, n6". By what the nodes that answered say.
std::vector<std::string> ClonesNotEverywhere(const std::vector<v1::NodeDescription>& nodes,
                                             TimelineId parent);

}  // namespace hexad::compute
