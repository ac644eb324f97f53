// The scrub's work: a thread of its own, behind everything else that wants the processor.
#include <utility>

#include "spdlog/spdlog.h"
#include "storage-node/host/running_node.h"
#include "storage-node/io/scrub_runner.h"

namespace hexad::storage_node {
namespace {

quorum::Refused Refusal(const quorum::Envelope& from, quorum::RefusalReason reason,
                        const absl::Status& status) {
  quorum::Refused refused;
  refused.from = from;
  refused.reason = reason;
  refused.message = std::string(status.message());
  return refused;
}

}  // namespace

absl::StatusOr<quorum::ScrubFill> RunningNode::ReadForScrub(const ScrubPlan& plan) {
  auto fill = RunScrub(*store_, plan);
  // The coalescer may have merged away meanwhile what the plan was made for.
  bool may_serve = false;
  driver_->Look([&](const NodeCore& core, Instant) { may_serve = core.MayServe(plan); });
  if (!may_serve) return absl::OutOfRangeError("the GC floor has risen meanwhile");
  return fill;
}

void RunningNode::On(ServeScrub serve) {
  const CallId call = serve.call;
  const quorum::Envelope envelope = serve.plan.envelope;
  auto shared = std::make_shared<ServeScrub>(std::move(serve));
  if (scrubber_->Post([this, shared] { CarryOutScrub(*shared); })) return;
  router_->Answer(call, proto::ScrubAnswer(Refusal(envelope, quorum::RefusalReason::kOverloaded,
                                                   absl::UnavailableError("busy"))));
}

void RunningNode::CarryOutScrub(const ServeScrub& serve) {
  if (stopping_) return;
  auto fill = ReadForScrub(serve.plan);
  if (fill.ok()) {
    router_->Answer(serve.call, proto::ScrubAnswer(*std::move(fill)));
  } else {
    router_->Answer(serve.call,
                    proto::ScrubAnswer(Refusal(serve.plan.envelope,
                                               quorum::RefusalReason::kOverloaded, fill.status())));
  }
}

void RunningNode::TellScrub(uint64_t question, std::optional<quorum::ScrubFill> fill) {
  if (!stopping_) driver_->Step(Scrubbed{question, {}, std::move(fill)});
}

void RunningNode::On(ScrubOwn own) {
  const uint64_t question = own.question;
  auto shared = std::make_shared<ScrubOwn>(std::move(own));
  if (!scrubber_->Post([this, shared] { CarryOutOwnScrub(*shared); })) {
    TellScrub(question, std::nullopt);
  }
}

void RunningNode::CarryOutOwnScrub(const ScrubOwn& own) {
  if (stopping_) return;
  auto fill = ReadForScrub(own.plan);
  if (!fill.ok()) return TellScrub(own.question, std::nullopt);
  for (size_t i = 0; i < fill->digests.size(); ++i) {
    if (fill->digests[i].state != quorum::PageDigest::State::kDamaged) continue;
    metrics_.damaged.Increment();
    spdlog::error("{}: PG {:x}: scrub finds page {} damaged; peers are asked for it",
                  options_.node.value(), own.plan.envelope.pg.value(),
                  own.plan.pages[i].page.value());
  }
  TellScrub(own.question, *std::move(fill));
}

void RunningNode::On(ScrubPeer ask) {
  if (stopping_ || peers_->Ask(ask)) return;
  driver_->Step(Scrubbed{ask.question, ask.peer, std::nullopt});
}

void RunningNode::On(Repair repair) {
  auto shared = std::make_shared<Repair>(std::move(repair));
  if (!scrubber_->Post([this, shared] { CarryOutRepair(*shared); }) && !stopping_) {
    driver_->Step(Repaired{absl::ResourceExhaustedError("too busy to repair")});
  }
}

void RunningNode::CarryOutRepair(const Repair& repair) {
  if (stopping_) return;
  const absl::Status status = store_->Write({&repair.batch}, Durability::kOrdered);
  if (!status.ok() && !absl::IsResourceExhausted(status)) FailStop(status);
  if (!stopping_) driver_->Step(Repaired{status});
}

}  // namespace hexad::storage_node
