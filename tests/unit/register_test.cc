// The CAS register. The interleavings are enumerated: two proposers, every order in which their
// messages can be handled or lost, and after each the question whether two values were ever
// decided.
#include "quorum/register.h"

#include <functional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace hexad::quorum {
namespace {

const QuorumExpr kTwoOfThree = QuorumExpr::KOf(2, MemberSet::FirstN(3));
const QuorumExpr kFourOfSix = QuorumExpr::KOf(4, MemberSet::FirstN(6));

using Phase = RegisterProposer::Phase;

RegisterProposer::Change Append(const std::string& value) {
  return [value](const std::string& current) -> absl::StatusOr<std::string> {
    return current + value;
  };
}

// What registers a name: its own value found again is success (an earlier attempt was decided).
RegisterProposer::Change CreateIfAbsent(const std::string& value) {
  return [value](const std::string& current) -> absl::StatusOr<std::string> {
    if (current.empty() || current == value) return value;
    return absl::AlreadyExistsError("registered: " + current);
  };
}

// ---- the acceptor

TEST(RegisterAcceptor, PromisesAndAcceptsOnlyUpwards) {
  RegisterState state;
  state = OnPrepare(state, {2, 1}).value();
  EXPECT_FALSE(OnPrepare(state, {1, 9}).has_value());
  EXPECT_FALSE(OnAccept(state, {1, 9}, "low").has_value());
  EXPECT_TRUE(OnPrepare(state, {2, 1}).has_value()) << "a repeated message";
  state = OnAccept(state, {2, 1}, "v").value();
  EXPECT_EQ(state, (RegisterState{{2, 1}, {2, 1}, "v"}));
  state = OnPrepare(state, {3, 0}).value();
  EXPECT_EQ(state, (RegisterState{{3, 0}, {2, 1}, "v"})) << "a promise keeps the value";
  EXPECT_FALSE(OnAccept(state, {2, 1}, "v").has_value());
}

TEST(RegisterAcceptor, ClaimantBreaksTiesOfTheNumber) {
  const RegisterState state = OnPrepare({}, {2, 5}).value();
  EXPECT_FALSE(OnPrepare(state, {2, 4}).has_value());
  EXPECT_TRUE(OnPrepare(state, {2, 6}).has_value());
}

TEST(RegisterAcceptor, OneBallotHasOneValue) {
  const RegisterState state = OnAccept({}, {1, 1}, "a").value();
  EXPECT_TRUE(OnAccept(state, {1, 1}, "a").has_value());
  EXPECT_FALSE(OnAccept(state, {1, 1}, "b").has_value());
}

// ---- the proposer

TEST(RegisterProposer, ChangesTheHighestAcceptedValueItFinds) {
  std::string found = "?";
  RegisterProposer proposer(kTwoOfThree, {5, 1}, [&found](const std::string& current) {
    found = current;
    return absl::StatusOr<std::string>(current + "!");
  });
  proposer.Prepared(0, true, {{5, 1}, {1, 1}, "old"});
  EXPECT_EQ(proposer.phase(), Phase::kPreparing);
  proposer.Prepared(0, true, {{5, 1}, {1, 1}, "old"});  // repeated: counts once
  EXPECT_EQ(proposer.phase(), Phase::kPreparing);
  proposer.Prepared(2, true, {{5, 1}, {3, 2}, "new"});
  ASSERT_EQ(proposer.phase(), Phase::kAccepting);
  EXPECT_EQ(found, "new");
  EXPECT_EQ(proposer.proposal(), "new!");
  proposer.Accepted(1, true, {});
  EXPECT_EQ(proposer.phase(), Phase::kAccepting);
  proposer.Accepted(0, true, {});
  ASSERT_EQ(proposer.phase(), Phase::kDone);
  EXPECT_EQ(*proposer.outcome(), "new!");
}

TEST(RegisterProposer, IsOutrunOnceTheOthersAreTooFew) {
  RegisterProposer proposer(kTwoOfThree, {1, 1}, Append("v"));
  proposer.Prepared(0, false, {{7, 3}, {}, ""});
  EXPECT_EQ(proposer.phase(), Phase::kPreparing) << "two may still grant it";
  proposer.Prepared(1, false, {{9, 2}, {}, ""});
  EXPECT_EQ(proposer.phase(), Phase::kOutrun);
  EXPECT_EQ(proposer.NextNumber(), 10u);
}

TEST(RegisterProposer, AbortedChangeFirstDecidesWhatItReports) {
  RegisterProposer proposer(kTwoOfThree, {5, 1}, CreateIfAbsent("mine"));
  proposer.Prepared(0, true, {{5, 1}, {1, 9}, "theirs"});
  proposer.Prepared(1, true, {});
  ASSERT_EQ(proposer.phase(), Phase::kAccepting);
  EXPECT_EQ(proposer.proposal(), "theirs");
  proposer.Accepted(0, true, {});
  proposer.Accepted(1, true, {});
  ASSERT_EQ(proposer.phase(), Phase::kDone);
  EXPECT_TRUE(absl::IsAlreadyExists(proposer.outcome().status()));
}

// ---- every interleaving

// Acceptors and two proposers, small enough to copy at every branch.
struct Race {
  struct Contender {
    RegisterProposer proposer;
    Ballot ballot;
    MemberSet unasked;  // whose message of this round is still under way
    bool accepting;     // the round: prepare or accept
    // All that the proposer's state follows from, for Key(): who granted and refused in this round,
    // and the highest accepted value that it was shown.
    MemberSet granted;
    MemberSet refused;
    RegisterState best;
  };
  std::vector<RegisterState> acceptors;
  std::vector<Contender> contenders;
  // Ballots and values by acceptor, to see what was ever decided.
  std::vector<std::set<std::pair<Ballot, std::string>>> accepted;
};

Race StartRace(int members, const QuorumExpr& write, bool create) {
  Race race;
  race.acceptors.resize(members);
  race.accepted.resize(members);
  for (uint64_t who = 1; who <= 2; ++who) {
    const std::string value = who == 1 ? "one" : "two";
    const Ballot ballot{1, who};
    race.contenders.push_back(
        {RegisterProposer(write, ballot, create ? CreateIfAbsent(value) : Append(value)),
         ballot,
         MemberSet::FirstN(members),
         false,
         {},
         {},
         {}});
  }
  return race;
}

// One contender's message to one acceptor is handled, and its answer comes at once. (Delays are
// covered: a message that waits is one that is handled later in the order, even after its sender is
// done or outrun.)
void Exchange(Race& race, size_t who, int member, bool lose_answer) {
  Race::Contender& contender = race.contenders[who];
  RegisterState& state = race.acceptors[member];
  contender.unasked.Remove(member);
  const auto next = contender.accepting
                        ? OnAccept(state, contender.ballot, contender.proposer.proposal())
                        : OnPrepare(state, contender.ballot);
  if (next) state = *next;
  if (next && contender.accepting) race.accepted[member].emplace(state.accepted, state.value);
  if (lose_answer) return;
  (next ? contender.granted : contender.refused).Add(member);
  if (contender.accepting) return contender.proposer.Accepted(member, next.has_value(), state);
  if (next && state.accepted > contender.best.accepted) contender.best = state;
  contender.proposer.Prepared(member, next.has_value(), state);
  if (contender.proposer.phase() != Phase::kAccepting) return;
  contender.accepting = true;
  contender.granted = contender.refused = MemberSet();
  contender.unasked = MemberSet::FirstN(static_cast<int>(race.acceptors.size()));
}

bool IsDone(const Race::Contender& contender) { return contender.proposer.phase() == Phase::kDone; }

// Did a write quorum accept what this contender proposed?
bool IsDecided(const Race& race, const Race::Contender& contender, const QuorumExpr& write) {
  MemberSet holders;
  for (size_t i = 0; i < race.accepted.size(); ++i) {
    if (race.accepted[i].contains({contender.ballot, contender.proposer.proposal()})) {
      holders.Add(static_cast<int>(i));
    }
  }
  return write.SatisfiedBy(holders);
}

// Two races with the same key have the same future.
std::string KeyOf(const Race& race, int losses) {
  std::string key = absl::StrCat(losses);
  for (const RegisterState& state : race.acceptors) {
    absl::StrAppend(&key, "|", state.promised.claimant, state.accepted.claimant, state.value);
  }
  for (const auto& pairs : race.accepted) {
    for (const auto& [ballot, value] : pairs) absl::StrAppend(&key, ballot.claimant, value);
    absl::StrAppend(&key, "/");
  }
  for (const Race::Contender& contender : race.contenders) {
    absl::StrAppend(&key, "|", contender.unasked.bits(), ",", contender.granted.bits(), ",",
                    contender.refused.bits(), ",", contender.accepting ? "a" : "p",
                    contender.best.value, contender.proposer.proposal(),
                    static_cast<int>(contender.proposer.phase()));
  }
  return key;
}

// Every order in which the contenders' next messages reach members; `members_in_order` cuts the
// symmetric ones for six members.
struct Explorer {
  std::function<void(const Race&)> at_end;
  bool members_in_order = false;
  std::unordered_set<std::string> seen;
  size_t ends = 0;

