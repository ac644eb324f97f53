// The three phases of a run, and what must hold at the end of each.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/injector.h"
#include "tests/sim/world.h"

namespace hexad::sim {

using backtrack::OpenMode;

namespace {

// More tasks than this at one instant of virtual time: something does not move.
constexpr uint64_t kStandstillTasks = 200'000;

}  // namespace

bool World::RunUntil(Instant end) {
  Instant at = scheduler_.now();
  uint64_t tasks_at = scheduler_.tasks_run();
  while (!failed() && scheduler_.RunNext(end)) {
    if (scheduler_.now() > at) {
      at = scheduler_.now();
      tasks_at = scheduler_.tasks_run();
    } else if (scheduler_.tasks_run() - tasks_at > kStandstillTasks) {
      Fail(FailureClass::kStandstill, absl::StrCat("time stands still; ", Picture()));
    }
  }
  return !failed();
}

template <class Done>
bool World::RunUntilDone(Duration bound, Done done) {
  const Instant end = scheduler_.now() + bound;
  while (scheduler_.now() < end &&
         RunUntil(std::min(end, scheduler_.now() + Duration::Millis(20)))) {
    if (done()) return true;
  }
  return false;
}

Verdict World::Run(const FaultPlan& plan) {
  Form();
  formed_ = true;
  Injector injector(*this);
  injector.Schedule(plan);
  LookAround();
  Supervise();
  if (clones()) MakeCloner();
  if (cloner_ != nullptr) cloner_->Start();
  RunUntil(Instant() + options_.safety);
  if (cloner_ != nullptr) cloner_->Quiesce();

  // Who is broken may stay so, as long as every PG keeps four healthy members.
  std::vector<NodeIndex> broken(harmed_.begin(), harmed_.end());
  for (NodeIndex node = 0; node < options_.nodes && broken.size() < 2; ++node) {
    const bool down = core(node) == nullptr || fabric_->node(node).process().paused();
    if (down && !harmed_.contains(node)) broken.push_back(node);
  }
  Say("LIVENESS: a core is healed");
  injector.Heal(broken);
  Tell(Healed{false});
  CheckLiveness();

  Say("CONVERGENCE: everything is healed");
  injector.Heal({});
  Tell(Healed{true});
  CheckConvergence();
  CheckClones();
  LookAround();
  verdict_.trace = scheduler_.trace();
  if (!failed()) verdict_.at = scheduler_.now();
  return verdict_;
}

void World::CheckLiveness() {
  if (failed()) return;
  supervised_ = false;
  for (size_t slot = 0; slot < kWriters; ++slot) {
    if (!computes_[slot]->process().paused()) computes_[slot]->Stop();
  }
  const size_t slot = computes_[0]->process().paused() ? 1 : 0;
  if (computes_[slot]->process().paused()) computes_[slot]->Stop();
  StartCompute(slot, OpenMode::kOperator);
  const uint64_t before = verdict_.mtrs_acked;
  const bool works = RunUntilDone(kLivenessBound, [&] {
    if (computes_[slot]->Is(SimCompute::Phase::kFenced)) {
      computes_[slot]->Stop();  // by a zombie's last message: its operator starts it again
      StartCompute(slot, OpenMode::kOperator);
    }
    return verdict_.mtrs_acked > before + 3;
  });
  if (!works) {
    Fail(FailureClass::kLiveness,
         absl::StrCat("nobody could write within ", kLivenessBound.millis(), " ms; ", Picture()));
  }
}

void World::CheckConvergence() {
  if (failed()) return;
  std::string differs;
  const bool agree = RunUntilDone(kConvergenceBound, [&] {
    size_t writing = kWriters;
    for (size_t slot = 0; slot < kWriters; ++slot) {
      SimCompute& compute = *computes_[slot];
      if (compute.Is(SimCompute::Phase::kFenced)) compute.Stop();
      if (compute.Is(SimCompute::Phase::kWriting)) writing = slot;
      compute.Quiesce();
    }
    if (writing == kWriters) {
      const bool tries = std::any_of(computes_.begin(), computes_.begin() + kWriters,
                                     [](const auto& compute) { return !compute->down(); });
      if (!tries) StartCompute(0, OpenMode::kOperator);
    }
    differs = WhatDiffers();
    return differs.empty();
  });
  if (!agree) {
    Fail(FailureClass::kConvergence,
         absl::StrCat("after ", kConvergenceBound.millis(), " ms: ", differs, "; ", Picture()));
  }
}

// Four disks had it when it was made, and nobody writes to it, who would bring it to all six: two
// nodes that lost their disks may have had half of it.
bool World::StillReadable(const LiveClone& clone) const {
  const quorum::Membership& pg = clone.named.pgs.front();
  quorum::MemberSet have;
  for (NodeIndex node = 0; node < options_.nodes; ++node) {
    const auto member = pg.IndexOf(node_id(node));
    if (!member.has_value() || harmed(node) || core(node) == nullptr) continue;
    for (const auto& segment : core(node)->Describe(fabric_->node(node).process().now())) {
      const bool it = segment.timeline == clone.named.timeline && segment.pg == pg.pg;
      if (it) have.Add(static_cast<int>(*member));
    }
  }
  return pg.Quorums().CanRead(have);
}

// With everything healed each clone can be read, from what its segments say alone.
void World::CheckClones() {
  if (cloner_ == nullptr) return;
  constexpr uint64_t kEnough = 12;
  for (const LiveClone& clone : cloner_->clones()) {
    if (failed()) return;
    if (!StillReadable(clone)) continue;
    const uint64_t& read = cloner_->ReadThrough(clone);
    if (RunUntilDone(kConvergenceBound, [&] { return read >= kEnough; })) continue;
    Fail(FailureClass::kConvergence,
         absl::StrCat("a clone of ", clone.forked_at.value(), " (timeline ",
                      clone.named.timeline.value(), ") gave ", read, " pages in ",
                      kConvergenceBound.millis(), " ms; ", Picture()));
  }
}

// What fills a node's hot log.
std::string World::Hoard(NodeIndex node) const {
  if (core(node) == nullptr) return "down";
  std::string text;
  for (const auto& segment : core(node)->Describe(fabric_->node(node).process().now())) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", "PG ", segment.pg.value() % 1000, ": ",
                    segment.hot_log_bytes, " bytes, coalesced ", segment.coalesced.value(),
                    ", SCL ", segment.scl.value(), ", VDL heard ", segment.vdl_heard.value(),
                    ", highest ", segment.highest.value());
  }
  return text;
}

