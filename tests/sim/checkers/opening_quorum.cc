#include "tests/sim/checkers/opening_quorum.h"

#include <bit>

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void OpeningQuorumChecker::See(const Event& event) {
  if (const auto* asked = std::get_if<OpeningAsked>(&event)) OnAsked(*asked);
  if (const auto* heard = std::get_if<OpeningHeard>(&event)) OnHeard(*heard);
}

void OpeningQuorumChecker::OnAsked(const OpeningAsked& asked) {
  if (std::holds_alternative<quorum::Poll>(*asked.request)) return;  // of no epoch yet
  const quorum::Envelope& to =
      std::visit([](const auto& r) -> const quorum::Envelope& { return r.to; }, *asked.request);
  const auto [at, is_new] = attempts_.try_emplace(to.epoch);
  Attempt& attempt = at->second;
  if (is_new) attempt.opener = asked.opener;
  Expect(attempt.opener == asked.opener, "epoch ", to.epoch.number,
         " is taken by two openings: ", "of process ", attempt.opener, " and of process ",
         asked.opener);
  attempt.pgs.try_emplace(to.pg);
  if (attempt.begins || !std::holds_alternative<quorum::Begin>(*asked.request)) return;
  attempt.begins = true;
  ExpectReadQuorums(to.epoch, attempt);
}

void OpeningQuorumChecker::OnHeard(const OpeningHeard& heard) {
  const bool promises = std::holds_alternative<quorum::Promised>(*heard.answer);
  const bool lists = std::holds_alternative<quorum::InventoryTaken>(*heard.answer);
  if (!promises && !lists) return;
  const quorum::Envelope& from =
      std::visit([](const auto& a) -> const quorum::Envelope& { return a.from; }, *heard.answer);
  const auto attempt = attempts_.find(from.epoch);
  if (attempt == attempts_.end() || attempt->second.opener != heard.opener) return;
  Heard& of_pg = attempt->second.pgs[from.pg];
  (promises ? of_pg.promised : of_pg.listed) |= NodeBits{1} << heard.node;
}

void OpeningQuorumChecker::ExpectReadQuorums(EpochId epoch, const Attempt& attempt) {
  for (const auto& [pg, heard] : attempt.pgs) {
    const quorum::Membership* membership = disks_->MembershipOf(pg);
    if (membership == nullptr) {
      return Fail(absl::StrCat("epoch ", epoch.number, " begins with PG ", pg.value(),
                               ", which no disk knows"));
    }
    const int read = static_cast<int>(membership->members.size() - membership->write + 1);
    const NodeBits members = disks_->MembersOf(pg);
    const int promised = std::popcount(heard.promised & members);
    const int listed = std::popcount(heard.listed & members);
    Expect(promised >= read && listed >= read, "epoch ", epoch.number, " begins, and of PG ",
           pg.value(), " ", promised, " segments have promised it and ", listed,
           " have listed what they hold: no read quorum");
  }
}

}  // namespace hexad::sim
