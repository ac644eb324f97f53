#include "tests/sim/sim_cloner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::sim {

using backtrack::OpenMode;

namespace {

constexpr uint64_t kFirstTimeline = 0xC1000;
// What nobody named is dropped a while after its maker is gone (the product waits a minute).
constexpr Duration kOrphanAge = Duration::Seconds(3);
constexpr Duration kDropSpread = Duration::Millis(400);
constexpr storage_node::CallId kNoCall(0);
constexpr ClusterId kCluster(7);

}  // namespace

SimCloner::SimCloner(Fabric& fabric, size_t slot, ComputeOptions parent, CloneLoad load,
                     Fabric::Tell tell, DrawTarget draw, uint64_t seed)
    : fabric_(fabric),
      slot_(slot),
      parent_(std::move(parent)),
      load_(load),
      tell_(std::move(tell)),
      draw_(std::move(draw)),
      prng_(seed),
      process_(fabric.scheduler()) {}

SimCloner::~SimCloner() = default;

Duration SimCloner::Around(Duration mean) {
  return Duration::Nanos(
      static_cast<int64_t>(prng_.Below(2 * static_cast<uint64_t>(mean.nanos()) + 1)));
}

void SimCloner::Start() {
  MakeLater();
  ReadLater();
}

void SimCloner::Quiesce() {
  quiet_ = true;
  End();
  StopReading();
}

// ---- making -------------------------------------------------------------------------------------

void SimCloner::MakeLater() {
  fabric_.scheduler().After(Around(load_.every), [this] {
    if (quiet_ || started_ >= load_.at_most) return;
    if (core_ == nullptr) Make();
    MakeLater();
  });
}

void SimCloner::Make() {
  const auto target = draw_();
  if (!target.has_value()) return;
  making_ = backtrack::CloneOptions();
  making_.parent = parent_.named;
  making_.at = *target;
  making_.timeline = TimelineId(kFirstTimeline + started_++);
  making_.name = absl::StrCat("clone-", started_);
  making_.seed = prng_.Next();
  making_.give_up_after = Duration::Seconds(10);
  core_ = std::make_unique<backtrack::Clone>(making_);
  process_.Start();
  Step(backtrack::CloneStart{});
  fabric_.Dial(fabric_.EndpointOf(slot_), process_, *this);
  if (!prng_.OneIn(3)) return;
  // Its maker dies on the way.
  process_.After(Around(Duration::Millis(4)), [this] {
    if (core_ == nullptr) return;
    fabric_.scheduler().After(kOrphanAge, [this, orphan = making_.timeline] { Drop(orphan, {}); });
    End();
  });
}

void SimCloner::Step(const backtrack::CloneInput& input) {
  if (core_ == nullptr) return;
  std::vector<backtrack::CloneEffect> effects;
  core_->Step(input, process_.now(), effects);
  core_->CheckInvariants();
  for (const auto& effect : effects) Take(effect);
  ArmTick();
}

void SimCloner::Take(const backtrack::CloneEffect& effect) {
  if (const auto* send = std::get_if<quorum::Send>(&effect)) {
    for (NodeIndex node = 0; node < fabric_.nodes(); ++node) {
      if (NameOf(node) == send->node) fabric_.Send(fabric_.EndpointOf(slot_), node, send->request);
    }
  } else if (const auto* cloned = std::get_if<backtrack::Cloned>(&effect)) {
    Made(*cloned);
  } else {
    const auto& failed = std::get<backtrack::CloneFailed>(effect);
    tell_(CloneFailed{making_.timeline, failed.status});
    if (failed.remains.has_value()) Drop(making_.timeline, failed.remains->pgs);
    fabric_.scheduler().After(Duration::Nanos(0), [this] { End(); });
  }
}

void SimCloner::Made(const backtrack::Cloned& cloned) {
  ++made_;
  LiveClone clone{cloned.manifest, cloned.forked_at.lsn};
  clone.named.pgs.resize(1);
  clone.named.geometry_epoch = GeometryEpoch(1);
  tell_(CloneMade{making_.timeline, &cloned.manifest, cloned.forked_at.lsn});
  if (!clone.forked_at.IsNone()) clones_.push_back(std::move(clone));
  fabric_.scheduler().After(Duration::Nanos(0), [this] { End(); });
}

