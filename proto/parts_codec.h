// The parts that messages share: envelopes, memberships, manifests, histories.
//
// ToWire never fails. FromWire checks every field of bytes from outside and answers
// INVALID_ARGUMENT with the field's name; what it returns has passed the struct's own Check().
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "proto/segment.pb.h"
#include "quorum/messages.h"

namespace hexad::proto {

void ToWire(const EpochId& epoch, v1::EpochId* out);
void ToWire(const quorum::Envelope& envelope, v1::Envelope* out);
void ToWire(const quorum::Membership& membership, v1::Membership* out);
void ToWire(const quorum::Manifest& manifest, v1::Manifest* out);
void ToWire(const quorum::PgPath& path, v1::PgPath* out);
void ToWire(const quorum::Refused& refused, v1::Refused* out);  // without `from`

// Every bit pattern is a legal epoch and envelope: what they mean is the core's to judge.
EpochId FromWire(const v1::EpochId& wire);
quorum::Envelope FromWire(const v1::Envelope& wire);

absl::StatusOr<quorum::Membership> FromWire(const v1::Membership& wire);
absl::StatusOr<quorum::Manifest> FromWire(const v1::Manifest& wire);
absl::StatusOr<quorum::PgPath> FromWire(const v1::PgPath& wire);
absl::StatusOr<quorum::Refused> FromWire(const v1::Refused& wire);  // without `from`

// The same, but no steps at all are welcome too: a segment that never heard of the timeline.
absl::StatusOr<quorum::PgPath> PathOrNoneFromWire(const v1::PgPath& wire);

// 1 to 32 bytes of [a-z0-9-], as node and AZ names are. `what` names the field.
absl::Status CheckName(std::string_view what, std::string_view name);

// A boxcar's length against kMaxBoxcarBytes, before anything keeps it. Its inside is checked by
// DecodeBoxcar, where it is used.
absl::Status CheckBoxcarSize(size_t bytes);

}  // namespace hexad::proto
