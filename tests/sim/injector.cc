#include "tests/sim/injector.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hexad::sim {

using backtrack::OpenMode;

void Injector::Schedule(const FaultPlan& plan) {
  for (const Fault& fault : plan) {
    world_.fabric().scheduler().At(fault.at, [this, fault] {
      if (ended_) return;
      world_.Say(absl::StrCat("FAULT ", fault.Describe()));
      Undo undo = Begin(fault);
      if (undo == nullptr) return;
      const uint64_t id = next_++;
      std::vector<NodeIndex> nodes;
      for (NodeIndex n = 0; n < world_.nodes(); ++n) {
        const std::string name = absl::StrCat("n", n + 1, " ");
        if (fault.Describe().find(" " + name) != std::string::npos) nodes.push_back(n);
      }
      active_[id] = Active{std::move(nodes), std::move(undo)};
      world_.fabric().scheduler().After(fault.lasts, [this, id] { End(id); });
    });
  }
}

void Injector::End(uint64_t id) {
  auto active = active_.extract(id);
  if (!active.empty()) active.mapped().undo();
}

void Injector::Heal(const std::vector<NodeIndex>& stay_broken) {
  ended_ = true;
  std::vector<uint64_t> heal;
  for (const auto& [id, active] : active_) {
    const bool stays =
        !active.nodes.empty() && std::all_of(active.nodes.begin(), active.nodes.end(), [&](auto n) {
          return std::find(stay_broken.begin(), stay_broken.end(), n) != stay_broken.end();
        });
    if (!stays) heal.push_back(id);
  }
  for (const uint64_t id : heal) End(id);
}

Injector::Undo Injector::Begin(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kKillNode:
    case FaultKind::kKillAz:
    case FaultKind::kPowerNode:
    case FaultKind::kPowerAll:
    case FaultKind::kPauseNode:
    case FaultKind::kJumpNode:
      return BeginOnNode(fault);
    case FaultKind::kKillWriter:
    case FaultKind::kPauseWriter:
    case FaultKind::kJumpWriter:
    case FaultKind::kContender:
      return BeginOnWriter(fault);
    case FaultKind::kIsolateNode:
    case FaultKind::kIsolateAz:
    case FaultKind::kDeafNode:
    case FaultKind::kMuteNode:
    case FaultKind::kNoGossip:
    case FaultKind::kSwizzle:
    case FaultKind::kBreakStream:
    case FaultKind::kSlowLink:
    case FaultKind::kLossyLinks:
      return BeginOnNetwork(fault);
    default:
      return BeginOnDisk(fault);
  }
}

// ---- processes and machines ---------------------------------------------------------------------

Injector::Undo Injector::Down(const std::vector<NodeIndex>& nodes, bool power) {
  for (const NodeIndex node : nodes) {
    world_.HoldNode(node);
    world_.StopNode(node, power);
  }
  return [this, nodes] {
    for (const NodeIndex node : nodes) world_.ReleaseNode(node);
  };
}

Injector::Undo Injector::BeginOnNode(const Fault& fault) {
  std::vector<NodeIndex> nodes;
  for (NodeIndex node = 0; node < world_.nodes(); ++node) {
    const bool in_az = fault.kind == FaultKind::kKillAz && world_.AzOf(node) == fault.target;
    if (in_az || fault.kind == FaultKind::kPowerAll) nodes.push_back(node);
  }
  if (nodes.empty()) nodes.push_back(fault.target);
  SimNode& node = world_.fabric().node(nodes.front());
  if (fault.kind == FaultKind::kJumpNode) {
    node.JumpAhead(fault.lasts);
    return nullptr;
  }
  if (fault.kind != FaultKind::kPauseNode) {
    return Down(nodes, fault.kind == FaultKind::kPowerNode || fault.kind == FaultKind::kPowerAll);
  }
  if (node.core() == nullptr || node.process().paused()) return nullptr;
  node.process().Pause();
  return [&node, life = node.process().life()] {
    if (node.process().life() == life) node.process().Resume();
  };
}

