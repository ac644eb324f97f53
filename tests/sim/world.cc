#include "tests/sim/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "quorum/base/check.h"

namespace hexad::sim {

using backtrack::OpenMode;

namespace {

constexpr Duration kLookEvery = Duration::Millis(250);
constexpr Duration kSuperviseEvery = Duration::Millis(300);

}  // namespace

std::string_view NameOf(FailureClass failure) {
  switch (failure) {
    case FailureClass::kNone:
      return "ok";
    case FailureClass::kSafety:
      return "safety";
    case FailureClass::kLiveness:
      return "liveness";
    case FailureClass::kConvergence:
      return "convergence";
    case FailureClass::kStandstill:
      return "standstill";
  }
  return "?";
}

// ---- the cluster --------------------------------------------------------------------------------

World::World(SimOptions options, Checkers checkers, Narrate narrate)
    : options_(std::move(options)),
      checkers_(std::move(checkers)),
      narrate_(std::move(narrate)),
      prng_(options_.seed) {
  MakeCluster();
}

World::~World() = default;

void World::MakeCluster() {
  std::vector<storage_node::NodeOptions> nodes;
  for (size_t i = 0; i < options_.nodes; ++i) {
    storage_node::NodeOptions node;
    node.node = NodeId(absl::StrCat("n", i + 1));
    node.az = AzId(std::string(1, static_cast<char>('a' + AzOf(i))));
    node.incarnation = Incarnation(100 + i);
    node.seed = prng_.Next();
    node.coalesce_at_bytes = options_.coalesce_at_bytes;
    node.hot_log_limit_bytes = options_.hot_log_limit_bytes;
    node.gossip_every = options_.gossip_every;
    node.scrub_every = options_.scrub_every;
    node.scrub_pages = options_.scrub_pages;
    roster_.push_back({node.node, node.az, node.incarnation});
    nodes.push_back(std::move(node));
  }
  const auto tell = [this](const Event& event) { Tell(event); };
  fabric_ = std::make_unique<Fabric>(scheduler_, std::move(nodes),
                                     kComputes + (clones() ? kCloners : 0), options_.fabric, tell);
  for (Endpoint a = 0; a < fabric_->network().endpoints(); ++a) {
    for (Endpoint b = 0; b < fabric_->network().endpoints(); ++b) {
      fabric_->network().link(a, b) = options_.link;
    }
  }
  for (NodeIndex node = 0; node < options_.nodes; ++node) {
    fabric_->node(node).speed() = options_.disk;
  }
  named_.timeline = kVolume;
  named_.name = "main";
  named_.page_size = 4096;
  named_.pages_per_pg = options_.pages_per_pg;
  named_.retention = options_.retention;
  quorum::Membership first;
  first.pg = quorum::MakePgId(named_.timeline, 0);
  auto members = quorum::PlaceSegments(first.pg.value(), roster_, 6);
  INVARIANT(members.ok());
  first.members = *std::move(members);
  named_.pgs.push_back(std::move(first));
  for (size_t slot = 0; slot < kComputes; ++slot) {
    ComputeOptions compute;
    compute.named = named_;
    compute.roster = roster_;
    compute.writer = options_.writer;
    compute.load = options_.load;
    compute.cache_bytes = options_.cache_pages * named_.page_size;
    compute.lal = options_.lal;
    compute.mark_every = options_.mark_every;
    computes_.push_back(std::make_unique<SimCompute>(*fabric_, fabric_->EndpointOf(slot), compute,
                                                     tell, prng_.Next()));
  }
}

void World::MakeCloner() {
  ComputeOptions parent;
  parent.named = named_;
  parent.roster = roster_;
  parent.writer = options_.writer;
  parent.load = options_.load;
  parent.cache_bytes = options_.cache_pages * named_.page_size;
  parent.lal = options_.lal;
  const auto draw = [this]() -> std::optional<backtrack::CloneTarget> {
    if (prng_.OneIn(2)) return backtrack::CloneNow();
    const auto target = computes_[prng_.Below(kWriters)]->DrawTarget();
    if (!target.has_value()) return std::nullopt;
    return std::visit([](const auto& at) { return backtrack::CloneTarget(at); }, *target);
  };
  cloner_ = std::make_unique<SimCloner>(
      *fabric_, kComputes, std::move(parent), options_.clones,
      [this](const Event& event) { Tell(event); }, draw, prng_.Next());
}

// What `hexad up` and `hexad volume create` do, with everybody there.
void World::Form() {
  for (NodeIndex node = 0; node < options_.nodes; ++node) {
    INVARIANT(fabric_->StartNode(node));
    fabric_->node(node).Give(
        storage_node::FormAsked{storage_node::CallId(0), ClusterId(7), roster_});
  }
  RunUntil(scheduler_.now() + Duration::Millis(60));
  const quorum::Membership& first = named_.pgs.front();
  quorum::CreateSegment create;
  create.to = {named_.timeline, first.pg, EpochId::Root(), first.epoch};
  create.membership = first;
  create.page_size = named_.page_size;
  create.page_count = named_.pages_per_pg;
  for (NodeIndex node = 0; node < options_.nodes; ++node) {
    if (!first.IndexOf(node_id(node)).has_value()) continue;
    fabric_->node(node).Give(storage_node::RequestReceived{storage_node::ConnId(0), create});
  }
  RunUntil(scheduler_.now() + Duration::Millis(60));
}

// ---- what the faults do to it -------------------------------------------------------------------

void World::StopNode(NodeIndex node, bool power) { fabric_->StopNode(node, power); }

void World::ReleaseNode(NodeIndex node) {
  INVARIANT(held_[node] > 0);
  if (--held_[node] > 0 || core(node) != nullptr) return;
  if (fabric_->StartNode(node)) ++verdict_.restarts;
}

void World::Harm(NodeIndex node) { Tell(DiskHarmed{node}); }

void World::WipeNode(NodeIndex node) { fabric_->node(node).Wipe(Incarnation(next_incarnation_++)); }

void World::StartCompute(size_t slot, OpenMode mode) { Launch(slot, {mode}); }

void World::Launch(size_t slot, compute::OpenVolume open) {
  Say(absl::StrCat("compute", slot + 1, " starts, process ", next_process_,
                   open.backtrack.has_value() ? ", going back" : ""));
  computes_[slot]->Start(next_process_++, std::move(open));
}

// Somebody always tries to have a writer: who was fenced or died is followed by another process.
void World::Supervise() {
  if (!supervised_) return;
  scheduler_.After(kSuperviseEvery, [this] { Supervise(); });
  size_t tries = 0;
  for (size_t slot = 0; slot < kComputes; ++slot) {
    SimCompute& compute = *computes_[slot];
    if (compute.Is(SimCompute::Phase::kFenced) && !compute.process().paused()) {
      compute.Stop();
    }
    const bool down = compute.down();
    if (slot == kWriters) {
      if (down) StartCompute(slot, OpenMode::kSnapshot);
    } else if (!down) {
      ++tries;
    }
  }
  if (tries > 0 || prng_.OneIn(3)) return;
  // One draw a statement, here and everywhere: compilers differ in which argument they take first.
  const size_t slot = prng_.Below(kWriters);
  compute::OpenVolume open{prng_.OneIn(2) ? OpenMode::kOperator : OpenMode::kAutomatic};
  const bool goes_back = options_.load.backtrack_every > Duration() &&
                         open.mode == OpenMode::kOperator && prng_.OneIn(4);
  if (goes_back) open.backtrack = computes_[slot]->DrawTarget();
  Launch(slot, std::move(open));
}

// ---- events -------------------------------------------------------------------------------------

namespace {

// Its segments have lives of their own: the checkers follow the volume's.
bool IsAnswerOfAClone(const Event& event) {
  const auto* replied = std::get_if<SegmentReplied>(&event);
  if (replied == nullptr) return false;
  return std::visit([](const auto& answer) { return answer.from.timeline != kVolume; },
                    *replied->answer);
}

}  // namespace

void World::Fail(FailureClass failure, std::string message) {
  if (failed()) return;
  verdict_.failure = failure;
  verdict_.message = std::move(message);
  verdict_.at = scheduler_.now();
  Say(absl::StrCat("FAILED ", std::string(NameOf(failure)), ": ", verdict_.message));
}

void World::Tell(const Event& event) {
  ++verdict_.events;
  scheduler_.Trace(event.index());
  if (IsAnswerOfAClone(event)) return;
  if (const auto* harm = std::get_if<DiskHarmed>(&event)) harmed_.insert(harm->node);
  const Event& full = histories_.Tell(event);
  for (const auto& checker : checkers_) {
    checker->See(full);
    if (checker->failure().has_value()) {
      Fail(FailureClass::kSafety, absl::StrCat(checker->name(), ": ", *checker->failure()));
    }
  }
  if (const auto* moved = std::get_if<VdlMoved>(&event)) {
    scheduler_.Trace(moved->vdl.value());
  } else if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    ++verdict_.openings;
    Say(absl::StrCat("process ", opened->writer, " has epoch ", opened->start->epoch.number,
                     " from VDL ", opened->start->vdl.value()));
  } else if (const auto* asked = std::get_if<BacktrackAsked>(&event)) {
    const auto* lsn = std::get_if<Lsn>(&asked->target);
    Say(absl::StrCat("process ", asked->process, " goes back to ",
                     lsn != nullptr
                         ? absl::StrCat("LSN ", lsn->value())
                         : absl::StrCat("time ", std::get<CommitTime>(asked->target).value())));
  } else if (const auto* ended = std::get_if<BacktrackEnded>(&event)) {
    ++verdict_.backtracks;
    Say(absl::StrCat("process ", ended->process, " went back to LSN ", ended->forked_at.value(),
                     ": ", ended->status.ToString()));
  } else if (const auto* fenced = std::get_if<WriterFenced>(&event)) {
    ++verdict_.fenced;
    Say(absl::StrCat("process ", fenced->writer, " is fenced, epoch ", fenced->epoch.number));
  } else if (const auto* made = std::get_if<CloneMade>(&event)) {
    ++verdict_.clones;
    Say(absl::StrCat("clone ", made->timeline.value(), " is made at ", made->forked_at.value()));
  } else if (const auto* failed = std::get_if<CloneFailed>(&event)) {
    Say(absl::StrCat("clone ", failed->timeline.value(), " failed: ", failed->why.ToString()));
  } else if (const auto* dropped = std::get_if<CloneDropped>(&event)) {
    Say(absl::StrCat("clone ", dropped->timeline.value(), " is dropped"));
  } else if (const auto* stopped = std::get_if<NodeStopped>(&event)) {
    Say(absl::StrCat("n", stopped->node + 1, " stops"));
  } else if (const auto* started = std::get_if<NodeStarted>(&event)) {
    Say(absl::StrCat("n", started->node + 1, " starts"));
  } else if (const auto* gave_up = std::get_if<OpeningGivenUp>(&event)) {
    Say(absl::StrCat("process ", gave_up->writer, " gives up: ", gave_up->why.ToString()));
  }
  verdict_.mtrs_acked += std::holds_alternative<MtrAcked>(event) ? 1 : 0;
  verdict_.mtrs_unknown += std::holds_alternative<MtrUnknown>(event) ? 1 : 0;
  verdict_.clone_pages_read += std::holds_alternative<CloneRead>(event) ? 1 : 0;
  verdict_.pages_read += std::holds_alternative<PageAnswered>(event) ? 1 : 0;
}

void World::LookAround() {
  scheduler_.After(kLookEvery, [this] { LookAround(); });
  for (const auto& checker : checkers_) {
    checker->Look(*this);
    if (checker->failure().has_value()) {
      Fail(FailureClass::kSafety, absl::StrCat(checker->name(), ": ", *checker->failure()));
    }
  }
}

}  // namespace hexad::sim
