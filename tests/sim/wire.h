// Messages through their wire format and back, and with a bit turned over on the way.
#pragma once

#include <cstdint>

#include "quorum/messages.h"

namespace hexad::sim {

// Aborts if a message does not come out of its encoding at all.
quorum::SegmentRequest ThroughTheWire(quorum::SegmentRequest request);
quorum::SegmentAnswer ThroughTheWire(quorum::SegmentAnswer answer);

// A bit of the boxcar turned over, if there is one.
quorum::SegmentRequest Corrupted(quorum::SegmentRequest request, uint64_t draw);

}  // namespace hexad::sim
