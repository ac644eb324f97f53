// The world's loop: what happens next, which faults, and the healing at the end.
#include "tests/model/volume_world.h"

#include <algorithm>

#include "tests/model/volume_world_parts.h"

namespace hexad::model {

VolumeWorld::VolumeWorld(WorldOptions options) : options_(options), prng_(options.seed) {
  for (int i = 0; i < options_.nodes; ++i) {
    auto node = std::make_unique<Node>();
    node->index = static_cast<size_t>(i);
    node->id = NodeId("n" + std::to_string(i + 1));
    node->az = AzId(std::string(1, static_cast<char>('a' + i / 2)));
    node->incarnation = Incarnation(100 + static_cast<uint64_t>(i));
    roster_.push_back({node->id, node->az, node->incarnation});
    nodes_.push_back(std::move(node));
  }
  named_.timeline = TimelineId(0xA11CE);
  named_.name = "model";
  named_.page_size = 4096;
  named_.pages_per_pg = options_.pages_per_pg;
  auto members = quorum::PlaceSegments(1, roster_, 6);
  Check(members.ok(), "placement");
  named_.pgs.push_back({quorum::MakePgId(named_.timeline, 0), MembershipEpoch(1), 4, *members});
  for (auto& node : nodes_) {
    StartNode(*node);
    StepNode(*node,
             storage_node::FormAsked{storage_node::CallId(next_call_++), ClusterId(7), roster_});
    CompletePersist(*node);
    quorum::CreateSegment create;
    create.to = {named_.timeline, named_.pgs[0].pg, EpochId::Root(), MembershipEpoch(1)};
    create.membership = named_.pgs[0];
    create.page_size = named_.page_size;
    create.page_count = named_.pages_per_pg;
    StepNode(*node, storage_node::RequestReceived{storage_node::ConnId(0), create});
    CompletePersist(*node);
  }
  StartWriter();
}

VolumeWorld::~VolumeWorld() = default;

void VolumeWorld::Check(bool holds, const std::string& what) {
  if (!holds && outcome_.failure.empty()) outcome_.failure = what;
}

void VolumeWorld::Run(int steps) {
  for (int i = 0; i < steps && outcome_.failure.empty(); ++i) Step();
  Heal();
  Settle(60000);
  if (outcome_.failure.empty()) CheckConverged();
}

void VolumeWorld::Step() {
  now_ = now_ + Duration::Micros(static_cast<int64_t>(prng_.Below(2000)));
  if (faults_) Fault();
  Happen();
}

// One pending event, drawn evenly over everything that could happen next.
void VolumeWorld::Happen() {
  std::vector<std::function<void()>> events;
  for (auto& node : nodes_) {
    if (node->core == nullptr) continue;
    if (!node->persists.empty()) events.push_back([&] { CompletePersist(*node); });
    if (node->coalesce.has_value()) events.push_back([&] { RunCoalesce(*node); });
    if (node->core->NextDeadline() <= now_) {
      events.push_back([&] { StepNode(*node, storage_node::Tick{}); });
    }
  }
  for (auto& writer : writers_) {
    for (auto& node : nodes_) {
      const auto stream = writer->streams.find(node->index);
      if (node->core == nullptr) continue;
      if (stream == writer->streams.end()) {
        events.push_back([&] { Connect(*writer, *node); });
        continue;
      }
      if (!stream->second.out.empty()) events.push_back([&] { DeliverToNode(*writer, *node); });
      if (!stream->second.in.empty()) events.push_back([&] { DeliverToWriter(*writer, *node); });
    }
    if (writer->opening != nullptr && writer->opening->NextDeadline() <= now_) {
      events.push_back([&] { StepOpening(*writer, backtrack::OpeningTick{}); });
    }
    if (writer->writer != nullptr) {
      if (writer->writer->NextDeadline() <= now_) {
        events.push_back([&] { StepWriter(*writer, quorum::WriterTick{}); });
      }
      if (faults_ && !writer->fenced) events.push_back([&] { Submit(*writer); });
    }
  }
  if (!gossip_.empty()) events.push_back([&] { DeliverGossip(); });
  if (events.empty()) return;
  const size_t pick = prng_.Below(events.size());
  Trace(events.size() * 1000 + pick);
  events[pick]();
}

void VolumeWorld::Fault() {
  const auto draw = [&](int per_mille) {
    return per_mille > 0 && static_cast<int>(prng_.Below(1000)) < per_mille;
  };
  Node& node = *nodes_[prng_.Below(nodes_.size())];
  const auto down =
      std::count_if(nodes_.begin(), nodes_.end(), [](const auto& n) { return n->core == nullptr; });
  if (node.core == nullptr) {
    if (draw(8)) StartNode(node);
  } else if (down < 3) {
    if (draw(options_.crash_node))
      StopNode(node, false);
    else if (draw(options_.cut_power))
      StopNode(node, true);
  }
  if (draw(options_.fill_disk)) node.store.SetFull(prng_.OneIn(2));
  if (!writers_.empty() && draw(options_.crash_writer)) StopWriter(prng_.Below(writers_.size()));
  if (writers_.empty() || (writers_.size() < 3 && draw(options_.contender))) StartWriter();
  if (!writers_.empty() && draw(options_.break_stream)) {
    Disconnect(*writers_[prng_.Below(writers_.size())], node);
  }
  if (!gossip_.empty() && draw(options_.lose_gossip)) {
    const auto lost = static_cast<std::ptrdiff_t>(prng_.Below(gossip_.size()));
    const GossipMessage message = gossip_[lost];
    gossip_.erase(gossip_.begin() + lost);
    Node& asker = *nodes_[message.from];
    if (asker.core != nullptr) {  // its call times out
      const auto& to = message.fill.has_value() ? message.fill->from : message.ask.to;
      StepNode(asker, storage_node::PeerAnswered{nodes_[message.to]->id, to.pg, to.timeline,
                                                 std::nullopt});
    }
  }
}

// Phase two: faults end, every disk has room, every node is up, one fresh writer opens the volume.
void VolumeWorld::Heal() {
  faults_ = false;
  for (auto& node : nodes_) {
    node->store.SetFull(false);
    if (node->core == nullptr) StartNode(*node);
  }
  while (!writers_.empty()) StopWriter(0);
  StartWriter();
}

void VolumeWorld::Settle(int steps) {
  for (int i = 0; i < steps && outcome_.failure.empty(); ++i) {
    Step();
    const auto& writer = *writers_.front();
    if (writer.writer == nullptr) continue;
    bool quiet = true;
    for (const auto& pg : writer.writer->Describe()) {
      for (const auto& member : pg.members)
        quiet = quiet && member.begun && member.scl == pg.last_lsn;
    }
    if (quiet && writer.writer->vdl() == writer.writer->last_issued()) return;
  }
  std::string state = writers_.front()->opening != nullptr ? writers_.front()->opening->Describe()
                                                           : std::string("opened");
  for (const auto& node : nodes_) {
    for (const auto& segment : node->core->Describe(now_)) {
      state += " | " + node->id.value() + " SCL " + std::to_string(segment.scl.value()) +
               " epoch " + std::to_string(segment.begun.number) + " highest " +
               std::to_string(segment.highest.value());
    }
  }
  Check(false, "liveness: not all segments agree after the faults stopped: " + state);
}

}  // namespace hexad::model