// Why the segments do not agree yet; empty if they do.
std::string World::WhatDiffers() const {
  const SimCompute* leader = nullptr;
  for (size_t slot = 0; slot < kWriters; ++slot) {
    if (!computes_[slot]->Is(SimCompute::Phase::kWriting)) continue;
    if (leader != nullptr) return "two processes write";
    leader = computes_[slot].get();
  }
  if (leader == nullptr) return "nobody writes";
  if (!leader->idle() || leader->core().vdl() != leader->core().writer()->last_issued())
    return "MTRs wait";
  for (const quorum::PgDescription& pg : leader->core().Describe()) {
    for (const auto& member : pg.members) {
      const NodeIndex node = [&] {
        for (NodeIndex i = 0; i < options_.nodes; ++i) {
          if (node_id(i) == member.node) return i;
        }
        return options_.nodes;
      }();
      if (harmed(node)) continue;
      if (!member.begun || member.scl != pg.last_lsn) {
        return absl::StrCat(member.node.value(), " has SCL ", member.scl.value(), " of PG ",
                            pg.pg.value() % 1000, ", which ends at ", pg.last_lsn.value(),
                            member.trouble.empty() ? "" : ": ", member.trouble, "; ", Hoard(node));
      }
    }
  }
  return "";
}

}  // namespace hexad::sim
