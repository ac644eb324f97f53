// Processes that die at a given step (crash_point.h).
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace hexad::sim {
namespace {

constexpr Duration kDownFor = Duration::Millis(150);

}  // namespace

Verdict World::RunWithCrashes(const FaultPlan& plan, std::vector<CrashPoint> points) {
  crashes_.Plan(std::move(points));
  fabric_->SetTripwire([this](Endpoint who, StepKind step) { return Pass(who, step); });
  return Run(plan);
}

// Who dies is on the stack below this. It does this step to its end, and nothing of it is seen.
bool World::Pass(Endpoint who, StepKind step) {
  if (!formed_) return true;
  if (dying_.contains(who)) return false;
  const CrashPoint* point = crashes_.Pass(who, step);
  if (point == nullptr) return true;
  dying_.insert(who);
  scheduler_.After(Duration(), [this, point = *point] { Crash(point); });
  return false;
}

void World::Crash(const CrashPoint& point) {
  Say(absl::StrCat("CRASH ", Describe(point, nodes())));
  dying_.erase(point.who);
  if (point.who >= nodes()) {
    const size_t slot = point.who - nodes();
    computes_[slot]->Stop();
    // Its supervisor, where nobody supervises any more.
    if (!supervised_ && slot < kWriters) StartCompute(slot, backtrack::OpenMode::kOperator);
    return;
  }
  HoldNode(point.who);
  StopNode(point.who, point.power);
  scheduler_.After(kDownFor, [this, node = point.who] { ReleaseNode(node); });
}

}  // namespace hexad::sim
