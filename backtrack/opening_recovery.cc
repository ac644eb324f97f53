// Opening: inventories, begin; and who is asked what next.
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
  // Late, about the head, when a branch is asked about.
  if (taken.history != pg.parent->path.epoch()) return;
  Member& m = pg.members[member];
  m.waiting = false;
  m.inventory = taken.inventory;
  m.scl = taken.inventory.scl;
  if (recovered_.has_value()) CheckHeard(pg, member);
}

// What was heard as durable is found by every read quorum, also by one that does not include this
// member.
void OpeningRun::CheckHeard(const Pg& pg, int member) {
  const Lsn heard = pg.members[member].inventory->vdl_heard;
  if (heard <= recovered_->vdl || phase_ == Phase::kDone) return;
  Fail(absl::DataLossError(
      absl::StrCat("volume ", manifest_.name, ": ", pg.membership.members[member].node.value(),
                   " heard VDL ", heard.value(), ", above the recovered VDL ",
                   recovered_->vdl.value(), ": a read quorum answered without it")));
}

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::Created& created) {
  if (created.from.epoch != epoch_) return;
  pg.members[member].waiting = false;
  pg.members[member].created = true;
}

void OpeningRun::OnAnswer(Pg& pg, int member, const quorum::Begun& begun) {
  if (begun.from.epoch != epoch_ || phase_ != Phase::kBeginning) return;
  pg.members[member].waiting = false;
  pg.members[member].begun_scl = begun.scl;
}

// --- moving on -----------------------------------------------------------------------------------

void OpeningRun::AfterInventories() {
  if (!ReadQuorums([](const Member& m) { return m.inventory.has_value(); })) return;
  if (branch_.has_value()) return Enter(Phase::kRefilling);
  std::vector<quorum::PgInventory> inventories;
  for (const Pg& pg : pgs_) {
    // Only members that can still give what they listed: a tail that went with its segment would be
    // waited for in vain. A read quorum of the others is enough.
    MemberSet use = Those(pg, [](const Member& m) { return m.inventory.has_value(); });
    MemberSet trusted = use;
    for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
      if (distrusted_.contains(pg.membership.members[i].node)) trusted.Remove(i);
    }
    if (pg.membership.Quorums().CanRead(trusted)) use = trusted;
    quorum::PgInventory inventory;
    inventory.membership = &pg.membership;
    for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
      inventory.answers.push_back(use.Has(i) ? pg.members[i].inventory : std::nullopt);
    }
    inventories.push_back(std::move(inventory));
  }
  auto recovered = quorum::Recover(inventories);
  if (!recovered.ok()) return Fail(recovered.status());
  recovered_ = *std::move(recovered);
  if (absl::Status planned = PlanForks(); !planned.ok()) return Fail(std::move(planned));
  for (Pg& pg : pgs_) {
    for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
      if (pg.members[i].inventory.has_value()) CheckHeard(pg, i);
    }
  }
  if (phase_ == Phase::kInventory) Enter(Phase::kRefilling);
}

// The new epoch's path in every PG. The inventories came from peers: what they prove may be no
// place where this history can fork.
absl::Status OpeningRun::PlanForks() {
  const Foldable foldable = WhatMayFold();
  first_lsn_ = NextFirstLsn(*pgs_.front().parent, recovered_->vdl, options_.lal);
  for (size_t i = 0; i < pgs_.size(); ++i) {
    auto path = Folded(*pgs_[i].parent, foldable)
                    .TryFork(epoch_, recovered_->vdl, first_lsn_, recovered_->pgs[i].tail);
    if (!path.ok()) {
      return absl::DataLossError(
          absl::StrCat("volume ", manifest_.name, ", PG ", i,
                       ": what its segments hold is no history of it: ", path.status().message()));
    }
    pgs_[i].path = *std::move(path);
  }
  return absl::OkStatus();
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
    if (pg.membership.Quorums().CanWrite(Complete(pg, recovered.tail))) {
      pg.sourceless_since.reset();
      continue;
    }
    ready = false;
    PlanRefills(pg, recovered);
    if (GiveUpSources(pg, recovered.tail)) return;
  }
  if (!ready) return OfferReadOnly();
  if (options_.backtrack.has_value()) return LookForTarget();
  Enter(Phase::kBeginning);
}

