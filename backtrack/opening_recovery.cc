// Opening: inventories, refill, begin; and who is asked what next.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "backtrack/epoch_tree.h"
#include "backtrack/opening_run.h"
#include "quorum/base/check.h"

namespace hexad::backtrack {

using quorum::Envelope;
using quorum::MemberSet;

// --- answers -------------------------------------------------------------------------------------

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::InventoryTaken& taken) {
  if (taken.from.epoch != epoch_ || phase_ < Phase::kInventory) return;
  Member& m = pg.members[member];
  m.waiting = false;
  m.inventory = taken.inventory;
  m.scl = std::max(m.scl, taken.inventory.scl);
  if (recovered_.has_value() && taken.inventory.vdl_heard > recovered_->vdl) {
    Fail(absl::DataLossError(
        absl::StrCat("volume ", manifest_.name, ": ", pg.membership.members[member].node.value(),
                     " heard VDL ", taken.inventory.vdl_heard.value(), ", above the recovered VDL ",
                     recovered_->vdl.value(), ": a read quorum answered without it")));
  }
}

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::LogPart& part) {
  if (part.from.epoch != epoch_ || phase_ != Phase::kRefilling) return;
  for (int target = 0; target < static_cast<int>(pg.members.size()); ++target) {
    Member& m = pg.members[target];
    if (m.source != member) continue;
    if (part.boxcars.empty()) {
      pg.members[member].lacking = true;
      m.source.reset();
      m.waiting = false;
      return;
    }
    m.asked_at = now_;
    Send(pg, target, quorum::Refill{EnvelopeFor(pg), *pg.parent, part.boxcars});
    return;
  }
}

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::Refilled& refilled) {
  if (refilled.from.epoch != epoch_) return;
  Member& m = pg.members[member];
  m.waiting = false;
  m.source.reset();
  m.scl = std::max(m.scl, refilled.scl);
}

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::Begun& begun) {
  if (begun.from.epoch != epoch_ || phase_ != Phase::kBeginning) return;
  pg.members[member].waiting = false;
  pg.members[member].begun_scl = begun.scl;
}

// --- moving on -----------------------------------------------------------------------------------

void OpeningRun::AfterInventories() {
  if (!ReadQuorums([](const Member& m) { return m.inventory.has_value(); })) return;
  std::vector<quorum::PgInventory> inventories;
  for (const Pg& pg : pgs_) {
    quorum::PgInventory inventory;
    inventory.membership = &pg.membership;
    for (const Member& member : pg.members) inventory.answers.push_back(member.inventory);
    inventories.push_back(std::move(inventory));
  }
  auto recovered = quorum::Recover(inventories);
  if (!recovered.ok()) return Fail(recovered.status());
  recovered_ = *std::move(recovered);
  Enter(Phase::kRefilling);
}

MemberSet OpeningRun::Complete(const Pg& pg, Lsn tail) const {
  MemberSet complete = Those(pg, [](const Member& m) { return m.inventory.has_value(); });
  for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
    if (pg.members[i].scl < tail) complete.Remove(i);
  }
  return complete;
}

// Everything at or below VDL' goes to a write quorum before anything is served or begun: otherwise
// a second crash could recover a lower VDL than one that readers have seen.
void OpeningRun::AfterRefills() {
  bool ready = true;
  for (size_t i = 0; i < pgs_.size(); ++i) {
    Pg& pg = pgs_[i];
    const auto& recovered = recovered_->pgs[i];
    if (pg.membership.Quorums().CanWrite(Complete(pg, recovered.tail))) continue;
    ready = false;
    PlanRefills(pg, recovered);
  }
  if (!ready) return OfferReadOnly();
  const quorum::Path path =
      PlanRecoveryFork(pgs_.front().parent->path, epoch_, recovered_->vdl, options_.lal);
  first_lsn_ = path.newest().first_lsn;
  for (size_t i = 0; i < pgs_.size(); ++i) {
    pgs_[i].path =
        pgs_[i].parent->Fork(epoch_, recovered_->vdl, first_lsn_, recovered_->pgs[i].tail);
  }
  Enter(Phase::kBeginning);
}