Injector::Undo Injector::BeginOnWriter(const Fault& fault) {
  SimCompute& compute = world_.compute(fault.target);
  const bool down = compute.down();
  if (fault.kind == FaultKind::kContender) {
    if (down) world_.StartCompute(fault.target, OpenMode::kOperator);
    // Sometimes both at one instant: neither has anything to go by that the other has not.
    const size_t other = (fault.target + 1) % World::kWriters;
    if (!down || fault.draw % 2 == 0) return nullptr;
    world_.compute(other).Stop();
    world_.StartCompute(other, OpenMode::kOperator);
    return nullptr;
  }
  if (down) return nullptr;
  if (fault.kind == FaultKind::kKillWriter) {
    compute.Stop();
    return nullptr;
  }
  if (fault.kind == FaultKind::kJumpWriter) {
    compute.JumpAhead(fault.lasts);
    return nullptr;
  }
  if (compute.process().paused()) return nullptr;
  compute.process().Pause();
  // Somebody notices that it stands still.
  const size_t other = (fault.target + 1) % World::kWriters;
  if (fault.draw % 4 != 0 && world_.compute(other).down()) {
    world_.StartCompute(other, fault.draw % 2 == 0 ? OpenMode::kOperator : OpenMode::kAutomatic);
  }
  return [&compute, life = compute.process().life()] {
    if (compute.process().life() == life) compute.process().Resume();
  };
}

// ---- the network --------------------------------------------------------------------------------

Injector::Undo Injector::Block(std::vector<std::pair<Endpoint, Endpoint>> links) {
  for (const auto& [from, to] : links) world_.fabric().Block(from, to);
  return [this, links = std::move(links)] {
    for (const auto& [from, to] : links) world_.fabric().Unblock(from, to);
  };
}

Injector::Undo Injector::Isolate(const std::vector<NodeIndex>& nodes, bool inward, bool outward) {
  std::vector<std::pair<Endpoint, Endpoint>> links;
  const size_t endpoints = world_.fabric().network().endpoints();
  const auto inside = [&](Endpoint e) {
    return std::find(nodes.begin(), nodes.end(), e) != nodes.end();
  };
  for (const NodeIndex node : nodes) {
    for (Endpoint other = 0; other < endpoints; ++other) {
      if (inside(other)) continue;
      if (inward) links.emplace_back(other, node);
      if (outward) links.emplace_back(node, other);
    }
  }
  return Block(std::move(links));
}

// Cut off one by one in one order, joined again in another (FoundationDB's swizzle-clogging).
Injector::Undo Injector::Swizzle(const Fault& fault) {
  Prng prng(fault.draw);
  std::vector<NodeIndex> chosen;
  for (NodeIndex node = 0; node < world_.nodes(); ++node) {
    if (prng.OneIn(2)) chosen.push_back(node);
  }
  const size_t count = chosen.size();
  if (count == 0) return nullptr;
  const Duration step = fault.lasts / static_cast<int64_t>(2 * count);
  auto undos = std::make_shared<std::map<NodeIndex, Undo>>();
  for (size_t i = 0; i < count; ++i) {
    const NodeIndex node = chosen[i];
    world_.fabric().scheduler().After(step * static_cast<int64_t>(i), [this, undos, node] {
      if (!ended_) (*undos)[node] = Isolate({node}, true, true);
    });
  }
  for (size_t left = count; left > 0; --left) {
    const size_t pick = prng.Below(left);
    const NodeIndex node = chosen[pick];
    chosen.erase(chosen.begin() + static_cast<std::ptrdiff_t>(pick));
    const auto when = step * static_cast<int64_t>(2 * count - left);
    world_.fabric().scheduler().After(when, [undos, node] {
      auto undo = undos->extract(node);
      if (!undo.empty()) undo.mapped()();
    });
  }
  return [undos] {
    for (auto& [node, undo] : std::exchange(*undos, {})) undo();
  };
}

