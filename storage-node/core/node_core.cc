// Routing: which segment, which ticket, which call. Also gossip's pace and the coalescer's.
#include "storage-node/core/node_core.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "quorum/base/core.h"
#include "quorum/base/marks.h"
#include "storage-node/core/segment.h"
#include "storage-node/core/segment_state.h"

namespace hexad::storage_node {

static_assert(Core<NodeCore>);

using quorum::Envelope;
using quorum::RefusalReason;
using quorum::Refused;

namespace {

// A walk over the segments that found nothing to coalesce is repeated when so much more has come.
constexpr size_t kLookAgainBytes = 64 << 10;

}  // namespace

// What segments of this node write and send through during one step.
class NodeCore::Outlet : public SegmentOutlet {
 public:
  Outlet(NodeCore& node, Effects& out) : node_(node), out_(out) {}

  void Persist(PgId pg, StoreBatch batch, Continuation then) override {
    node_.PersistFor(SegmentWait{pg, std::make_unique<Continuation>(std::move(then))},
                     std::move(batch), out_);
  }
  void Emit(NodeEffect effect) override { out_.push_back(std::move(effect)); }
  bool MayTake(bool closes_gap, size_t taken_bytes) const override {
    const size_t limit = node_.options_.hot_log_limit_bytes * (closes_gap ? 2 : 1);
    return node_.hot_bytes_ + taken_bytes < limit && !BUGGIFY(segment_takes_nothing_now);
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

Segment* NodeCore::Find(PgId pg) const {
  const auto segment = segments_.find(pg);
  return segment == segments_.end() || dropping_.contains(pg) ? nullptr : segment->second.get();
}

bool NodeCore::MayServe(const ReadPlan& plan) const {
  const Segment* segment = Find(plan.envelope.pg);
  return segment != nullptr && segment->MayServe(plan);
}

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
  if (!persisted) SOMETIMES(disk_full);
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
  if (segments_.contains(pg)) SOMETIMES(segment_created_twice_at_once);
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
    SOMETIMES(amnesiac_node_is_asked);
    return;
  }
  const auto* create = std::get_if<quorum::CreateSegment>(&received.request);
  if (Segment* segment = Find(to.pg)) {
    WithSegment(*segment, out, [&](Segment& s, SegmentOutlet& outlet) {
      s.Handle(received.conn, received.request, now, outlet);
    });
  } else if (create != nullptr && !dropping_.contains(to.pg)) {
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
  Segment* segment = Find(asked.read.to.pg);
  if (segment == nullptr) {
    const auto reason = IsFormed() ? RefusalReason::kUnknownSegment : RefusalReason::kAmnesiac;
    out.push_back(CallRefused{asked.call, RefuseRequest(asked.read.to, reason, "no such segment")});
    return;
  }
  Outlet outlet(*this, out);
  segment->Read(asked.call, asked.read, outlet);
}

// --- background ----------------------------------------------------------------------------------

void NodeCore::On(const Tick&, Instant now, Effects& out) {
  idle_at_bytes_.reset();
  TickScrub(now, out);
  if (now < gossip_due_) return;
  gossip_due_ = now + options_.gossip_every;
  has_long_path_ = std::any_of(segments_.begin(), segments_.end(),
                               [](const auto& entry) { return entry.second->HasLongPath(); });
  Outlet outlet(*this, out);
  // From where the last round stopped: there may be more segments than a round has questions, and
  // more of them behind than it can help.
  int asked = 0;
  auto next = segments_.upper_bound(gossiped_last_);
  for (size_t i = 0; i < segments_.size() && asked < kGossipAsksPerRound; ++i, ++next) {
    if (next == segments_.end()) next = segments_.begin();
    gossiped_last_ = next->first;
    if (dropping_.contains(next->first)) continue;
    asked += next->second->Gossip(now, options_.gossip_every, prng_, outlet);
  }
}

void NodeCore::On(const GossipAsked& asked, Instant, Effects& out) {
  Segment* segment = Find(asked.ask.to.pg);
  if (segment == nullptr) {
    out.push_back(CallRefused{
        asked.call,
        RefuseRequest(asked.ask.to, RefusalReason::kUnknownSegment, "no such segment")});
    return;
  }
  Outlet outlet(*this, out);
  segment->AnswerGossip(asked.call, asked.ask, outlet);
}

void NodeCore::On(const PeerAnswered& answered, Instant, Effects& out) {
  const auto segment = segments_.find(answered.pg);
  if (segment == segments_.end()) return;
  PeerAnswered taken = answered;
  if (dropping_.contains(answered.pg)) taken.fill.reset();  // as if the peer had not answered
  WithSegment(*segment->second, out,
              [&](Segment& s, SegmentOutlet& outlet) { s.TakeGossip(taken, outlet); });
}

void NodeCore::MaybeCoalesce(Effects& out) {
  if (coalescing_.has_value() || reserved_) return;
  const bool early = BUGGIFY(coalescing_starts_early);
  if (hot_bytes_ < options_.coalesce_at_bytes && !early && !has_long_path_) return;
  // Looking costs a walk over all segments: after one that found nothing, wait for news.
  if (idle_at_bytes_.has_value() && hot_bytes_ < *idle_at_bytes_ + kLookAgainBytes) return;
  // Over all segments half the limit is in use: then the largest goes first, however small.
  const bool pressed = hot_bytes_ >= options_.hot_log_limit_bytes / 2;
  if (pressed) SOMETIMES(coalescer_is_pressed);
  const size_t min_bytes = pressed || early ? 1 : options_.coalesce_at_bytes;
  std::vector<std::pair<size_t, PgId>> by_size;
  for (const auto& [pg, segment] : segments_) {
    const size_t bytes = segment->hot_bytes();
    const bool wanted = bytes >= min_bytes || segment->HasLongPath();
    if (wanted && !dropping_.contains(pg)) by_size.emplace_back(bytes, pg);
  }
  std::sort(by_size.rbegin(), by_size.rend());
  for (const auto& [bytes, pg] : by_size) {
    auto plan = segments_.at(pg)->PlanCoalesce(bytes < min_bytes ? 1 : min_bytes);
    if (!plan.has_value()) continue;
    idle_at_bytes_.reset();
    const Ticket ticket(++last_coalescing_);
    coalescing_.emplace(ticket, plan->pg, plan->timeline, plan->up_to);
    out.push_back(Coalesce{ticket, *std::move(plan)});
    return;
  }
  idle_at_bytes_ = hot_bytes_;
  has_long_path_ = false;
}

void NodeCore::On(const Coalesced& coalesced, Instant now, Effects& out) {
  INVARIANT(coalescing_.has_value());
  const auto [ticket, pg, timeline, up_to] = *coalescing_;
  INVARIANT(ticket == coalesced.ticket);
  coalescing_.reset();
  const auto segment = segments_.find(pg);
  INVARIANT(segment != segments_.end());  // drops wait for the coalescer
  // Named again: C++20 lets a lambda capture structured bindings, Clang 14 does not.
  WithSegment(*segment->second, out,
              [&, timeline = timeline, up_to = up_to](Segment& s, SegmentOutlet&) {
                s.OnCoalesced(timeline, up_to, coalesced.status.ok());
              });
  StartWaitingDrops(now, out);
  Outlet outlet(*this, out);
  for (auto& [id, segment] : segments_) {
    if (!dropping_.contains(id)) segment->GoOnGossiping(outlet);
  }
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
