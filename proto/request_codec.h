// What a writer asks of a segment, as messages. Frames of them are frame_codec.h's.
#pragma once

#include "absl/status/statusor.h"
#include "proto/segment.pb.h"
#include "quorum/messages.h"

namespace hexad::proto {

void ToWire(const quorum::SegmentRequest& request, v1::SegmentRequest* out);

// Takes the boxcars' bytes out of `wire` instead of copying them.
absl::StatusOr<quorum::SegmentRequest> FromWire(v1::SegmentRequest&& wire);

}  // namespace hexad::proto
