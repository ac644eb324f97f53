// Forming a cluster and its registers, as messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/node.pb.h"
#include "quorum/membership.h"
#include "quorum/register.h"

namespace hexad::proto {

// Nodes of one cluster. More than this is refused before anything is allocated for them.
inline constexpr int kMaxRosterNodes = 1024;

using Roster = std::vector<quorum::RosterNode>;

void ToWire(const quorum::RosterNode& node, v1::RosterNode* out);
void ToWire(quorum::Ballot ballot, v1::Ballot* out);
void ToWire(const quorum::RegisterState& state, v1::RegisterState* out);

absl::StatusOr<quorum::RosterNode> FromWire(const v1::RosterNode& wire);
// Names legal, no node twice, every incarnation known (not 0), not empty.
absl::StatusOr<Roster> RosterFromWire(
    const google::protobuf::RepeatedPtrField<v1::RosterNode>& wire);
quorum::Ballot FromWire(const v1::Ballot& wire);
// kMaxRegisterValueBytes at most; accepted never above promised.
absl::StatusOr<quorum::RegisterState> FromWire(const v1::RegisterState& wire);

// A register's key: 1 to kMaxRegisterKeyBytes of printable ASCII without blanks.
absl::Status CheckRegisterKey(std::string_view key);
absl::Status CheckRegisterValue(std::string_view value);

}  // namespace hexad::proto