  void Explore(const Race& race, int losses) {
    if (!seen.insert(KeyOf(race, losses)).second) return;
    bool moved = false;
    for (size_t who = 0; who < race.contenders.size(); ++who) {
      for (size_t member = 0; member < race.acceptors.size(); ++member) {
        const int index = static_cast<int>(member);
        if (!race.contenders[who].unasked.Has(index)) continue;
        moved = true;
        Race next = race;
        Exchange(next, who, index, /*lose_answer=*/false);
        Explore(next, losses);
        if (losses > 0) {
          Race answer_lost = race;
          Exchange(answer_lost, who, index, /*lose_answer=*/true);
          Explore(answer_lost, losses - 1);
          Race request_lost = race;
          request_lost.contenders[who].unasked.Remove(index);
          Explore(request_lost, losses - 1);
        }
        if (members_in_order) break;
      }
    }
    if (moved) return;
    ++ends;
    at_end(race);
  }
};

// What both rounds promise, whatever was lost. The second contender has the higher ballot.
void ExpectSaneEnd(const Race& race, const QuorumExpr& write) {
  const bool first = IsDecided(race, race.contenders[0], write);
  const bool second = IsDecided(race, race.contenders[1], write);
  for (const Race::Contender& contender : race.contenders) {
    ASSERT_TRUE(!IsDone(contender) || IsDecided(race, contender, write)) << "reported, not decided";
  }
  // What is decided later has grown from what was decided before.
  if (first && second) {
    ASSERT_EQ(race.contenders[1].best.value, race.contenders[0].proposer.proposal());
  }
}

int Created(const Race& race) {
  int created = 0;
  for (const Race::Contender& contender : race.contenders) {
    created += IsDone(contender) && contender.proposer.outcome().ok() ? 1 : 0;
  }
  return created;
}

TEST(RegisterInterleavings, NoUpdateOfThreeMembersIsLost) {
  Explorer explorer;
  explorer.at_end = [](const Race& race) { ExpectSaneEnd(race, kTwoOfThree); };
  explorer.Explore(StartRace(3, kTwoOfThree, /*create=*/false), /*losses=*/2);
  EXPECT_GT(explorer.seen.size(), 20000u);
}

TEST(RegisterInterleavings, CreateIfAbsentOfThreeCreatesAtMostOnce) {
  Explorer explorer;
  explorer.at_end = [](const Race& race) {
    ExpectSaneEnd(race, kTwoOfThree);
    ASSERT_LE(Created(race), 1);
  };
  explorer.Explore(StartRace(3, kTwoOfThree, /*create=*/true), /*losses=*/2);
  EXPECT_GT(explorer.seen.size(), 20000u);
}

TEST(RegisterInterleavings, CreateIfAbsentOfSixCreatesAtMostOnce) {
  Explorer explorer;
  explorer.members_in_order = true;
  explorer.at_end = [](const Race& race) {
    ExpectSaneEnd(race, kFourOfSix);
    ASSERT_LE(Created(race), 1);
  };
  explorer.Explore(StartRace(6, kFourOfSix, /*create=*/true), /*losses=*/2);
  EXPECT_GT(explorer.seen.size(), 20000u);
}

// After any race each contender tries again, alone, with a higher ballot, until it is done: then
// exactly one has its value, and the other is told that the name exists.
TEST(RegisterInterleavings, ExactlyOneCreatesAndTheOtherIsTold) {
  Explorer explorer;
  explorer.at_end = [](const Race& race) {
    Race after = race;
    int created = 0;
    int told = 0;
    for (size_t who = 0; who < 2; ++who) {
      Race::Contender& contender = after.contenders[who];
      if (!IsDone(contender)) {
        const Ballot ballot{contender.proposer.NextNumber() + who, contender.ballot.claimant};
        contender = {
            RegisterProposer(kTwoOfThree, ballot, CreateIfAbsent(who == 0 ? "one" : "two")),
            ballot,
            MemberSet::FirstN(3),
            false,
            {},
            {},
            {}};
        for (int pass = 0; pass < 2; ++pass) {
          for (int member = 0; member < 3; ++member) {
            if (contender.unasked.Has(member)) Exchange(after, who, member, false);
          }
        }
      }
      ASSERT_TRUE(IsDone(contender));
      created += contender.proposer.outcome().ok() ? 1 : 0;
      told += absl::IsAlreadyExists(contender.proposer.outcome().status()) ? 1 : 0;
    }
    ASSERT_EQ(created, 1);
    ASSERT_EQ(told, 1);
  };
  explorer.Explore(StartRace(3, kTwoOfThree, /*create=*/true), /*losses=*/2);
}

}  // namespace
}  // namespace hexad::quorum
