#include "tests/sim/checkers/fence.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void FenceChecker::See(const Event& event) {
  if (const auto* harm = std::get_if<DiskHarmed>(&event)) {
    harmed_.insert(harm->node);
  } else if (const auto* replied = std::get_if<SegmentReplied>(&event)) {
    if (!harmed_.contains(replied->node)) OnAnswer(replied->node, *replied->answer);
  } else if (const auto* persisted = std::get_if<BatchPersisted>(&event)) {
    const bool of_segments = std::any_of(
        persisted->batch->ops.begin(), persisted->batch->ops.end(),
        [](const auto& op) { return std::holds_alternative<storage_node::PutMeta>(op); });
    if (of_segments && !harmed_.contains(persisted->node)) ExpectKept(persisted->node, "writes");
  } else if (const auto* started = std::get_if<NodeStarted>(&event)) {
    if (!harmed_.contains(started->node)) ExpectKept(started->node, "starts");
  }
}

void FenceChecker::OnAnswer(NodeIndex node, const quorum::SegmentAnswer& answer) {
  const quorum::Envelope& from =
      std::visit([](const auto& a) -> const quorum::Envelope& { return a.from; }, answer);
  const SeenSegment* segment = disks_->Segment(node, from.pg);
  const bool promises = std::holds_alternative<quorum::Promised>(answer);
  const bool begins = std::holds_alternative<quorum::Begun>(answer);
  EpochId& told = told_[{node, from.pg}];
  if (promises || begins || std::holds_alternative<quorum::Ack>(answer) ||
      std::holds_alternative<quorum::InventoryTaken>(answer) ||
      std::holds_alternative<quorum::Refilled>(answer)) {
    Expect(from.epoch >= told, "n", node + 1, " has promised epoch ", told.number, " of PG ",
           from.pg.value(), " and answers in epoch ", from.epoch.number);
  }
  if (promises) {
    Expect(segment != nullptr && segment->promise >= from.epoch, "n", node + 1,
           " tells its promise of epoch ", from.epoch.number, " before it is durable");
  }
  if (begins) {
    Expect(segment != nullptr && segment->path.has_value() &&
               segment->path->path.epoch() >= from.epoch,
           "n", node + 1, " tells that epoch ", from.epoch.number,
           " has begun before its history is durable");
  }
  if (promises || begins) told = std::max(told, from.epoch);
}

void FenceChecker::ExpectKept(NodeIndex node, const char* when) {
  for (auto at = told_.lower_bound({node, PgId(0)}); at != told_.end() && at->first.first == node;
       ++at) {
    const SeenSegment* segment = disks_->Segment(node, at->first.second);
    if (at->second == EpochId::Root()) continue;
    Expect(segment != nullptr && segment->promise >= at->second, "n", node + 1, " ", when,
           " and has forgotten its promise of epoch ", at->second.number);
    if (segment == nullptr || !segment->path.has_value()) continue;
    EpochId& begun = begun_[at->first];
    const EpochId now = segment->path->path.epoch();
    Expect(now >= begun, "n", node + 1, " ", when, ", and its history goes back from epoch ",
           begun.number, " to ", now.number);
    begun = std::max(begun, now);
  }
}

}  // namespace hexad::sim
