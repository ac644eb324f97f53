#include "proto/node_codec.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/parts_codec.h"

namespace hexad::proto {

void ToWire(const quorum::RosterNode& node, v1::RosterNode* out) {
  out->set_node(node.node.value());
  out->set_az(node.az.value());
  out->set_incarnation(node.incarnation.value());
}

void ToWire(quorum::Ballot ballot, v1::Ballot* out) {
  out->set_number(ballot.number);
  out->set_claimant(ballot.claimant);
}

void ToWire(const quorum::RegisterState& state, v1::RegisterState* out) {
  ToWire(state.promised, out->mutable_promised());
  ToWire(state.accepted, out->mutable_accepted());
  out->set_value(state.value);
}

absl::StatusOr<quorum::RosterNode> FromWire(const v1::RosterNode& wire) {
  if (auto status = CheckName("roster's node", wire.node()); !status.ok()) return status;
  if (auto status = CheckName("roster's az", wire.az()); !status.ok()) return status;
  return quorum::RosterNode{NodeId(wire.node()), AzId(wire.az()), Incarnation(wire.incarnation())};
}

absl::StatusOr<Roster> RosterFromWire(
    const google::protobuf::RepeatedPtrField<v1::RosterNode>& wire) {
  if (wire.empty() || wire.size() > kMaxRosterNodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("roster of ", wire.size(), " nodes; 1 to ", kMaxRosterNodes, " are allowed"));
  }
  Roster roster;
  std::set<std::string> names;
  for (const v1::RosterNode& entry : wire) {
    auto node = FromWire(entry);
    if (!node.ok()) return node.status();
    if (!names.insert(entry.node()).second) {
      return absl::InvalidArgumentError(absl::StrCat("roster names ", entry.node(), " twice"));
    }
    if (entry.incarnation() == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("roster does not know the incarnation of ", entry.node()));
    }
    roster.push_back(*std::move(node));
  }
  return roster;
}

quorum::Ballot FromWire(const v1::Ballot& wire) {
  return quorum::Ballot{wire.number(), wire.claimant()};
}

absl::StatusOr<quorum::RegisterState> FromWire(const v1::RegisterState& wire) {
  if (auto status = CheckRegisterValue(wire.value()); !status.ok()) return status;
  quorum::RegisterState state{FromWire(wire.promised()), FromWire(wire.accepted()), wire.value()};
  if (state.promised.number > quorum::kMaxBallotNumber) {
    return absl::InvalidArgumentError("register with a ballot that none could follow");
  }
  if (state.accepted > state.promised) {
    return absl::InvalidArgumentError("register that accepted more than it promised");
  }
  return state;
}

absl::Status CheckRegisterKey(std::string_view key) {
  const bool legal =
      std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!legal || key.empty() || key.size() > quorum::kMaxRegisterKeyBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a register's key is 1 to ", quorum::kMaxRegisterKeyBytes, " printable bytes"));
  }
  return absl::OkStatus();
}

absl::Status CheckRegisterValue(std::string_view value) {
  if (value.size() > quorum::kMaxRegisterValueBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a register's value of ", value.size(),
                                                   " bytes; at most ",
                                                   quorum::kMaxRegisterValueBytes));
  }
  return absl::OkStatus();
}

}  // namespace hexad::proto
