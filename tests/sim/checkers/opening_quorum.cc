#include "tests/sim/checkers/opening_quorum.h"

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void OpeningQuorumChecker::See(const Event& event) {
  if (const auto* asked = std::get_if<OpeningAsked>(&event)) OnAsked(*asked);
  if (const auto* heard = std::get_if<OpeningHeard>(&event)) OnHeard(*heard);
  if (const auto* begins = std::get_if<OpeningBegins>(&event)) OnBegins(*begins);
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

void OpeningQuorumChecker::OnBegins(const OpeningBegins& begins) {
  Attempt& attempt = attempts_[begins.epoch];
  for (const backtrack::OpeningCount& count : *begins.counts) {
    const quorum::Membership* membership = disks_->MembershipOf(count.pg);
    if (membership == nullptr) {
      return Fail(absl::StrCat("epoch ", begins.epoch.number, " begins with PG ", count.pg.value(),
                               ", which no disk knows"));
    }
    const int read = static_cast<int>(membership->members.size() - membership->write + 1);
    Expect(count.promised.size() >= read && count.listed.size() >= read, "epoch ",
           begins.epoch.number, " begins, and of PG ", count.pg.value(), " ", count.promised.size(),
           " segments have promised it and ", count.listed.size(),
           " have listed what they hold: no read quorum");
    ExpectSaid(begins.epoch, count, attempt.pgs[count.pg]);
  }
}

void OpeningQuorumChecker::ExpectSaid(EpochId epoch, const backtrack::OpeningCount& count,
                                      const Heard& heard) {
  const quorum::Membership& membership = *disks_->MembershipOf(count.pg);
  for (NodeIndex node = 0; node < 32; ++node) {
    const auto member = membership.IndexOf(NameOfNode(node));
    if (!member.has_value()) continue;
    Expect(!count.promised.Has(*member) || Has(heard.promised, node), "epoch ", epoch.number,
           " begins with a promise of n", node + 1, " for PG ", count.pg.value(),
           ", which never gave it");
    Expect(!count.listed.Has(*member) || Has(heard.listed, node), "epoch ", epoch.number,
           " begins with an inventory of n", node + 1, " for PG ", count.pg.value(),
           ", which never gave it");
  }
}

}  // namespace hexad::sim