void OpeningRun::OfferReadOnly() {
  if (offered_read_only_ || now_ - phase_since_ < options_.read_only_after) return;
  offered_read_only_ = true;
  OpenedReadOnly offer;
  offer.epoch = epoch_;
  offer.read_point = recovered_->vdl;
  offer.manifest = manifest_;
  for (size_t i = 0; i < pgs_.size(); ++i) {
    offer.complete_to.push_back(recovered_->pgs[i].tail);
    std::vector<std::optional<Lsn>> scls;
    for (const Member& member : pgs_[i].members) {
      scls.push_back(member.inventory.has_value() ? std::optional(member.scl) : std::nullopt);
    }
    offer.scls.push_back(std::move(scls));
  }
  out_->push_back(std::move(offer));
}

void OpeningRun::AfterBegins() {
  if (!WriteQuorums([](const Member& m) { return m.begun_scl.has_value(); })) {
    return OfferReadOnly();
  }
  Opened opened;
  opened.start = {epoch_, recovered_->vdl, first_lsn_, manifest_, {}};
  for (const Pg& pg : pgs_) {
    opened.start.pg_paths.push_back(*pg.path);
    std::vector<std::optional<Lsn>> scls;
    for (const Member& member : pg.members) scls.push_back(member.begun_scl);
    opened.scls.push_back(std::move(scls));
  }
  out_->push_back(std::move(opened));
  Enter(Phase::kDone);
}

// --- refill --------------------------------------------------------------------------------------

// Fills as few members as a write quorum needs, the ones with the least to fill first.
void OpeningRun::PlanRefills(Pg& pg, const quorum::RecoveredPg& recovered) {
  MemberSet chosen = Complete(pg, recovered.tail);
  std::vector<int> behind;
  for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
    if (!chosen.Has(i) && IsUp(pg, i) && pg.members[i].inventory.has_value()) behind.push_back(i);
  }
  std::stable_sort(behind.begin(), behind.end(),
                   [&](int a, int b) { return pg.members[a].scl > pg.members[b].scl; });
  for (const int target : behind) {
    if (pg.membership.Quorums().CanWrite(chosen)) return;
    chosen.Add(target);
    if (!pg.members[target].waiting) Fetch(pg, target);
  }
}

void OpeningRun::Fetch(Pg& pg, int target) {
  const Lsn tail = recovered_->pgs[&pg - pgs_.data()].tail;
  const MemberSet complete = Complete(pg, tail);
  for (int source = 0; source < static_cast<int>(pg.members.size()); ++source) {
    if (!complete.Has(source) || !IsUp(pg, source) || pg.members[source].lacking) continue;
    // One fetch at a time from a source: its answer names no target.
    const bool busy = std::any_of(pg.members.begin(), pg.members.end(),
                                  [&](const Member& m) { return m.source == source; });
    if (busy) continue;
    Member& m = pg.members[target];
    m.source = source;
    m.waiting = true;
    m.asked_at = now_;
    Send(pg, source, quorum::FetchLog{EnvelopeFor(pg), *pg.parent, m.scl, tail});
    return;
  }
}

// --- asking --------------------------------------------------------------------------------------

bool OpeningRun::HasAnswered(const Member& member, Phase phase) {
  switch (phase) {
    case Phase::kPolling:
      return member.polled.has_value();
    case Phase::kSealing:
      return member.promised.has_value();
    case Phase::kInventory:
    case Phase::kRefilling:
      return member.inventory.has_value();
    case Phase::kBeginning:
      return member.begun_scl.has_value();
    case Phase::kIdle:
    case Phase::kBackingOff:
    case Phase::kDone:
      return true;
  }
  return true;
}

std::optional<quorum::SegmentRequest> OpeningRun::NextFor(Pg& pg, Member& member) {
  const Envelope to = EnvelopeFor(pg);
  if (phase_ == Phase::kPolling) return quorum::Poll{to};
  if (!member.promised.has_value() && phase_ != Phase::kBeginning) return quorum::Seal{to};
  if (phase_ == Phase::kInventory || phase_ == Phase::kRefilling) {
    return quorum::TakeInventory{to, *pg.parent};
  }
  if (phase_ == Phase::kBeginning) {
    quorum::Begin begin{to, *pg.path, std::nullopt};
    if (&pg == pgs_.data()) begin.manifest = manifest_;
    return begin;
  }
  return std::nullopt;
}

void OpeningRun::AskAll() {
  for (Pg& pg : pgs_) {
    for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
      Member& member = pg.members[i];
      if (member.waiting || !IsUp(pg, i) || HasAnswered(member, phase_)) continue;
      auto request = NextFor(pg, member);
      if (!request.has_value()) continue;
      member.waiting = true;
      member.asked_at = now_;
      Send(pg, i, *std::move(request));
    }
  }
}

