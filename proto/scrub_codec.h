// The scrub's question and answer as messages.
#pragma once

#include <variant>

#include "absl/status/statusor.h"
#include "proto/segment.pb.h"
#include "quorum/messages.h"

namespace hexad::proto {

using ScrubAnswer = std::variant<quorum::ScrubFill, quorum::Refused>;

void ToWire(const quorum::ScrubAsk& ask, v1::ScrubAsk* out);
void ToWire(const ScrubAnswer& answer, v1::ScrubFill* out);

// Every bit pattern is a legal question; whether it can be answered is the segment's to say.
quorum::ScrubAsk FromWire(const v1::ScrubAsk& wire);
// Takes the versions' bytes out of `wire`. What they say is for the segment that asked to check.
absl::StatusOr<ScrubAnswer> FromWire(v1::ScrubFill&& wire);

}  // namespace hexad::proto
