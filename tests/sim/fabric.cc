#include "tests/sim/fabric.h"

#include <utility>

#include "quorum/base/check.h"
#include "tests/sim/wire.h"

namespace hexad::sim {

using storage_node::CallId;
using storage_node::ConnId;

namespace {

// A request, or its answer, that took another way: late, and past whatever came after it.
constexpr int64_t kLatestMillis = 400;

}  // namespace

Fabric::Fabric(Scheduler& scheduler, std::vector<storage_node::NodeOptions> nodes, size_t computes,
               FabricOptions options, Tell tell)
    : scheduler_(scheduler),
      options_(options),
      tell_(std::move(tell)),
      prng_(options.seed),
      network_(scheduler, nodes.size() + computes, options.seed ^ 0x6e6574) {
  for (storage_node::NodeOptions& node : nodes) {
    nodes_.push_back(std::make_unique<SimNode>(scheduler_, *this, nodes_.size(), std::move(node)));
  }
}

// ---- nodes --------------------------------------------------------------------------------------

bool Fabric::StartNode(NodeIndex index) {
  if (!nodes_[index]->Start().ok()) return false;
  tell_(NodeStarted{index, &nodes_[index]->disk()});
  return true;
}

// Its peers' calls to it run into their deadlines; its streams end when the news arrives.
void Fabric::StopNode(NodeIndex index, bool power) {
  if (nodes_[index]->core() == nullptr) return;
  nodes_[index]->Stop(power);
  std::erase_if(calls_, [&](const auto& call) { return call.first.first == index; });
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    const auto next = std::next(stream);
    if (stream->second.to == index) Ended(stream);
    stream = next;
  }
  tell_(NodeStopped{index});
}

void Fabric::OnFailStop(NodeIndex index) {
  tell_(DiskHarmed{index});
  StopNode(index, /*power=*/false);
}

void Fabric::OnPersisted(NodeIndex index, const storage_node::StoreBatch& batch) {
  tell_(BatchPersisted{index, &batch});
}

// ---- streams ------------------------------------------------------------------------------------

void Fabric::Dial(Endpoint from, Process& process, StreamOwner& owner) {
  Owner& entry = owners_[from];
  INVARIANT(entry.streams == nullptr);
  entry = Owner{&process, &owner, entry.calls + 1};
  for (NodeIndex to = 0; to < nodes_.size(); ++to) TryDial(from, to);
}

void Fabric::Hangup(Endpoint from) {
  Owner& entry = owners_[from];
  entry.streams = nullptr;
  entry.process = nullptr;
  ++entry.calls;
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    const auto next = std::next(stream);
    if (stream->second.from == from) Ended(stream);
    stream = next;
  }
}

// There and back, again and again until it works.
void Fabric::TryDial(Endpoint from, NodeIndex to) {
  const Owner& owner = owners_[from];
  if (owner.streams == nullptr || Find(from, to) != streams_.end()) return;
  const uint64_t calls = owner.calls;
  network_.Send(from, to, [this, from, to, calls] {
    if (nodes_[to]->core() == nullptr || nodes_[to]->process().paused()) return;
    const Incarnation incarnation = nodes_[to]->options().incarnation;
    network_.Send(to, from,
                  [this, from, to, calls, incarnation] { Answered(from, to, calls, incarnation); });
  });
  const Duration again = kDialAgain + Duration::Millis(static_cast<int64_t>(prng_.Below(100)));
  owner.process->After(again, [this, from, to] { TryDial(from, to); });
}

void Fabric::Answered(Endpoint from, NodeIndex to, uint64_t calls, Incarnation incarnation) {
  Owner& owner = owners_[from];
  if (owner.calls != calls || owner.streams == nullptr) return;
  owner.process->After(Duration(), [this, from, to, calls, incarnation] {
    Owner& owner = owners_[from];
    if (owner.calls != calls || Find(from, to) != streams_.end()) return;
    // It may have ended, or come back with another disk, while the answer was under way.
    if (nodes_[to]->core() == nullptr || nodes_[to]->options().incarnation != incarnation) return;
    const ConnId conn(next_conn_++);
    streams_[conn] = Stream{
        conn, from, to, network_.OpenLane(from, to), network_.OpenLane(to, from), Instant::Never()};
    WatchKeepalive(conn);
    owner.streams->OnUp(to, incarnation);
  });
}

std::map<ConnId, Fabric::Stream>::iterator Fabric::Find(Endpoint from, NodeIndex to) {
  for (auto stream = streams_.begin(); stream != streams_.end(); ++stream) {
    if (stream->second.from == from && stream->second.to == to) return stream;
  }
  return streams_.end();
}

void Fabric::Break(Endpoint from, NodeIndex to) {
  const auto stream = Find(from, to);
  if (stream != streams_.end()) Ended(stream);
}