void OpeningRun::OfferReadOnly() {
  if (offered_read_only_ || now_ - phase_since_ < options_.read_only_after) return;
  // What the volume would be read at is not known to whoever asked to go back: he may open it as it
  // is. (If some segments have begun the new epoch, the next opening decides: docs/fork.md.)
  if (options_.backtrack.has_value()) {
    return Fail(absl::UnavailableError(
        absl::StrCat("volume ", manifest_.name, " has no write quorum to go back with")));
  }
  offered_read_only_ = true;
  OpenedReadOnly offer;
  offer.epoch = epoch_;
  offer.sealed = true;
  offer.read_point = recovered_->vdl;
  offer.manifest = manifest_;
  for (size_t i = 0; i < pgs_.size(); ++i) {
    offer.histories.push_back(*pgs_[i].parent);
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
  opened.forked_at = search_.fork();
  opened.first_left = search_.after();
  opened.start = {epoch_, pgs_.front().path->path.fork_lsn(), first_lsn_, manifest_, {}};
  for (const Pg& pg : pgs_) {
    opened.start.pg_paths.push_back(*pg.path);
    std::vector<std::optional<Lsn>> scls;
    for (const Member& member : pg.members) scls.push_back(member.begun_scl);
    opened.scls.push_back(std::move(scls));
  }
  out_->push_back(std::move(opened));
  Enter(Phase::kDone);
}

// --- asking --------------------------------------------------------------------------------------

bool OpeningRun::HasAnswered(const Member& member, Phase phase) {
  switch (phase) {
    case Phase::kPolling:
    case Phase::kPollingAgain:
      return member.polled.has_value();
    case Phase::kSealing:
      return member.promised.has_value();
    case Phase::kInventory:
    case Phase::kRefilling:
      return member.inventory.has_value();
    case Phase::kLocating:
      return member.found.has_value();
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
  if (phase_ == Phase::kPolling || phase_ == Phase::kPollingAgain) {
    return quorum::Poll{to, poll_round_};
  }
  if (member.unknown && !member.created && recovered_.has_value()) {
    const size_t index = static_cast<size_t>(&pg - pgs_.data());
    const quorum::CreateSegment create{to, pg.membership, manifest_.page_size,
                                       manifest_.FirstPageOf(index), manifest_.pages_per_pg};
    return quorum::CreationOf(create, *pg.parent, index);
  }
  if (!member.promised.has_value() && phase_ != Phase::kBeginning) return quorum::Seal{to};
  if (phase_ == Phase::kLocating && member.inventory.has_value()) {
    return quorum::FindCommit{to, *pg.parent, recovered_->vdl, search_.question()};
  }
  if (phase_ == Phase::kInventory || phase_ == Phase::kRefilling || phase_ == Phase::kLocating) {
    quorum::TakeInventory take{to, pg.head.value_or(*pg.parent), std::nullopt};
    if (branch_.has_value()) take.branch = take.parent.branches[*branch_].left_by;
    return take;
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
    if (!pg.membership.Quorums().CanRead(those)) {
      quorum_since_.reset();  // lost within the grace, if it was there
      return false;
    }
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
      if (member.refill.has_value()) next = std::min(next, member.refill->since + RefillPatience());
    }
    if (phase_ != Phase::kRefilling) continue;
    if (pg.sourceless_since.has_value()) {
      next = std::min(next, *pg.sourceless_since + SourcePatience());
    }
    for (const auto& [pair, at] : pg.failed) {
      if (at + options_.retry_after > now_) next = std::min(next, at + options_.retry_after);
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
      INVARIANT(pg.path->path.fork_lsn() ==
                (search_.fork().has_value() ? search_.fork()->lsn : recovered_->vdl));
    }
  }
}

std::vector<OpeningCount> OpeningRun::Count() const {
  std::vector<OpeningCount> counts;
  for (const Pg& pg : pgs_) {
    OpeningCount count{pg.membership.pg,
                       Those(pg, [](const Member& m) { return m.promised.has_value(); }),
                       Those(pg, [](const Member& m) { return m.inventory.has_value(); }),
                       {}};
    for (const Member& m : pg.members) {
      count.scl.push_back(m.inventory.has_value() ? std::optional(m.scl) : std::nullopt);
    }
    counts.push_back(std::move(count));
  }
  return counts;
}

std::string OpeningRun::Describe() const {
  static constexpr const char* kNames[] = {
      "not started",      "polling",   "polling again",          "sealing",
      "taking inventory", "refilling", "looking for the commit", "beginning",
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
