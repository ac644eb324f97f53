// The world's storage nodes: their disks, their background work, and gossip between them.
#include <algorithm>

#include "quorum/boxcar.h"
#include "storage-node/core/page_builder.h"
#include "storage-node/core/timeline_log.h"
#include "tests/model/volume_world_parts.h"

namespace hexad::model {

using namespace storage_node;  // NOLINT(google-build-using-namespace): the subject of this file

void VolumeWorld::StartNode(Node& node) {
  NodeOptions options;
  options.node = node.id;
  options.az = node.az;
  options.incarnation = node.incarnation;
  options.seed = prng_.Next();
  options.coalesce_at_bytes = 1500;
  options.hot_log_limit_bytes = 64 << 10;
  options.gossip_every = Duration::Millis(20);
  node.core = std::make_unique<NodeCore>(options);
  auto status = node.store.ScanMeta("", [&](std::string_view key, std::string_view value) {
    const auto loaded = node.core->LoadMeta(key, value);
    Check(loaded.ok(), "loading meta: " + loaded.ToString());
  });
  Check(status.ok(), "scanning meta");
  const auto logs = node.core->LogsToLoad();
  Check(logs.ok(), "logs to load: " + logs.status().ToString());
  for (const auto& log : *logs) {
    const auto floor = node.store.FloorBoxcar(log.pg, log.timeline, log.from);
    const Lsn from = floor.ok() && !floor->IsNone() ? *floor : log.from;
    status = node.store.ScanLog(log.pg, log.timeline, from, [&](Lsn first, BytesRef bytes) {
      const auto loaded = node.core->LoadBoxcar(log.pg, log.timeline, first, std::move(bytes));
      Check(loaded.ok(), "loading a boxcar: " + loaded.ToString());
      return true;
    });
    Check(status.ok(), "scanning a log");
  }
  node.core->CheckInvariants();
}

void VolumeWorld::StopNode(Node& node, bool power_cut) {
  ++outcome_.crashes;
  for (auto& writer : writers_) Disconnect(*writer, node);
  node.core.reset();
  node.persists.clear();
  node.coalesce.reset();
  node.reads.clear();
  node.refused.clear();
  node.gossip_from.clear();
  std::erase_if(gossip_, [&](const GossipMessage& m) { return m.from == node.index; });
  if (power_cut) node.store.CutPower();
}

void VolumeWorld::StepNode(Node& node, const NodeInput& in) {
  std::vector<NodeEffect> effects;
  node.core->Step(in, now_, effects);
  node.core->CheckInvariants();
  for (NodeEffect& effect : effects) Carry(node, std::move(effect));
}

namespace {

// What the host reads off the hot log for a plan.
std::vector<BytesRef> ReadLog(const MemorySegmentStore& store, const LogPlan& plan, bool& more) {
  std::vector<BytesRef> boxcars;
  const TimelineId timeline = plan.envelope.timeline;
  const auto floor = store.FloorBoxcar(plan.envelope.pg, timeline, plan.after.Next());
  const Lsn from = floor.ok() && !floor->IsNone() ? *floor : plan.after.Next();
  more = false;
  auto status =
      store.ScanLog(plan.envelope.pg, timeline, from, [&](Lsn first, const BytesRef& bytes) {
        if (first > plan.up_to) return false;
        const auto boxcar = quorum::DecodeBoxcar(bytes);
        if (!boxcar.ok()) return true;
        const auto run = VisibleIn(*boxcar, plan.path.path);
        if (!run.has_value() || run->last <= plan.after) return true;
        if (boxcars.size() == 3) {
          more = true;
          return false;
        }
        boxcars.push_back(bytes);
        return true;
      });
  return status.ok() ? boxcars : std::vector<BytesRef>{};
}

}  // namespace

void VolumeWorld::Carry(Node& node, NodeEffect effect) {
  if (auto* persist = std::get_if<Persist>(&effect)) {
    node.persists.push_back(std::move(*persist));
  } else if (auto* reply = std::get_if<Reply>(&effect)) {
    for (auto& writer : writers_) {
      const auto stream = writer->streams.find(node.index);
      if (stream == writer->streams.end() || stream->second.conn != reply->conn) continue;
      stream->second.in.push_back(std::move(reply->answer));
    }
  } else if (auto* fetch = std::get_if<ServeFetch>(&effect)) {
    quorum::LogPart part;
    part.from = fetch->plan.envelope;
    part.boxcars = ReadLog(node.store, fetch->plan, part.more);
    Carry(node, Reply{fetch->conn, std::move(part)});
  } else if (auto* read = std::get_if<ServeRead>(&effect)) {
    const auto versions =
        node.store.ReadVersions(read->plan.envelope.pg, read->plan.page, read->plan.visible);
    Check(versions.ok(), "reading versions");
    auto page = BuildPage(read->plan, *versions);
    Check(page.ok(), node.id.value() + ": " + page.status().ToString());
    if (page.ok()) node.reads[read->call] = *page;
  } else if (auto* refused = std::get_if<CallRefused>(&effect)) {
    node.refused[refused->call] = refused->refused;
  } else if (auto* ask = std::get_if<AskPeer>(&effect)) {
    const auto peer = std::find_if(nodes_.begin(), nodes_.end(),
                                   [&](const auto& n) { return n->id == ask->peer; });
    gossip_.push_back({node.index, (*peer)->index, std::move(ask->ask), std::nullopt});
  } else if (auto* gossip = std::get_if<ServeGossip>(&effect)) {
    quorum::GossipFill fill;
    fill.from = gossip->plan.envelope;
    fill.begun = gossip->plan.path;
    fill.scl = gossip->plan.scl;
    fill.vdl_heard = gossip->plan.vdl_heard;
    fill.in_use = gossip->plan.in_use;
    fill.boxcars = ReadLog(node.store, gossip->plan, fill.more);
    gossip_.push_back({node.gossip_from[gossip->call], node.index, {}, std::move(fill)});
  } else if (auto* coalesce = std::get_if<Coalesce>(&effect)) {
    Check(!node.coalesce.has_value(), "two coalescings at once");
    node.coalesce = std::move(*coalesce);
  }
}

// The host's group commit: a few pending batches in one synced write, then their completions in
// order.
void VolumeWorld::CompletePersist(Node& node) {
  const size_t count = 1 + prng_.Below(node.persists.size());
  std::vector<Persist> drained;
  for (size_t i = 0; i < count; ++i) {
    drained.push_back(std::move(node.persists.front()));
    node.persists.pop_front();
  }
  std::vector<const StoreBatch*> batches;
  for (const Persist& persist : drained) batches.push_back(&persist.batch);
  const auto status = node.store.Write(batches, Durability::kSynced);
  Check(status.ok() || absl::IsResourceExhausted(status), "write: " + status.ToString());
  for (const Persist& persist : drained) {
    if (status.ok()) {
      StepNode(node, Persisted{persist.ticket});
    } else {
      StepNode(node, NotPersisted{persist.ticket});
    }
  }
}

void VolumeWorld::RunCoalesce(Node& node) {
  ++outcome_.coalescings;
  Coalesce job = *std::move(node.coalesce);
  node.coalesce.reset();
  absl::Status status = node.store.Write({&job.plan.start}, Durability::kOrdered);
  for (const PageWork& work : GroupByPage(job.plan)) {
    const auto versions = node.store.ReadVersions(job.plan.pg, work.page, job.plan.visible);
    Check(versions.ok(), "versions to coalesce");
    StoreBatch batch;
    const auto folded = CoalescePage(job.plan, work, versions, batch);
    Check(folded.ok(), node.id.value() + " coalescing: " + folded.ToString());
    if (status.ok()) status = node.store.Write({&batch}, Durability::kOrdered);
  }
  if (status.ok()) status = node.store.Write({&job.plan.finish}, Durability::kOrdered);
  StepNode(node, Coalesced{job.ticket, status});
}

void VolumeWorld::DeliverGossip() {
  const auto pick = static_cast<std::ptrdiff_t>(prng_.Below(gossip_.size()));
  GossipMessage message = std::move(gossip_[pick]);
  gossip_.erase(gossip_.begin() + pick);
  Node& asker = *nodes_[message.from];
  Node& peer = *nodes_[message.to];
  if (message.fill.has_value()) {
    if (asker.core == nullptr) return;
    const auto to = message.fill->from;
    StepNode(asker, PeerAnswered{peer.id, to.pg, to.timeline, std::move(message.fill)});
    return;
  }
  const auto unanswered = [&] {
    if (asker.core == nullptr) return;
    StepNode(asker,
             PeerAnswered{peer.id, message.ask.to.pg, message.ask.to.timeline, std::nullopt});
  };
  if (peer.core == nullptr) return unanswered();
  const CallId call(next_call_++);
  peer.gossip_from[call] = asker.index;
  StepNode(peer, GossipAsked{call, message.ask});
  if (peer.refused.erase(call) > 0) unanswered();
}

}  // namespace hexad::model