// What is in flight towards the node may still arrive there: it has been sent. Answers may not: who
// hears that a stream has ended hears nothing of it afterwards.
void Fabric::Ended(std::map<ConnId, Stream>::iterator at) {
  const Stream stream = at->second;
  streams_.erase(at);
  stream.down->closed = true;
  if (prng_.OneIn(2)) stream.up->closed = true;
  SimNode& node = *nodes_[stream.to];
  if (node.core() != nullptr) {
    node.process().After(Duration::Millis(1), [&node, conn = stream.conn] {
      node.Give(storage_node::StreamClosed{conn});
    });
  }
  const Owner& owner = owners_[stream.from];
  if (owner.streams == nullptr) return;
  const uint64_t calls = owner.calls;
  owner.process->After(Duration::Micros(200), [this, from = stream.from, to = stream.to, calls] {
    Owner& owner = owners_[from];
    if (owner.calls != calls) return;
    owner.streams->OnDown(to);
    TryDial(from, to);
  });
}

// A partition that lasts is noticed by the keepalive, whichever way it blocks.
void Fabric::WatchKeepalive(ConnId conn) {
  const auto at = streams_.find(conn);
  if (at == streams_.end()) return;
  Stream& stream = at->second;
  const bool blocked = network_.IsBlocked(stream.from, stream.to) ||
                       network_.IsBlocked(stream.to, stream.from) ||
                       nodes_[stream.to]->process().paused();
  if (!blocked) {
    stream.blocked_since = Instant::Never();
  } else if (stream.blocked_since == Instant::Never()) {
    stream.blocked_since = scheduler_.now();
  } else if (scheduler_.now() - stream.blocked_since >= kKeepalive) {
    return Ended(at);
  }
  scheduler_.After(Duration::Seconds(1), [this, conn] { WatchKeepalive(conn); });
}

void Fabric::Send(Endpoint from, NodeIndex to, quorum::SegmentRequest request) {
  const auto at = Find(from, to);
  if (at == streams_.end()) return;  // as a link that is down does: the writer hears of it soon
  if (!Passes(from, StepKind::kSend)) return;
  const ConnId conn = at->first;
  if (options_.encode_one_in > 0 && prng_.OneIn(options_.encode_one_in)) {
    request = ThroughTheWire(std::move(request));
  }
  const auto later = [&] {
    return Duration::Millis(static_cast<int64_t>(prng_.Below(kLatestMillis)));
  };
  const auto deliver = [this, to, conn](quorum::SegmentRequest what) {
    return
        [this, to, conn, what = std::move(what)]() mutable { Deliver(to, conn, std::move(what)); };
  };
  if (Draw(options_.repeated_per_mille)) scheduler_.After(later(), deliver(request));
  if (Draw(options_.corrupted_per_mille)) request = Corrupted(std::move(request), prng_.Next());
  if (Draw(options_.reordered_per_mille)) {
    return scheduler_.After(later(), deliver(std::move(request)));
  }
  network_.Send(at->second.up, deliver(std::move(request)));
}

void Fabric::Deliver(NodeIndex to, ConnId conn, quorum::SegmentRequest request) {
  if (nodes_[to]->core() == nullptr) return;
  nodes_[to]->Give(storage_node::RequestReceived{conn, std::move(request)});
}

void Fabric::OnReply(NodeIndex node, storage_node::Reply reply) {
  if (!Passes(node, StepKind::kSend)) return;
  tell_(SegmentReplied{node, &reply.answer});
  const auto at = streams_.find(reply.conn);
  if (at == streams_.end()) return;
  if (options_.encode_one_in > 0 && prng_.OneIn(options_.encode_one_in)) {
    reply.answer = ThroughTheWire(std::move(reply.answer));
  }
  // Delivered once, as all that a stream carries: moved from hand to hand.
  network_.Send(
      at->second.down, [this, conn = reply.conn, answer = std::move(reply.answer)]() mutable {
        const auto at = streams_.find(conn);
        if (at == streams_.end()) return;
        const Owner& owner = owners_[at->second.from];
        if (owner.streams == nullptr) return;
        owner.process->After(Duration(), [this, conn, answer = std::move(answer)]() mutable {
          const auto at = streams_.find(conn);
          if (at == streams_.end()) return;
          owners_[at->second.from].streams->OnAnswer(at->second.to, std::move(answer));
        });
      });
}

// ---- unary calls --------------------------------------------------------------------------------

