// The acceptor's two rules and the proposer's two rounds. Why a value, once decided, stays: accept
// at a write quorum means every later prepare meets an acceptor that holds it, and that acceptor's
// ballot is the highest accepted one there (a higher one could only have been accepted by a
// proposer that had prepared, and so found it, before).
#include "quorum/register.h"

#include <algorithm>
#include <utility>

#include "quorum/base/check.h"

namespace hexad::quorum {

// An equal ballot is granted again: a repeated message of the same proposer must not undo it.
std::optional<RegisterState> OnPrepare(const RegisterState& state, Ballot ballot) {
  if (ballot < state.promised) return std::nullopt;
  RegisterState next = state;
  next.promised = ballot;
  return next;
}

std::optional<RegisterState> OnAccept(const RegisterState& state, Ballot ballot,
                                      std::string value) {
  if (ballot < state.promised) return std::nullopt;
  // One ballot proposes one value. Whoever sends two has reused a claimant's number; believing the
  // second could undo a decision.
  if (ballot == state.accepted && value != state.value) return std::nullopt;
  return RegisterState{ballot, ballot, std::move(value)};
}

RegisterProposer::RegisterProposer(QuorumExpr write, Ballot ballot, Change change)
    : write_(std::move(write)), ballot_(ballot), change_(std::move(change)), highest_(ballot) {
  INVARIANT(ballot_.number > 0);  // {0, 0} stands for "never promised, never accepted"
  INVARIANT(change_ != nullptr);
}

void RegisterProposer::Refused(int member, const RegisterState& state) {
  highest_ = std::max(highest_, state.promised);
  refused_.Add(member);
  if (!write_.SatisfiedBy(write_.members() - refused_)) phase_ = Phase::kOutrun;
}

void RegisterProposer::Prepared(int member, bool granted, const RegisterState& state) {
  if (phase_ != Phase::kPreparing || !write_.members().Has(member)) return;
  if (!granted) {
    Refused(member, state);
    return;
  }
  granted_.Add(member);
  if (state.accepted > best_.accepted) best_ = state;
  if (!write_.SatisfiedBy(granted_)) return;

  outcome_ = change_(best_.value);
  proposal_ = outcome_.ok() ? *outcome_ : best_.value;
  refused_ = MemberSet();  // the second round is counted by itself
  phase_ = Phase::kAccepting;
}

void RegisterProposer::Accepted(int member, bool granted, const RegisterState& state) {
  if (phase_ != Phase::kAccepting || !write_.members().Has(member)) return;
  if (!granted) {
    Refused(member, state);
    return;
  }
  accepted_.Add(member);
  if (write_.SatisfiedBy(accepted_)) phase_ = Phase::kDone;
}

}  // namespace hexad::quorum
