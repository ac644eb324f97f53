// What the core wants done, and the work threads that do it.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/node_codec.h"
#include "quorum/base/check.h"
#include "spdlog/spdlog.h"
#include "storage-node/host/running_node.h"
#include "storage-node/io/plan_runner.h"

namespace hexad::storage_node {
namespace {

constexpr int kExitFailStop = 70;
// A coalescing that failed is planned again at once; so long it waits first.
constexpr std::chrono::seconds kCoalesceBackOff{1};

quorum::Refused Refusal(const quorum::Envelope& from, quorum::RefusalReason reason,
                        std::string message) {
  quorum::Refused refused;
  refused.from = from;
  refused.reason = reason;
  refused.message = std::move(message);
  return refused;
}

quorum::Refused Busy(const quorum::Envelope& from) {
  return Refusal(from, quorum::RefusalReason::kOverloaded, "too many reads wait; ask again");
}

// The store lacks space, descriptors or memory, or is being recovered from that: what it holds is
// as good as before.
bool IsPassing(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

// What a plan that failed tells the one who asked: ask another segment, or ask again.
quorum::Refused CannotServe(const quorum::Envelope& from, const absl::Status& status) {
  return Refusal(
      from,
      IsPassing(status) ? quorum::RefusalReason::kOverloaded : quorum::RefusalReason::kDamaged,
      status.ToString());
}

uint64_t ResidentBytes() {
  uint64_t total = 0;
  uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void Describe(const SegmentDescription& segment, v1::SegmentDescription* out) {
  out->set_pg(segment.pg.value());
  out->set_timeline(segment.timeline.value());
  out->set_epoch_number(segment.begun.number);
  out->set_epoch_claimant(segment.begun.claimant);
  out->set_promised_number(segment.promised.number);
  out->set_promised_claimant(segment.promised.claimant);
  out->set_membership_epoch(segment.membership_epoch.value());
  out->set_scl(segment.scl.value());
  out->set_vdl_heard(segment.vdl_heard.value());
  out->set_highest_lsn(segment.highest.value());
  out->set_hot_log_bytes(segment.hot_log_bytes);
  out->set_writer_silent_ms(segment.writer_silent_ms);
  out->set_coalesced_lsn(segment.coalesced.value());
  out->set_gc_floor(segment.gc_floor.value());
  out->set_first_page(segment.first_page.value());
  out->set_page_count(segment.page_count);
  out->set_page_size(segment.page_size);
  out->set_pages_seen(segment.pages_seen);
  out->set_name(segment.name);
  for (const TimelineId ancestor : segment.ancestors) out->add_ancestors(ancestor.value());
  out->set_forked_at(segment.forked_at.value());
  out->set_dropped(segment.dropped);
}

void DescribeBytes(const SegmentDescription& segment, const SegmentStore& store,
                   v1::SegmentDescription* out) {
  out->set_own_bytes(store.ApproximateBytes(segment.pg, segment.timeline));
  uint64_t shared = 0;
  for (const TimelineId ancestor : segment.ancestors) {
    shared += store.ApproximateBytes(segment.pg, ancestor);
  }
  out->set_shared_bytes(shared);
}

void Describe(const ScrubProgress& scrub, v1::ScrubProgress* out) {
  out->set_rounds(scrub.rounds);
  out->set_pages_this_round(scrub.pages_this_round);
  out->set_pages(scrub.pages);
  out->set_damaged(scrub.damaged);
  out->set_different(scrub.different);
  out->set_repaired(scrub.repaired);
  out->set_unrepaired(scrub.unrepaired);
}

}  // namespace

void RunningNode::QueueReply(Reply reply) { server_->Queue(reply.conn, std::move(reply.answer)); }

void RunningNode::SendReplies() { server_->Flush(); }

void RunningNode::ReadNext() { server_->ReadNext(); }

void RunningNode::ReadOn() { server_->ResumeReading(); }

// A failed fsync is never retried: what the disk holds now is unknown, so this process must not say
// another word. Threads, queues and destructors are left as they are.
void RunningNode::FailStop(const absl::Status& status) {
  spdlog::critical(
      "{}: a write failed, so this node stops: {}. Its folder cannot be trusted any "
      "more; check the disk, then wipe the folder and replace the node.",
      options_.node.value(), status.ToString());
  spdlog::default_logger()->flush();
  _exit(kExitFailStop);
}

void RunningNode::CarryOut(NodeEffect effect) {
  std::visit([this](auto&& wanted) { On(std::move(wanted)); }, std::move(effect));
}

// The driver keeps these two for itself.
void RunningNode::On(const Persist&) { InvariantFailed("Persist", __FILE__, __LINE__); }
void RunningNode::On(const Reply&) { InvariantFailed("Reply", __FILE__, __LINE__); }

void RunningNode::On(const FormDone& done) {
  if (done.status.ok()) spdlog::info("{}: belongs to its cluster now", options_.node.value());
  router_->Done(done);
}

// ---- reads --------------------------------------------------------------------------------------

void RunningNode::On(ServeRead serve) {
  const CallId call = serve.call;
  const quorum::Envelope envelope = serve.plan.envelope;
  auto shared = std::make_shared<ServeRead>(std::move(serve));
  if (!work_->Post([this, shared] { CarryOutRead(*shared); })) {
    router_->Answer(call, proto::ReadAnswer(Busy(envelope)));
  }
}

void RunningNode::CarryOutRead(const ServeRead& serve) {
  auto page = RunRead(*store_, serve.plan);
  // The coalescer may have merged away, while this read waited, what the plan was made for.
  bool may_serve = false;
  driver_->Look([&](const NodeCore& core, Instant) { may_serve = core.MayServe(serve.plan); });
  if (!may_serve) {
    router_->Answer(serve.call, proto::ReadAnswer(Refusal(serve.plan.envelope,
                                                          quorum::RefusalReason::kOutOfRange,
                                                          "below the GC floor by now")));
    return;
  }
  if (!page.ok()) {
    if (!IsPassing(page.status())) metrics_.damaged.Increment();
    spdlog::error("{}: PG {:x}: page {} cannot be served: {}", options_.node.value(),
                  serve.plan.envelope.pg.value(), serve.plan.page.value(),
                  page.status().ToString());
    router_->Answer(serve.call, proto::ReadAnswer(CannotServe(serve.plan.envelope, page.status())));
    return;
  }
  metrics_.sent_page_bytes.Increment(static_cast<double>(page->page.size()));
  router_->Answer(serve.call, proto::ReadAnswer(*std::move(page)));
}

// ---- log for peers and openings -----------------------------------------------------------------

absl::StatusOr<quorum::LogPart> RunningNode::ReadLog(const LogPlan& plan) {
  auto run = RunLog(*store_, plan);
  if (!run.ok()) return run.status();
  if (run->damaged > 0) {
    metrics_.damaged.Increment(run->damaged);
    spdlog::error("{}: PG {:x}, timeline {:x}: {} damaged boxcar(s) not given away",
                  options_.node.value(), plan.envelope.pg.value(), plan.envelope.timeline.value(),
                  run->damaged);
  }
  for (const BytesRef& boxcar : run->boxcars) {
    metrics_.sent_log_bytes.Increment(static_cast<double>(boxcar.size()));
  }
  return quorum::LogPart{plan.envelope, std::move(run->boxcars), run->more};
}

void RunningNode::On(ServeGossip serve) {
  const CallId call = serve.call;
  const quorum::Envelope envelope = serve.plan.envelope;
  auto shared = std::make_shared<ServeGossip>(std::move(serve));
  if (!work_->Post([this, shared] { CarryOutGossip(*shared); })) {
    router_->Answer(call, proto::GossipAnswer(Busy(envelope)));
  }
}

void RunningNode::CarryOutGossip(const ServeGossip& serve) {
  const LogPlan& plan = serve.plan;
  auto part = ReadLog(plan);
  if (!part.ok()) {
    router_->Answer(serve.call, proto::GossipAnswer(CannotServe(plan.envelope, part.status())));
    return;
  }
  router_->Answer(serve.call,
                  proto::GossipAnswer(quorum::GossipFill{
                      plan.envelope, plan.head.value_or(plan.path), plan.scl, plan.vdl_heard,
                      std::move(part->boxcars), part->more, plan.in_use, plan.branch}));
}

void RunningNode::On(ServeFetch serve) {
  const ConnId conn = serve.conn;
  const quorum::Envelope envelope = serve.plan.envelope;
  auto shared = std::make_shared<ServeFetch>(std::move(serve));
  if (!work_->Post([this, shared] { CarryOutFetch(*shared); })) {
    server_->Queue(conn, Busy(envelope));
    server_->Flush();
  }
}

void RunningNode::CarryOutFetch(const ServeFetch& serve) {
  auto part = ReadLog(serve.plan);
  if (part.ok()) {
    server_->Queue(serve.conn, *std::move(part));
  } else {
    server_->Queue(serve.conn, CannotServe(serve.plan.envelope, part.status()));
  }
  server_->Flush();
}

void RunningNode::On(ServeFind serve) {
  const ConnId conn = serve.conn;
  const quorum::Envelope envelope = serve.plan.envelope;
  auto shared = std::make_shared<ServeFind>(std::move(serve));
  if (!work_->Post([this, shared] { CarryOutFind(*shared); })) {
    server_->Queue(conn, Busy(envelope));
    server_->Flush();
  }
}

void RunningNode::CarryOutFind(const ServeFind& serve) {
  auto found = RunFind(*store_, serve.plan);
  if (found.ok()) {
    server_->Queue(serve.conn, *std::move(found));
  } else {
    server_->Queue(serve.conn, CannotServe(serve.plan.envelope, found.status()));
  }
  server_->Flush();
}

void RunningNode::On(AskPeer ask) {
  if (!stopping_ && peers_->Ask(ask)) return;
  if (stopping_) return;
  driver_->Step(PeerAnswered{ask.peer, ask.ask.to.pg, ask.ask.to.timeline, std::nullopt});
}

// ---- background ---------------------------------------------------------------------------------

void RunningNode::On(Coalesce coalesce) {
  auto shared = std::make_shared<Coalesce>(std::move(coalesce));
  // The core plans one at a time, so there is room unless this node is stopping.
  const bool posted = coalescer_->Post([this, shared] { CarryOutCoalesce(*shared); });
  INVARIANT(posted || stopping_);
}

void RunningNode::CarryOutCoalesce(const Coalesce& coalesce) {
  if (stopping_) return;
  auto run = RunCoalesce(*store_, coalesce.plan);
  if (run.ok()) {
    metrics_.coalesced_bytes.Increment(static_cast<double>(run->bytes));
    if (run->damaged_pages > 0) {
      metrics_.damaged.Increment(run->damaged_pages);
      spdlog::error("{}: PG {:x}: {} damaged page(s) left as they are: {}", options_.node.value(),
                    coalesce.plan.pg.value(), run->damaged_pages, run->damage.ToString());
    }
  } else if (IsPassing(run.status()) || absl::IsDataLoss(run.status())) {
    spdlog::warn("{}: PG {:x}: coalescing failed and will be tried again: {}",
                 options_.node.value(), coalesce.plan.pg.value(), run.status().ToString());
    std::this_thread::sleep_for(kCoalesceBackOff);
  } else {
    FailStop(run.status());
  }
  if (!stopping_) driver_->Step(Coalesced{coalesce.ticket, run.status()});
}

// ---- descriptions -------------------------------------------------------------------------------

void RunningNode::Describe(bool with_segments, CallRouter::Described described) {
  const auto describe = [this, with_segments, described] {
    v1::NodeDescription out;
    out.set_node(options_.node.value());
    out.set_az(options_.az.value());
    out.set_version(HEXAD_VERSION);
    out.set_incarnation(incarnation_.value());
    std::vector<SegmentDescription> segments;
    driver_->Look([&](const NodeCore& core, Instant now) {
      out.set_cluster(core.cluster().value());
      for (const quorum::RosterNode& node : core.roster()) proto::ToWire(node, out.add_roster());
      out.set_disk_full(core.disk_full());
      storage_node::Describe(core.scrub(), out.mutable_scrub());
      if (with_segments) segments = core.Describe(now);
    });
    for (const SegmentDescription& segment : segments) {
      v1::SegmentDescription* described_segment = out.add_segments();
      storage_node::Describe(segment, described_segment);
      DescribeBytes(segment, *store_, described_segment);
    }
    out.set_disk_bytes(store_->ApproximateBytes());
    out.set_resident_bytes(ResidentBytes());
    described(std::move(out));
  };
  if (!work_->Post(describe)) described(absl::UnavailableError("too busy to describe itself"));
}

void RunningNode::ShowMetrics() {
  NodeMetrics::State state;
  driver_->Look([&](const NodeCore& core, Instant now) {
    state.segments = core.Describe(now);
    state.disk_full = core.disk_full();
    state.scrub = core.scrub();
  });
  state.disk_bytes = store_->ApproximateBytes();
  state.persist_queue_bytes = driver_->queued_bytes();
  state.work_queue = work_->queued();
  metrics_.Show(state);
}

}  // namespace hexad::storage_node
