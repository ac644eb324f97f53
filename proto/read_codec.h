// Page reads and gossip as messages. The answer to either may be a refusal.
#pragma once

#include <variant>

#include "absl/status/statusor.h"
#include "proto/segment.pb.h"
#include "quorum/messages.h"

namespace hexad::proto {

using ReadAnswer = std::variant<quorum::PageRead, quorum::Refused>;
using GossipAnswer = std::variant<quorum::GossipFill, quorum::Refused>;

void ToWire(const quorum::ReadPage& read, v1::ReadPageRequest* out);
void ToWire(const ReadAnswer& answer, v1::ReadPageAnswer* out);
void ToWire(const quorum::GossipAsk& ask, v1::GossipAsk* out);
void ToWire(const GossipAnswer& answer, v1::GossipFill* out);

// Every bit pattern is a legal question; whether the page exists is the segment's to say.
quorum::ReadPage FromWire(const v1::ReadPageRequest& wire);
absl::StatusOr<quorum::GossipAsk> FromWire(const v1::GossipAsk& wire);

// These take the page's and the boxcars' bytes out of `wire` instead of copying them.
// A page must have a legal size; the reader compares it to its volume's. A refusal of a page read
// carries no envelope: the caller knows what it asked.
absl::StatusOr<ReadAnswer> FromWire(v1::ReadPageAnswer&& wire);
absl::StatusOr<GossipAnswer> FromWire(v1::GossipFill&& wire);

}  // namespace hexad::proto
