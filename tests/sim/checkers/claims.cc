#include "tests/sim/checkers/claims.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void ClaimsChecker::See(const Event& event) {
  if (const auto* issued = std::get_if<MtrIssued>(&event)) {
    ends_.insert(issued->commit);
  } else if (const auto* moved = std::get_if<VdlMoved>(&event)) {
    highest_vdl_ = std::max(highest_vdl_, moved->vdl);
  } else if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    highest_vdl_ = std::max(highest_vdl_, opened->start->vdl);
  } else if (const auto* asked = std::get_if<OpeningAsked>(&event)) {
    const auto* take = std::get_if<quorum::TakeInventory>(asked->request);
    if (take != nullptr) parents_.insert_or_assign({take->to.epoch, take->to.pg}, take->parent);
  } else if (const auto* replied = std::get_if<SegmentReplied>(&event)) {
    OnAnswer(replied->node, *replied->answer);
  }
}

void ClaimsChecker::OnAnswer(NodeIndex node, const quorum::SegmentAnswer& answer) {
  const auto tell = [&](const quorum::Envelope& from, Lsn scl) {
    Lsn& told = told_[{node, from.pg}][from.epoch];
    told = std::max(told, scl);
  };
  if (const auto* ack = std::get_if<quorum::Ack>(&answer)) tell(ack->from, ack->scl);
  if (const auto* begun = std::get_if<quorum::Begun>(&answer)) tell(begun->from, begun->scl);
  if (const auto* taken = std::get_if<quorum::InventoryTaken>(&answer)) OnInventory(node, *taken);
  const auto* polled = std::get_if<quorum::Polled>(&answer);
  if (polled != nullptr) ExpectVdl(node, polled->from, polled->vdl_heard);
}

void ClaimsChecker::OnInventory(NodeIndex node, const quorum::InventoryTaken& taken) {
  const quorum::Envelope& from = taken.from;
  const Lsn scl = taken.inventory.scl;
  const SeenSegment* segment = disks_->Segment(node, from.pg);
  if (segment == nullptr || segment->promise < from.epoch) {
    return Fail(absl::StrCat("n", node + 1, " tells an opening of epoch ", from.epoch.number,
                             " what it holds of PG ", from.pg.value(),
                             " without having promised it that epoch, durably"));
  }
  ExpectVdl(node, from, taken.inventory.vdl_heard);
  // Asked again, or late, after its epoch has begun here: a fork was cut, and nobody listens.
  if (segment->path.has_value() && segment->path->path.epoch() >= from.epoch) return;
  const auto asked = parents_.find({from.epoch, from.pg});
  if (asked == parents_.end()) return;  // of an opening whose request came from elsewhere
  quorum::PgPath parent = asked->second;
  Lsn end = Lsn::Max();
  if (taken.history != parent.path.epoch()) {
    const auto branch =
        std::find_if(parent.branches.begin(), parent.branches.end(),
                     [&](const quorum::Branch& b) { return b.path.epoch() == taken.history; });
    if (branch == parent.branches.end()) {
      return Fail(absl::StrCat("n", node + 1, " tells epoch ", from.epoch.number,
                               " of a history that it was not asked about: of epoch ",
                               taken.history.number));
    }
    end = branch->end.at;
    parent = quorum::PgPath::Of(*branch);
  }
  const Lsn kept = disks_->SclOf(node, from.pg, parent.path, Lsn::None());
  Expect(scl <= kept, "n", node + 1, " tells epoch ", from.epoch.number, " SCL ", scl.value(),
         " of PG ", from.pg.value(), "; what it was told to keep is whole up to ", kept.value(),
         " on ", parent.path.Describe());
  for (const auto& [epoch, told] : told_[{node, from.pg}]) {
    const Lsn visible = std::min(end, parent.path.Clamp(parent.path.timeline(), epoch, told));
    const Lsn tail = disks_->TailOf(from.pg, parent.path, visible);
    Expect(scl >= tail, "n", node + 1, " tells epoch ", from.epoch.number, " SCL ", scl.value(),
           " of PG ", from.pg.value(), " on ", parent.path.Describe(), ", and has told epoch ",
           epoch.number, " that it is whole up to ", told.value());
  }
}

void ClaimsChecker::ExpectVdl(NodeIndex node, const quorum::Envelope& from, Lsn heard) {
  if (heard.IsNone()) return;
  Expect(ends_.contains(heard), "n", node + 1, " has heard VDL ", heard.value(), " of PG ",
         from.pg.value(), ", which is not the end of an MTR");
  Expect(heard <= std::max(highest_vdl_, disks_->highest_fork()), "n", node + 1, " has heard VDL ",
         heard.value(), " of PG ", from.pg.value(), ", and there was never one above ",
         highest_vdl_.value());
}

}  // namespace hexad::sim