void Fabric::Read(Endpoint from, NodeIndex to, quorum::ReadPage read, PageDone done) {
  Process* process = owners_[from].process;
  const uint64_t calls = owners_[from].calls;
  if (!Passes(from, StepKind::kSend)) return;
  auto ended = std::make_shared<bool>(false);
  const auto end = [ended, done = std::move(done)](std::optional<PageOutcome> outcome) {
    if (!std::exchange(*ended, true)) done(std::move(outcome));
  };
  process->After(kAskDeadline, [end] { end(std::nullopt); });
  network_.Send(from, to, [this, from, to, calls, read = std::move(read), end] {
    if (nodes_[to]->core() == nullptr) return;
    const CallId call(next_call_++);
    const auto answer = [this, from, to, calls, end](PageOutcome outcome) {
      network_.Send(to, from, [this, from, calls, end, outcome = std::move(outcome)] {
        if (owners_[from].calls != calls) return;
        owners_[from].process->After(Duration(), [end, outcome] { end(outcome); });
      });
    };
    calls_[{to, call}].page = answer;
    nodes_[to]->Give(storage_node::ReadAsked{call, read});
  });
}

template <class Outcome>
void Fabric::AskNode(NodeIndex asker, PeerQuestion<Outcome> question) {
  if (!Passes(asker, StepKind::kSend)) return;
  SimNode& from = *nodes_[asker];
  auto ended = std::make_shared<bool>(false);
  const auto end = [ended, end = question.end](const Outcome* outcome) {
    if (!std::exchange(*ended, true)) end(outcome);
  };
  const uint64_t life = from.process().life();
  from.process().After(kPeerDeadline, [end] { end(nullptr); });
  NodeIndex to = 0;
  while (to < nodes_.size() && nodes_[to]->options().node != question.peer) ++to;
  if (to == nodes_.size()) return;
  network_.Send(asker, to, [this, asker, to, life, question = std::move(question), end] {
    if (nodes_[to]->core() == nullptr) return;
    const CallId call(next_call_++);
    calls_[{to, call}].*question.slot = [this, asker, to, life, end](Outcome outcome) {
      network_.Send(to, asker, [this, asker, life, end, outcome = std::move(outcome)] {
        if (nodes_[asker]->process().life() == life) end(&outcome);
      });
    };
    nodes_[to]->Give(question.asked(call));
  });
}

template <class Outcome>
void Fabric::OnOutcome(NodeIndex node, CallId call, std::function<void(Outcome)> Call::*slot,
                       Outcome outcome) {
  auto found = calls_.find({node, call});
  if (found == calls_.end() || found->second.*slot == nullptr) return;
  if (!Passes(node, StepKind::kSend)) return;
  const auto done = std::move(found->second.*slot);
  calls_.erase(found);
  done(std::move(outcome));
}

void Fabric::OnPage(NodeIndex node, CallId call, PageOutcome outcome) {
  if (const auto* refused = std::get_if<quorum::Refused>(&outcome)) {
    tell_(PageRefused{node, refused});
  }
  OnOutcome(node, call, &Call::page, std::move(outcome));
}

void Fabric::OnAskPeer(NodeIndex asker, storage_node::AskPeer ask) {
  SimNode& from = *nodes_[asker];
  const auto end = [&from, peer = ask.peer, to = ask.ask.to](const GossipOutcome* outcome) {
    storage_node::PeerAnswered answered{peer, to.pg, to.timeline, std::nullopt};
    const auto* fill = outcome == nullptr ? nullptr : std::get_if<quorum::GossipFill>(outcome);
    if (fill != nullptr) answered.fill = *fill;
    from.Give(std::move(answered));
  };
  const auto asked = [ask = std::move(ask.ask)](CallId call) {
    return storage_node::GossipAsked{call, ask};
  };
  AskNode<GossipOutcome>(asker, {ask.peer, &Call::gossip, asked, end});
}

void Fabric::OnScrubPeer(NodeIndex asker, storage_node::ScrubPeer ask) {
  SimNode& from = *nodes_[asker];
  const auto end = [&from, peer = ask.peer, question = ask.question](const ScrubOutcome* outcome) {
    storage_node::Scrubbed scrubbed{question, peer, std::nullopt};
    const auto* fill = outcome == nullptr ? nullptr : std::get_if<quorum::ScrubFill>(outcome);
    if (fill != nullptr) scrubbed.fill = *fill;
    from.Give(std::move(scrubbed));
  };
  const auto asked = [ask = ask.ask](CallId call) { return storage_node::ScrubAsked{call, ask}; };
  AskNode<ScrubOutcome>(asker, {ask.peer, &Call::scrub, asked, end});
}

void Fabric::OnGossip(NodeIndex node, CallId call, GossipOutcome outcome) {
  OnOutcome(node, call, &Call::gossip, std::move(outcome));
}

void Fabric::OnScrub(NodeIndex node, CallId call, ScrubOutcome outcome) {
  OnOutcome(node, call, &Call::scrub, std::move(outcome));
}

// ---- partitions ---------------------------------------------------------------------------------

void Fabric::Block(Endpoint from, Endpoint to) { network_.Block(from, to); }

void Fabric::Unblock(Endpoint from, Endpoint to) { network_.Unblock(from, to); }

}  // namespace hexad::sim
