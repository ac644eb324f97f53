#include "compute/io/register_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/io/clocks.h"
#include "compute/io/gather.h"
#include "proto/node_codec.h"
#include "quorum/base/checksum.h"
#include "quorum/base/prng.h"

namespace hexad::compute {
namespace {

using quorum::Ballot;
using quorum::MemberSet;
using quorum::QuorumExpr;
using quorum::RegisterProposer;
using quorum::RegisterState;

using Votes = Gather<v1::RegisterAnswer>;
using Views = Gather<v1::ReadRegistersAnswer>;
constexpr Duration kRound = Duration::Seconds(1);

// Six acceptors where there are enough nodes; a development cluster has fewer.
constexpr int kCopies[] = {6, 3, 1};
int WriteOf(int copies) { return copies / 2 + 1; }
int ReadOf(int copies) { return copies - WriteOf(copies) + 1; }

// Enough for one round: a write quorum granted, or none can.
bool Settled(const Votes::Answers& votes) {
  const int copies = static_cast<int>(votes.size());
  int granted = 0;
  int lost = 0;
  for (const auto& vote : votes) {
    if (!vote.has_value()) continue;
    ++(vote->ok() && (*vote)->granted() ? granted : lost);
  }
  return granted >= WriteOf(copies) || lost > copies - WriteOf(copies);
}

// Hands each well-formed vote to the proposer.
template <class Take>
void ForEachVote(const Votes::Answers& votes, Take take) {
  for (size_t i = 0; i < votes.size(); ++i) {
    if (!votes[i].has_value() || !votes[i]->ok()) continue;
    const auto state = proto::FromWire((*votes[i])->state());
    if (state.ok()) take(static_cast<int>(i), (*votes[i])->granted(), *state);
  }
}

// The newest accepted state of `key` in one node's view; nothing accepted if it has none.
RegisterState FindIn(const v1::ReadRegistersAnswer& view, const std::string& key) {
  for (const auto& entry : view.entries()) {
    if (entry.key() != key) continue;
    const auto state = proto::FromWire(entry.state());
    if (state.ok()) return *state;
  }
  return RegisterState{};
}

}  // namespace

absl::StatusOr<std::vector<std::shared_ptr<NodeChannel>>> RegisterClient::Place(
    const std::string& key) const {
  absl::Status status;
  for (const int copies : kCopies) {
    const auto members = quorum::PlaceSegments(Checksum(key), nodes_->roster, copies);
    if (!members.ok()) {
      status = members.status();
      continue;
    }
    std::vector<std::shared_ptr<NodeChannel>> channels;
    for (const quorum::Member& member : *members) {
      auto channel = nodes_->ChannelOf(member.node);
      if (!channel.ok()) return channel.status();
      channels.push_back(*std::move(channel));
    }
    return channels;
  }
  return status;
}

absl::Status RegisterClient::Attempt(const std::string& key,
                                     const std::vector<std::shared_ptr<NodeChannel>>& acceptors,
                                     RegisterProposer& proposer, Ballot ballot) {
  const auto ask = [&](auto send) {
    auto gather = std::make_shared<Votes>(acceptors.size(), nodes_->port->NewEvent(), Settled);
    for (size_t i = 0; i < acceptors.size(); ++i) {
      send(*acceptors[i], [gather, i](auto vote) { gather->Add(i, std::move(vote)); });
    }
    return gather->WaitUntil(nodes_->port->Now() + kRound);
  };
  v1::PrepareRegisterRequest prepare;
  prepare.set_cluster(nodes_->id.value());
  prepare.set_key(key);
  proto::ToWire(ballot, prepare.mutable_ballot());
  ForEachVote(ask([&](NodeChannel& node, auto done) { node.Prepare(prepare, kRound, done); }),
              [&](int member, bool granted, const RegisterState& state) {
                proposer.Prepared(member, granted, state);
              });
  if (proposer.phase() == RegisterProposer::Phase::kAccepting) {
    v1::AcceptRegisterRequest accept;
    accept.set_cluster(nodes_->id.value());
    accept.set_key(key);
    proto::ToWire(ballot, accept.mutable_ballot());
    accept.set_value(proposer.proposal());
    ForEachVote(ask([&](NodeChannel& node, auto done) { node.Accept(accept, kRound, done); }),
                [&](int member, bool granted, const RegisterState& state) {
                  proposer.Accepted(member, granted, state);
                });
  }
  switch (proposer.phase()) {
    case RegisterProposer::Phase::kDone:
      return absl::OkStatus();
    case RegisterProposer::Phase::kOutrun:
      return absl::UnavailableError(absl::StrCat("register ", key, ": outrun by another proposer"));
    default:
      return absl::UnavailableError(absl::StrCat("register ", key, ": fewer than ",
                                                 WriteOf(static_cast<int>(acceptors.size())),
                                                 " of ", acceptors.size(), " nodes answer"));
  }
}

absl::StatusOr<std::string> RegisterClient::Change(const std::string& key, Duration timeout,
                                                   const RegisterProposer::Change& change) {
  const auto acceptors = Place(key);
  if (!acceptors.ok()) return acceptors.status();
  const int copies = static_cast<int>(acceptors->size());
  const QuorumExpr write = QuorumExpr::KOf(WriteOf(copies), MemberSet::FirstN(copies));
  const Instant deadline = nodes_->port->Now() + timeout;
  Prng pause(RandomNumber());
  uint64_t number = 1;
  for (bool first = true;; first = false) {
    const Ballot ballot{number, RandomNumber()};
    RegisterProposer proposer(write, ballot, change);
    const absl::Status attempt = Attempt(key, *acceptors, proposer, ballot);
    if (attempt.ok()) return proposer.outcome();
    number = proposer.NextNumber();
    // Most often by a ballot of long ago: the key had a value once.
    const bool outrun = proposer.phase() == RegisterProposer::Phase::kOutrun;
    if (first && outrun) continue;
    const auto millis = static_cast<int64_t>(10 + pause.Below(90));
    const Instant next = nodes_->port->Now() + Duration::Millis(millis);
    if (next >= deadline) return attempt;
    nodes_->port->NewEvent()->WaitUntil(next);
  }
}

absl::StatusOr<std::string> RegisterClient::Read(const std::string& key, Duration timeout) {
  const auto acceptors = Place(key);
  if (!acceptors.ok()) return acceptors.status();
  const int copies = static_cast<int>(acceptors->size());
  auto gather = std::make_shared<Views>(
      acceptors->size(), nodes_->port->NewEvent(),
      [copies](const auto& views) { return CountOk(views) >= WriteOf(copies); });
  v1::ReadRegistersRequest ask;
  ask.set_cluster(nodes_->id.value());
  ask.set_prefix(key);
  for (size_t i = 0; i < acceptors->size(); ++i) {
    (*acceptors)[i]->ReadRegisters(ask, timeout,
                                   [gather, i](auto view) { gather->Add(i, std::move(view)); });
  }
  const auto views = gather->WaitUntil(nodes_->port->Now() + timeout);
  if (CountOk(views) < ReadOf(copies)) {
    return absl::UnavailableError(absl::StrCat("register ", key, ": ", CountOk(views), " of ",
                                               copies, " nodes answer, but ", ReadOf(copies),
                                               " must"));
  }
  RegisterState best;
  int holders = 0;
  for (const auto& view : views) {
    if (!view.has_value() || !view->ok()) continue;
    const RegisterState state = FindIn(**view, key);
    if (state.accepted > best.accepted) {
      best = state;
      holders = 0;
    }
    holders += state.accepted == best.accepted ? 1 : 0;
  }
  // Seen at fewer than a write quorum it may not be decided: somebody's change is under way, or
  // died half-way. Deciding it is what any next proposer would do. With three nodes left that
  // cannot be done, and the value, which no one can change meanwhile, is the answer.
  if (holders < WriteOf(copies) && CountOk(views) >= WriteOf(copies)) {
    return Change(key, timeout, [](const std::string& current) { return current; });
  }
  return best.value;
}

absl::StatusOr<std::map<std::string, std::string>> RegisterClient::ReadAll(
    const std::string& prefix, Duration timeout) {
  const size_t all = nodes_->channels.size();
  auto gather =
      std::make_shared<Views>(all, nodes_->port->NewEvent(), [](const auto&) { return false; });
  v1::ReadRegistersRequest ask;
  ask.set_cluster(nodes_->id.value());
  ask.set_prefix(prefix);
  size_t i = 0;
  for (const auto& [id, channel] : nodes_->channels) {
    channel->ReadRegisters(ask, timeout,
                           [gather, i](auto view) { gather->Add(i, std::move(view)); });
    ++i;
  }
  const auto views = gather->WaitUntil(nodes_->port->Now() + timeout);
  const int silent = static_cast<int>(all) - CountOk(views);
  const int copies = all >= 6 ? 6 : all >= 3 ? 3 : 1;
  if (silent > copies - ReadOf(copies)) {
    return absl::UnavailableError(
        absl::StrCat(silent, " of ", all, " nodes do not answer: a name ", "may be missed"));
  }
  std::map<std::string, RegisterState> best;
  for (const auto& view : views) {
    if (!view.has_value() || !view->ok()) continue;
    for (const auto& entry : (*view)->entries()) {
      const auto state = proto::FromWire(entry.state());
      if (!state.ok() || !entry.key().starts_with(prefix)) continue;
      RegisterState& known = best[entry.key()];
      if (state->accepted > known.accepted) known = *state;
    }
  }
  std::map<std::string, std::string> values;
  for (const auto& [key, state] : best) {
    if (!state.value.empty()) values[key] = state.value;
  }
  return values;
}

}  // namespace hexad::compute
