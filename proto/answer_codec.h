// What a segment answers, as messages. Frames of them are frame_codec.h's.
#pragma once

#include "absl/status/statusor.h"
#include "proto/segment.pb.h"
#include "quorum/messages.h"

namespace hexad::proto {

void ToWire(const quorum::SegmentAnswer& answer, v1::SegmentAnswer* out);

// Takes the boxcars' bytes out of `wire` instead of copying them.
absl::StatusOr<quorum::SegmentAnswer> FromWire(v1::SegmentAnswer&& wire);

}  // namespace hexad::proto
