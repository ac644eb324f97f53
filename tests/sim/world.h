// One run: a cluster, its compute processes, a fault plan, and the checkers that watch. Three
// phases, each of which must end well:
//
//   safety       faults fall as planned; nothing wrong may happen
//   liveness     a core of nodes is healed, everything else stays broken as it is: a fresh writer
//                must open the volume and acknowledge within kLivenessBound
//   convergence  everything is healed and nobody writes: all segments must agree within
//                kConvergenceBound
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/checker.h"
#include "tests/sim/fabric.h"
#include "tests/sim/fault.h"
#include "tests/sim/full_histories.h"
#include "tests/sim/options.h"
#include "tests/sim/sim_cloner.h"
#include "tests/sim/sim_compute.h"

namespace hexad::sim {

// Of failures, by what they say. The numbers are hexad-sim's exit codes.
enum class FailureClass : uint8_t {
  kNone = 0,
  kSafety = 10,       // a checker saw a broken invariant
  kLiveness = 11,     // no writer could work, with a healthy core of nodes
  kConvergence = 12,  // segments did not agree after everything was healed
  kStandstill = 13,   // virtual time stopped passing: a deadline that does not move
};
std::string_view NameOf(FailureClass failure);

struct Verdict {
  FailureClass failure = FailureClass::kNone;
  std::string message;  // "I1 durability: ..."
  Instant at;
  uint64_t trace = 0;  // of everything that happened: equal for equal seeds and plans
  // What happened, so that a run in which nothing did is seen as such.
  uint64_t mtrs_acked = 0;
  uint64_t mtrs_unknown = 0;
  uint64_t openings = 0;
  uint64_t backtracks = 0;  // that ended, well or not
  uint64_t clones = 0;      // that were made
  uint64_t clone_pages_read = 0;
  uint64_t fenced = 0;
  uint64_t pages_read = 0;
  uint64_t restarts = 0;  // of nodes
  uint64_t events = 0;
};

class World : public WorldView {
 public:
  static constexpr Duration kLivenessBound = Duration::Seconds(20);
  static constexpr Duration kConvergenceBound = Duration::Seconds(30);
  static constexpr size_t kWriters = 2;
  static constexpr size_t kComputes = kWriters + 1;  // the last one only takes snapshots
  static constexpr size_t kCloners = 2;              // machines beyond those: SimCloner's

  using Checkers = std::vector<std::unique_ptr<Checker>>;
  // Called with one line for each change of state, for people.
  using Narrate = std::function<void(const std::string&)>;

  World(SimOptions options, Checkers checkers, Narrate narrate = nullptr);
  ~World() override;

  Verdict Run(const FaultPlan& plan);
  // The same, with processes that die at these steps (and start again). Counts the steps.
  Verdict RunWithCrashes(const FaultPlan& plan, std::vector<CrashPoint> points);
  const Crashes& crashes() const { return crashes_; }

  // --- for faults (world_faults.cc)
  Fabric& fabric() { return *fabric_; }
  SimCompute& compute(size_t slot) { return *computes_[slot]; }
  const SimOptions& options() const { return options_; }
  void StopNode(NodeIndex node, bool power);
  // Starts it again, unless another fault still keeps it down.
  void ReleaseNode(NodeIndex node);
  void HoldNode(NodeIndex node) { ++held_[node]; }
  void StartCompute(size_t slot, backtrack::OpenMode mode);
  void Launch(size_t slot, compute::OpenVolume open);
  void Harm(NodeIndex node);
  void WipeNode(NodeIndex node);
  void Say(const std::string& what);
  // In each zone two nodes of six, three of nine.
  size_t AzOf(NodeIndex node) const { return node * 3 / options_.nodes; }

  Instant now() const override { return scheduler_.now(); }
  size_t nodes() const override { return options_.nodes; }
  const NodeId& node_id(NodeIndex node) const override {
    return fabric_->node(node).options().node;
  }
  const storage_node::NodeCore* core(NodeIndex node) const override {
    return fabric_->node(node).core();
  }
  const storage_node::SegmentStore& disk(NodeIndex node) const override {
    return fabric_->node(node).disk();
  }
  std::unique_ptr<storage_node::SegmentStore> after_power_cut(NodeIndex node) const override {
    return fabric_->node(node).disk().AfterPowerCut();
  }
  bool harmed(NodeIndex node) const override { return harmed_.contains(node); }

 private:
  void MakeCluster();
  void MakeCloner();
  bool clones() const { return options_.clones.every > Duration(); }
  void Form();
  void Supervise();
  void LookAround();
  bool Pass(Endpoint who, StepKind step);
  void Crash(const CrashPoint& point);
  void Tell(const Event& event);
  bool RunUntil(Instant end);
  template <class Done>
  bool RunUntilDone(Duration bound, Done done);
  void Heal(bool everywhere);
  void CheckLiveness();
  void CheckConvergence();
  void CheckClones();
  bool StillReadable(const LiveClone& clone) const;
  std::string WhatDiffers() const;
  std::string Hoard(NodeIndex node) const;
  void Fail(FailureClass failure, std::string message);
  bool failed() const { return verdict_.failure != FailureClass::kNone; }
  std::string Picture() const;

  const SimOptions options_;
  Checkers checkers_;
  FullHistories histories_;  // as the checkers hear of them
  const Narrate narrate_;
  Prng prng_;
  Scheduler scheduler_;
  std::unique_ptr<Fabric> fabric_;
  std::vector<std::unique_ptr<SimCompute>> computes_;
  std::unique_ptr<SimCloner> cloner_;  // nullptr: nobody makes clones in this run
  quorum::Manifest named_;
  std::vector<quorum::RosterNode> roster_;
  std::map<NodeIndex, int> held_;  // faults that keep a node down
  std::set<NodeIndex> harmed_;
  ProcessId next_process_ = 1;
  uint64_t next_incarnation_ = 1000;
  bool formed_ = false;  // the cluster and its volume: nothing fails before
  bool supervised_ = true;
  Crashes crashes_;
  std::set<Endpoint> dying_;  // at this instant
  Verdict verdict_;
};

}  // namespace hexad::sim
