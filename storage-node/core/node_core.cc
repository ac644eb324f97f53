// Routing: which segment, which ticket, which call. Also gossip's pace and the coalescer's.
#include "storage-node/core/node_core.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "storage-node/core/segment.h"
#include "storage-node/core/segment_state.h"

namespace hexad::storage_node {

using quorum::Envelope;
using quorum::RefusalReason;
using quorum::Refused;

// What segments of this node write and send through during one step.
class NodeCore::Outlet : public SegmentOutlet {
 public:
  Outlet(NodeCore& node, Effects& out) : node_(node), out_(out) {}

  void Persist(PgId pg, StoreBatch batch, Continuation then) override {
    node_.PersistFor(SegmentWait{pg, std::make_unique<Continuation>(std::move(then))},
                     std::move(batch), out_);
  }
  void Emit(NodeEffect effect) override { out_.push_back(std::move(effect)); }
  bool Overloaded() const override {
    return node_.hot_bytes_ >= node_.options_.hot_log_limit_bytes;
  }

 private:
  NodeCore& node_;
  Effects& out_;
};

void NodeCore::Step(const Input& in, Instant now, Effects& out) {
  std::visit([&](const auto& i) { On(i, now, out); }, in);
  MaybeCoalesce(out);
}

Instant NodeCore::NextDeadline() const {
  return segments_.empty() ? Instant::Never() : gossip_due_;
}

bool NodeCore::overloaded() const { return hot_bytes_ >= options_.hot_log_limit_bytes / 4 * 3; }

template <class Act>
void NodeCore::WithSegment(Segment& segment, Effects& out, Act act) {
  Outlet outlet(*this, out);
  const size_t before = segment.hot_bytes();
  act(segment, outlet);
  hot_bytes_ = hot_bytes_ - before + segment.hot_bytes();
}

// --- tickets -------------------------------------------------------------------------------------

void NodeCore::PersistFor(Wait wait, StoreBatch batch, Effects& out) {
  const Ticket ticket(++last_ticket_);
  pending_.push_back({ticket, std::move(wait)});
  out.push_back(storage_node::Persist{ticket, std::move(batch)});
}

void NodeCore::Complete(Ticket ticket, bool persisted, Effects& out) {
  INVARIANT(!pending_.empty());
  INVARIANT(pending_.front().ticket == ticket);
  Wait wait = std::move(pending_.front().wait);
  pending_.pop_front();
  disk_full_ = !persisted;
  std::visit([&](auto& w) { Finish(w, persisted, out); }, wait);
}

void NodeCore::On(const Persisted& persisted, Instant, Effects& out) {
  Complete(persisted.ticket, true, out);
}

void NodeCore::On(const NotPersisted& refused, Instant, Effects& out) {
  Complete(refused.ticket, false, out);
}

void NodeCore::Finish(SegmentWait& wait, bool persisted, Effects& out) {
  const auto segment = segments_.find(wait.pg);
  if (segment == segments_.end()) return;  // dropped meanwhile: its volume is gone
  WithSegment(*segment->second, out, [&](Segment& s, SegmentOutlet& outlet) {
    if (persisted) {
      s.OnPersisted(*wait.then, outlet);
    } else {
      s.OnNotPersisted(*wait.then, outlet);
    }
  });
}

void NodeCore::Finish(CreateWait& wait, bool persisted, Effects& out) {
  Outlet outlet(*this, out);
  const PgId pg = wait.segment->config().membership.pg;
  if (!persisted) {
    wait.segment->OnNotPersisted(*wait.then, outlet);
    return;
  }
  // Two requests may have created it at once: the first one stands, with the same shape.
  auto& segment = segments_[pg];
  if (segment == nullptr) segment = std::move(wait.segment);
  segment->OnPersisted(*wait.then, outlet);
}

// --- requests ------------------------------------------------------------------------------------

Refused NodeCore::RefuseRequest(const Envelope& to, RefusalReason reason,
                                std::string message) const {
  Refused refused;
  refused.from = to;
  refused.reason = reason;
  refused.message =
      absl::StrCat(options_.node.value(), ", PG ", absl::Hex(to.pg.value()), ": ", message);
  return refused;
}

void NodeCore::On(const RequestReceived& received, Instant now, Effects& out) {
  const Envelope& to =
      std::visit([](const auto& r) -> const Envelope& { return r.to; }, received.request);
  if (!IsFormed()) {
    out.push_back(Reply{received.conn, RefuseRequest(to, RefusalReason::kAmnesiac,
                                                     "this node belongs to no cluster")});
    return;
  }
  const auto segment = segments_.find(to.pg);
  if (segment != segments_.end()) {
    WithSegment(*segment->second, out, [&](Segment& s, SegmentOutlet& outlet) {
      s.Handle(received.conn, received.request, now, outlet);
    });
  } else if (const auto* create = std::get_if<quorum::CreateSegment>(&received.request)) {
    Create(received.conn, *create, out);
  } else {
    out.push_back(
        Reply{received.conn, RefuseRequest(to, RefusalReason::kUnknownSegment, "no such segment")});
  }
}

void NodeCore::Create(ConnId conn, const quorum::CreateSegment& request, Effects& out) {
  SegmentConfig config{request.membership, request.page_size, request.first_page,
                       request.page_count};
  const auto refuse = [&](RefusalReason reason, std::string why) {
    out.push_back(Reply{conn, RefuseRequest(request.to, reason, std::move(why))});
  };
  if (auto status = config.membership.Check(); !status.ok()) {
    return refuse(RefusalReason::kBadRequest, status.ToString());
  }
  if (!quorum::IsValidPageSize(config.page_size) || config.page_count == 0 ||
      config.membership.pg != request.to.pg) {
    return refuse(RefusalReason::kBadRequest, "page size, page count or PG is wrong");
  }
  const auto self = config.membership.IndexOf(options_.node);
  if (!self.has_value()) return refuse(RefusalReason::kBadRequest, "this node is no member");
  const Incarnation admitted = config.membership.members[*self].incarnation;
  if (admitted != Incarnation() && admitted != options_.incarnation) {
    return refuse(RefusalReason::kAmnesiac, "the membership admitted another disk of this node");
  }
  for (const Pending& pending : pending_) {
    const auto* other = std::get_if<CreateWait>(&pending.wait);
    if (other == nullptr || other->segment->config().membership.pg != request.to.pg) continue;
    if (!(other->segment->config() == config)) {
      return refuse(RefusalReason::kBadRequest, "this PG is being created with another shape");
    }
  }
  auto segment = std::make_unique<Segment>(options_.node, std::move(config));
  CreateWait wait;
  StoreBatch batch;
  segment->PlanCreate(conn, request.to, batch, wait.then);
  wait.segment = std::move(segment);
  PersistFor(std::move(wait), std::move(batch), out);
}

void NodeCore::On(const StreamClosed&, Instant, Effects&) {
  // Answers to a closed stream are dropped by the host; a segment keeps no state per stream.
}

void NodeCore::On(const ReadAsked& asked, Instant, Effects& out) {
  const auto segment = segments_.find(asked.read.to.pg);
  if (segment == segments_.end()) {
    const auto reason = IsFormed() ? RefusalReason::kUnknownSegment : RefusalReason::kAmnesiac;
    out.push_back(CallRefused{asked.call, RefuseRequest(asked.read.to, reason, "no such segment")});
    return;
  }
  Outlet outlet(*this, out);
  segment->second->Read(asked.call, asked.read, outlet);
}

// --- background ----------------------------------------------------------------------------------

void NodeCore::On(const Tick&, Instant now, Effects& out) {
  if (now < gossip_due_) return;
  gossip_due_ = now + options_.gossip_every;
  Outlet outlet(*this, out);
  for (auto& [pg, segment] : segments_) segment->Gossip(now, options_.gossip_every, prng_, outlet);
}

void NodeCore::On(const GossipAsked& asked, Instant, Effects& out) {
  const auto segment = segments_.find(asked.ask.to.pg);
  if (segment == segments_.end()) {
    out.push_back(CallRefused{
        asked.call,
        RefuseRequest(asked.ask.to, RefusalReason::kUnknownSegment, "no such segment")});
    return;
  }
  Outlet outlet(*this, out);
  segment->second->AnswerGossip(asked.call, asked.ask, outlet);
}

void NodeCore::On(const PeerAnswered& answered, Instant, Effects& out) {
  const auto segment = segments_.find(answered.pg);
  if (segment == segments_.end()) return;
  WithSegment(*segment->second, out,
              [&](Segment& s, SegmentOutlet& outlet) { s.TakeGossip(answered, outlet); });
}

void NodeCore::MaybeCoalesce(Effects& out) {
  if (coalescing_.has_value() || hot_bytes_ < options_.coalesce_at_bytes) return;
  // Over all segments half the limit is in use: then the largest goes first, however small.
  const bool pressed = hot_bytes_ >= options_.hot_log_limit_bytes / 2;
  Segment* biggest = nullptr;
  for (auto& [pg, segment] : segments_) {
    if (biggest == nullptr || segment->hot_bytes() > biggest->hot_bytes()) biggest = segment.get();
  }
  if (biggest == nullptr) return;
  auto plan = biggest->PlanCoalesce(pressed ? 1 : options_.coalesce_at_bytes);
  if (!plan.has_value()) return;
  const Ticket ticket(++last_coalescing_);
  coalescing_.emplace(ticket, plan->pg, plan->timeline, plan->up_to);
  out.push_back(Coalesce{ticket, *std::move(plan)});
}

void NodeCore::On(const Coalesced& coalesced, Instant now, Effects& out) {
  INVARIANT(coalescing_.has_value());
  const auto [ticket, pg, timeline, up_to] = *coalescing_;
  INVARIANT(ticket == coalesced.ticket);
  coalescing_.reset();
  const auto segment = segments_.find(pg);
  if (segment == segments_.end()) return;
  WithSegment(*segment->second, out, [&](Segment& s, SegmentOutlet&) {
    s.OnCoalesced(timeline, up_to, coalesced.status.ok());
  });
  for (const DropSegmentsAsked& drop : std::exchange(waiting_drops_, {})) On(drop, now, out);
}

// --- state ---------------------------------------------------------------------------------------

std::vector<SegmentDescription> NodeCore::Describe(Instant now) const {
  std::vector<SegmentDescription> all;
  for (const auto& [pg, segment] : segments_) segment->Describe(now, all);
  return all;
}

void NodeCore::CheckInvariants() const {
  Ticket last;
  for (const Pending& pending : pending_) {
    INVARIANT(pending.ticket > last);
    last = pending.ticket;
  }
  size_t hot_bytes = 0;
  for (const auto& [pg, segment] : segments_) {
    INVARIANT(segment->config().membership.pg == pg);
    segment->CheckInvariants();
    hot_bytes += segment->hot_bytes();
  }
  INVARIANT(hot_bytes == hot_bytes_);
}

}  // namespace hexad::storage_node