void OpeningRun::Send(Pg& pg, int member, quorum::SegmentRequest request) {
  out_->push_back(quorum::Send{pg.membership.members[member].node, std::move(request)});
}

// --- questions -----------------------------------------------------------------------------------

bool OpeningRun::IsUp(const Pg& pg, int member) const {
  const quorum::Member& m = pg.membership.members[member];
  const auto up = up_.find(m.node);
  if (up == up_.end()) return false;
  return m.incarnation == Incarnation() || m.incarnation == up->second;
}

Envelope OpeningRun::EnvelopeFor(const Pg& pg) const {
  return {manifest_.timeline, pg.membership.pg, epoch_, pg.membership.epoch};
}

MemberSet OpeningRun::Those(const Pg& pg, Has has) const {
  MemberSet those;
  for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
    if (IsUp(pg, i) && has(pg.members[i])) those.Add(i);
  }
  return those;
}

bool OpeningRun::ReadQuorums(Has has) {
  bool everyone = true;
  for (const Pg& pg : pgs_) {
    const MemberSet those = Those(pg, has);
    if (!pg.membership.Quorums().CanRead(those)) return false;
    everyone = everyone && those == Those(pg, [](const Member&) { return true; });
  }
  if (!quorum_since_.has_value()) quorum_since_ = now_;
  return everyone || now_ - *quorum_since_ >= options_.answer_grace;
}

bool OpeningRun::WriteQuorums(Has has) const {
  return std::all_of(pgs_.begin(), pgs_.end(), [&](const Pg& pg) {
    return pg.membership.Quorums().CanWrite(Those(pg, has));
  });
}

Instant OpeningRun::NextDeadline() const {
  if (phase_ == Phase::kIdle || phase_ == Phase::kDone) return Instant::Never();
  if (phase_ == Phase::kBackingOff) return resume_at_;
  Instant next = Instant::Never();
  if (quorum_since_.has_value()) next = std::min(next, *quorum_since_ + options_.answer_grace);
  if (recovered_.has_value() && !offered_read_only_) {
    next = std::min(next, phase_since_ + options_.read_only_after);
  }
  for (const Pg& pg : pgs_) {
    for (const Member& member : pg.members) {
      if (member.waiting) next = std::min(next, member.asked_at + options_.retry_after);
    }
  }
  return next;
}

void OpeningRun::CheckInvariants() const {
  INVARIANT(out_ == nullptr);
  for (const Pg& pg : pgs_) {
    INVARIANT(pg.members.size() == pg.membership.members.size());
    for (const Member& member : pg.members) {
      if (member.promised.has_value()) INVARIANT(member.promised->from.epoch == epoch_);
    }
    if (phase_ == Phase::kBeginning) {
      INVARIANT(pg.path.has_value());
      INVARIANT(pg.path->path.fork_lsn() == recovered_->vdl);
    }
  }
}

std::string OpeningRun::Describe() const {
  static constexpr const char* kNames[] = {"not started",      "polling",   "sealing",
                                           "taking inventory", "refilling", "beginning",
                                           "backing off",      "done"};
  std::string text = absl::StrCat(kNames[static_cast<int>(phase_)], " epoch ", epoch_.number);
  for (size_t i = 0; i < pgs_.size(); ++i) {
    const Pg& pg = pgs_[i];
    std::string answered, down;
    int count = 0;
    for (int m = 0; m < static_cast<int>(pg.members.size()); ++m) {
      const std::string& node = pg.membership.members[m].node.value();
      if (!IsUp(pg, m)) {
        absl::StrAppend(&down, " ", node);
      } else if (HasAnswered(pg.members[m], phase_)) {
        absl::StrAppend(&answered, " ", node);
        ++count;
      }
    }
    const bool writing = phase_ == Phase::kRefilling || phase_ == Phase::kBeginning;
    const size_t need = writing ? pg.membership.write : pg.members.size() - pg.membership.write + 1;
    absl::StrAppend(&text, i == 0 ? ": " : "; ", "PG ", i, ": ", count, " of ", need, " answers");
    if (!answered.empty()) absl::StrAppend(&text, " (", answered.substr(1), ")");
    if (!down.empty()) absl::StrAppend(&text, ", down or another disk:", down);
  }
  return text;
}

}  // namespace hexad::backtrack