// The core is not touched while it steps.
void SimCloner::End() {
  if (core_ == nullptr) return;
  process_.Stop();
  fabric_.Hangup(fabric_.EndpointOf(slot_));
  core_.reset();
  tick_at_ = Instant::Never();
}

void SimCloner::ArmTick() {
  if (core_ == nullptr) return;
  const Instant next = core_->NextDeadline();
  if (next >= tick_at_) return;
  tick_at_ = next;
  process_.AtLocal(next, [this, next] {
    if (tick_at_ != next) return;
    tick_at_ = Instant::Never();
    Step(backtrack::CloneTick{});
  });
}

void SimCloner::OnUp(NodeIndex node, Incarnation incarnation) {
  Step(quorum::NodeUp{NameOf(node), incarnation});
}

void SimCloner::OnDown(NodeIndex node) { Step(quorum::NodeDown{NameOf(node)}); }

void SimCloner::OnAnswer(NodeIndex node, quorum::SegmentAnswer answer) {
  Step(quorum::NodeAnswered{NameOf(node), std::move(answer)});
}

void SimCloner::Drop(TimelineId timeline, const std::vector<quorum::Membership>& pgs) {
  tell_(CloneDropped{timeline});
  std::erase_if(clones_, [&](const LiveClone& clone) { return clone.named.timeline == timeline; });
  for (NodeIndex node = 0; node < fabric_.nodes(); ++node) {
    storage_node::DropSegmentsAsked drop{kNoCall, kCluster, timeline, {}};
    for (const quorum::Membership& pg : pgs) drop.pgs.push_back(pg.pg);
    fabric_.scheduler().After(Around(kDropSpread), [this, node, drop]() mutable {
      const storage_node::NodeCore* core = fabric_.node(node).core();
      if (core == nullptr) return;
      for (const auto& segment : core->Describe(fabric_.node(node).process().now())) {
        if (segment.timeline == drop.timeline) drop.pgs.push_back(segment.pg);
      }
      std::ranges::sort(drop.pgs);
      drop.pgs.erase(std::ranges::unique(drop.pgs).begin(), drop.pgs.end());
      if (!drop.pgs.empty()) fabric_.node(node).Give(drop);
    });
  }
}

// ---- reading ------------------------------------------------------------------------------------

void SimCloner::ReadLater() {
  fabric_.scheduler().After(Around(load_.read_for), [this] {
    if (quiet_) return;
    ReadSome();
    ReadLater();
  });
}

// Another clone, from the start: what its segments say is all that a reader knows of it.
void SimCloner::ReadSome() {
  if (clones_.empty()) return;
  const size_t which = prng_.Below(clones_.size());
  if (prng_.OneIn(8)) {
    StopReading();
    const LiveClone dropped = clones_[which];
    return Drop(dropped.named.timeline, dropped.named.pgs);
  }
  ReadThrough(clones_[which]);
}

const uint64_t& SimCloner::ReadThrough(const LiveClone& clone) {
  StopReading();
  pages_read_ = 0;
  ComputeOptions options = parent_;
  options.named = clone.named;
  options.load.read_every = Duration::Millis(15);
  const auto tell = [this, timeline = clone.named.timeline, at = clone.forked_at](const Event& e) {
    const auto* read = std::get_if<PageAnswered>(&e);
    if (read == nullptr) return;
    ++pages_read_;
    tell_(CloneRead{timeline, at, *read});
  };
  readers_.push_back(std::make_unique<SimCompute>(fabric_, fabric_.EndpointOf(slot_ + 1), options,
                                                  tell, prng_.Next()));
  readers_.back()->Start(next_process_++, {OpenMode::kSnapshot});
  return pages_read_;
}

void SimCloner::StopReading() {
  if (!readers_.empty()) readers_.back()->Stop();
}

}  // namespace hexad::sim
