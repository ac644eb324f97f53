// The node around its scrub: which pages come next, and who may write meanwhile.
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "storage-node/core/node_core.h"
#include "storage-node/core/scrub.h"
#include "storage-node/core/segment.h"

namespace hexad::storage_node {

class NodeCore::ScrubAround : public ScrubSite {
 public:
  ScrubAround(NodeCore& node, Effects& out) : node_(node), out_(out) {}

  std::optional<ScrubRange> Next(const std::optional<ScrubRange>& after) const override {
    auto it = after.has_value() ? node_.segments_.lower_bound(after->pg) : node_.segments_.begin();
    for (; it != node_.segments_.end(); ++it) {
      if (node_.dropping_.contains(it->first)) continue;
      const bool same = after.has_value() && after->pg == it->first;
      const auto range = it->second->ScrubAfter(same ? after : std::nullopt);
      if (range.has_value()) return range;
    }
    return std::nullopt;
  }
  std::optional<quorum::ScrubAsk> Question(const ScrubRange& range) const override {
    const Segment* segment = node_.Find(range.pg);
    return segment == nullptr ? std::nullopt : segment->ScrubQuestion(range);
  }
  std::optional<ScrubPlan> PlanOwn(const quorum::ScrubAsk& ask) const override {
    const Segment* segment = node_.Find(ask.to.pg);
    if (segment == nullptr) return std::nullopt;
    auto plan = segment->PlanScrub(ask);
    if (!plan.ok()) return std::nullopt;
    plan->every_version = true;
    return *std::move(plan);
  }
  std::vector<NodeId> Peers(PgId pg) const override {
    std::vector<NodeId> peers;
    const Segment* segment = node_.Find(pg);
    if (segment == nullptr) return peers;
    for (const quorum::Member& member : segment->config().membership.members) {
      if (member.node != node_.options_.node) peers.push_back(member.node);
    }
    return peers;
  }
  std::optional<StoreBatch> PlanRepair(const quorum::ScrubAsk& ask,
                                       const quorum::ScrubFill& fill) override {
    Segment* segment = node_.Find(ask.to.pg);
    return segment == nullptr ? std::nullopt : segment->PlanRepair(ask, fill);
  }
  bool Reserve(PgId) override {
    if (node_.coalescing_.has_value() || node_.overloaded()) return false;
    node_.reserved_ = true;
    return true;
  }
  void Release() override { node_.reserved_ = false; }
  void Emit(NodeEffect effect) override { out_.push_back(std::move(effect)); }

 private:
  NodeCore& node_;
  Effects& out_;
};

const ScrubProgress& NodeCore::scrub() const { return scrub_->progress(); }

bool NodeCore::MayServe(const ScrubPlan& plan) const {
  const Segment* segment = Find(plan.envelope.pg);
  return segment != nullptr && segment->MayServe(plan);
}

void NodeCore::TickScrub(Instant now, Effects& out) {
  if (options_.scrub_pages == 0) return;
  ScrubAround around(*this, out);
  scrub_->OnTick(now, around);
}

void NodeCore::On(const ScrubAsked& asked, Instant, Effects& out) {
  const Segment* segment = Find(asked.ask.to.pg);
  const auto plan =
      segment == nullptr ? absl::NotFoundError("no such segment") : segment->PlanScrub(asked.ask);
  if (plan.ok()) {
    out.push_back(ServeScrub{asked.call, *plan});
    return;
  }
  out.push_back(
      CallRefused{asked.call, RefuseRequest(asked.ask.to, quorum::RefusalReason::kOutOfRange,
                                            std::string(plan.status().message()))});
}

void NodeCore::On(const Scrubbed& scrubbed, Instant now, Effects& out) {
  ScrubAround around(*this, out);
  scrub_->On(scrubbed, now, around);
}

void NodeCore::On(const Repaired& repaired, Instant now, Effects& out) {
  {
    ScrubAround around(*this, out);
    scrub_->On(repaired, now, around);
  }
  StartWaitingDrops(now, out);
}

bool NodeCore::LeaveToDrop(PgId pg, Instant now, Effects& out) {
  ScrubAround around(*this, out);
  return scrub_->Leave(pg, now, around);
}

}  // namespace hexad::storage_node
