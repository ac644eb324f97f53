// One small value that many may try to change at once, decided by ballots over a fixed set of nodes
// (a CAS register: Paxos whose proposer changes the value it finds). It decides names, and later
// memberships; it is the only consensus in Hexad and never on the I/O path.
//
//   prepare(ballot) at a write quorum  ->  highest accepted value among the answers
//   change it                          ->  accept(ballot, value) at a write quorum
//
// Two write quorums meet (4 + 4 > 6), so a value that was accepted at a write quorum is what every
// later prepare finds. Acceptors persist before they answer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/quorum_set.h"

namespace hexad::quorum {

struct Ballot {
  uint64_t number = 0;
  uint64_t claimant = 0;
  friend constexpr auto operator<=>(const Ballot&, const Ballot&) = default;
  friend constexpr bool operator==(const Ballot&, const Ballot&) = default;
};

// What an acceptor keeps, durably, per key. An empty value means "nothing is registered".
struct RegisterState {
  Ballot promised;
  Ballot accepted;
  std::string value;
  friend bool operator==(const RegisterState&, const RegisterState&) = default;
};

// Above every number that proposers come to by counting; below it there is always a next one.
inline constexpr uint64_t kMaxBallotNumber = uint64_t{1} << 62;
inline constexpr size_t kMaxRegisterKeyBytes = 256;
inline constexpr size_t kMaxRegisterValueBytes = size_t{64} * 1024;

// Acceptor rules, pure: the state to persist before answering, or nothing if the request is refused
// (then answer with the unchanged state, whose `promised` tells the proposer what to beat).
std::optional<RegisterState> OnPrepare(const RegisterState& state, Ballot ballot);
std::optional<RegisterState> OnAccept(const RegisterState& state, Ballot ballot, std::string value);

// One attempt of one proposer, as a state machine over the members' answers.
class RegisterProposer {
 public:
  // Given the current value ("" = none), the value to write; a status aborts the attempt (for
  // example ALREADY_EXISTS) after the current value has been re-accepted, so that what was reported
  // is decided.
  using Change = std::function<absl::StatusOr<std::string>(const std::string& current)>;

  RegisterProposer(QuorumExpr write, Ballot ballot, Change change);

  enum class Phase { kPreparing, kAccepting, kDone, kOutrun };
  Phase phase() const { return phase_; }

  // A member's answer to prepare: granted or not, and its state.
  void Prepared(int member, bool granted, const RegisterState& state);
  // In kAccepting: what to send.
  const std::string& proposal() const { return proposal_; }
  void Accepted(int member, bool granted, const RegisterState& state);

  // In kDone: the change's outcome, with the value that is now registered.
  const absl::StatusOr<std::string>& outcome() const { return outcome_; }
  // A ballot number that beats everything seen: for the next attempt, after kOutrun, or after
  // waiting long enough for members that do not answer. Whether an attempt that was outrun while
  // accepting has been decided is for the next one to find out: `change` may be given its own
  // value.
  uint64_t NextNumber() const { return highest_.number + 1; }

 private:
  // kOutrun once those that did not refuse are too few.
  void Refused(int member, const RegisterState& state);

  QuorumExpr write_;
  Ballot ballot_;
  Change change_;
  Phase phase_ = Phase::kPreparing;
  MemberSet granted_;
  MemberSet accepted_;
  MemberSet refused_;  // in this phase
  RegisterState best_;
  Ballot highest_;
  std::string proposal_;
  absl::StatusOr<std::string> outcome_{std::string()};
};

}  // namespace hexad::quorum