Injector::Undo Injector::BeginOnNetwork(const Fault& fault) {
  const NodeIndex target = fault.target;
  Fabric& fabric = world_.fabric();
  switch (fault.kind) {
    case FaultKind::kIsolateNode:
      return Isolate({target}, true, true);
    case FaultKind::kDeafNode:
      return Isolate({target}, true, false);
    case FaultKind::kMuteNode:
      return Isolate({target}, false, true);
    case FaultKind::kIsolateAz: {
      std::vector<NodeIndex> nodes;
      for (NodeIndex node = 0; node < world_.nodes(); ++node) {
        if (world_.AzOf(node) == target) nodes.push_back(node);
      }
      return Isolate(nodes, true, true);
    }
    case FaultKind::kNoGossip: {
      std::vector<std::pair<Endpoint, Endpoint>> links;
      for (NodeIndex a = 0; a < world_.nodes(); ++a) {
        for (NodeIndex b = 0; b < world_.nodes(); ++b) {
          if (a != b) links.emplace_back(a, b);
        }
      }
      return Block(std::move(links));
    }
    case FaultKind::kSwizzle:
      return Swizzle(fault);
    case FaultKind::kBreakStream:
      fabric.Break(fabric.EndpointOf(fault.draw % World::kComputes), target);
      return nullptr;
    default:
      break;
  }
  Network& network = fabric.network();
  std::vector<std::pair<std::pair<Endpoint, Endpoint>, Link>> before;
  for (Endpoint from = 0; from < network.endpoints(); ++from) {
    for (Endpoint to = 0; to < network.endpoints(); ++to) {
      const bool slow = fault.kind == FaultKind::kSlowLink;
      if (slow && from != target && to != target) continue;
      Link& link = network.link(from, to);
      before.push_back({{from, to}, link});
      if (slow) {
        link.delay = link.delay * static_cast<int64_t>(10 + fault.draw % 90);
      } else {
        link.lost_per_mille = static_cast<uint32_t>(fault.draw % 300);
        link.doubled_per_mille = static_cast<uint32_t>(fault.draw / 300 % 300);
      }
    }
  }
  return [this, before, slow = fault.kind == FaultKind::kSlowLink] {
    for (const auto& [ends, link] : before) {
      Link& now = world_.fabric().network().link(ends.first, ends.second);
      if (slow) {
        now.delay = world_.options().link.delay;
      } else {
        now.lost_per_mille = now.doubled_per_mille = 0;
      }
    }
  };
}

// ---- disks --------------------------------------------------------------------------------------

Injector::Undo Injector::BeginOnDisk(const Fault& fault) {
  SimNode& node = world_.fabric().node(fault.target);
  switch (fault.kind) {
    case FaultKind::kSlowDisk:
      node.speed().sync = world_.options().disk.sync * static_cast<int64_t>(10 + fault.draw % 90);
      return [this, &node] { node.speed().sync = world_.options().disk.sync; };
    case FaultKind::kFullDisk:
      node.disk().SetFull(true);
      return [&node] { node.disk().SetFull(false); };
    case FaultKind::kFailWrite:
      world_.Harm(fault.target);
      node.disk().FailNextWrite(fault.draw % 2 == 0);
      return nullptr;
    case FaultKind::kWipe:
      world_.Harm(fault.target);
      world_.HoldNode(fault.target);
      world_.StopNode(fault.target, /*power=*/true);
      world_.WipeNode(fault.target);
      return [this, target = fault.target] { world_.ReleaseNode(target); };
    default:
      world_.Harm(fault.target);
      DamageSomething(fault);
      return nullptr;
  }
}

void Injector::DamageSomething(const Fault& fault) {
  storage_node::MemorySegmentStore& disk = world_.fabric().node(fault.target).disk();
  const auto places = disk.LogPlaces();
  const auto versions = disk.VersionPlaces();
  if (fault.kind == FaultKind::kRotVersion) {
    if (versions.empty()) return;
    const auto& place = versions[fault.draw % versions.size()];
    disk.CorruptVersion(place.pg, place.page, place.timeline, place.lsn);
    return;
  }
  if (places.empty()) return;
  const auto& place = places[fault.draw % places.size()];
  if (fault.kind == FaultKind::kRotBoxcar) {
    disk.CorruptBoxcar(place.pg, place.timeline, place.first_lsn);
  } else if (fault.kind == FaultKind::kLoseBoxcar) {
    disk.LoseBoxcar(place.pg, place.timeline, place.first_lsn);
  } else {
    const auto& other = places[(fault.draw / 7) % places.size()];
    disk.MisplaceBoxcar(place, other);
  }
}

}  // namespace hexad::sim
