// Carries out a fault plan on a world, and undoes what is still broken.
#pragma once

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "tests/sim/fault.h"
#include "tests/sim/world.h"

namespace hexad::sim {

class Injector {
 public:
  explicit Injector(World& world) : world_(world) {}

  // Puts every fault on the world's schedule.
  void Schedule(const FaultPlan& plan);
  // Ends what is still broken, but for nodes that `stay_broken` names (by index).
  void Heal(const std::vector<NodeIndex>& stay_broken);

 private:
  using Undo = std::function<void()>;
  // What ends it; nullptr: it was over at once, or could not be done now.
  Undo Begin(const Fault& fault);
  Undo BeginOnNode(const Fault& fault);
  Undo BeginOnWriter(const Fault& fault);
  Undo BeginOnNetwork(const Fault& fault);
  Undo BeginOnDisk(const Fault& fault);
  void DamageSomething(const Fault& fault);
  Undo Block(std::vector<std::pair<Endpoint, Endpoint>> links);
  Undo Isolate(const std::vector<NodeIndex>& nodes, bool inward, bool outward);
  Undo Down(const std::vector<NodeIndex>& nodes, bool power);
  Undo Swizzle(const Fault& fault);

  struct Active {
    std::vector<NodeIndex> nodes;  // whom it breaks; empty: not about single nodes
    Undo undo;
  };
  void End(uint64_t id);

  World& world_;
  std::map<uint64_t, Active> active_;
  uint64_t next_ = 1;
  bool ended_ = false;  // no fault begins any more
};

}  // namespace hexad::sim
