// A whole volume in one thread: six storage node cores on memory disks, writers that open, write,
// die and contend, and a network of streams that break. Which pending event happens next is drawn
// from a seed; nothing else decides. Every acknowledged MTR is remembered, and every opening is
// checked against what was acknowledged (I1, I2, I4).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backtrack/opening.h"
#include "quorum/base/prng.h"
#include "quorum/volume_writer.h"
#include "storage-node/core/node_core.h"
#include "storage-node/io/memory_segment_store.h"

namespace hexad::model {

struct WorldOptions {
  uint64_t seed = 1;
  int nodes = 6;
  uint32_t pages_per_pg = 4;
  uint64_t lal = 200;
  // How often, out of 1000 steps, each of these happens.
  int crash_node = 4;
  int cut_power = 2;
  int crash_writer = 2;
  int contender = 1;
  int break_stream = 3;
  int fill_disk = 1;
  int lose_gossip = 100;
};

class VolumeWorld {
 public:
  explicit VolumeWorld(WorldOptions options);
  ~VolumeWorld();

  // Runs with faults, then heals everything and runs until all six segments agree. Aborts (through
  // the failure callback) at the first broken invariant.
  void Run(int steps);

  struct Outcome {
    std::string failure;  // empty: every check held
    int mtrs_acked = 0;
    int openings = 0;
    int crashes = 0;
    int coalescings = 0;
    int grown = 0;
    int fenced = 0;
    uint64_t trace = 0;  // of everything that happened: equal for equal seeds
  };
  const Outcome& outcome() const { return outcome_; }

 private:
  struct Node;
  struct Writer;
  struct Mtr {
    uint64_t id = 0;
    Lsn commit_lsn;
    std::vector<PageNo> pages;
    bool acked = false;
  };

  // --- picking
  void Step();
  void Happen();
  void Fault();
  void Heal();
  void Settle(int steps);

  // --- nodes
  void StartNode(Node& node);
  void StopNode(Node& node, bool power_cut);
  void StepNode(Node& node, const storage_node::NodeInput& in);
  void Carry(Node& node, storage_node::NodeEffect effect);
  void CompletePersist(Node& node);
  void RunCoalesce(Node& node);
  void DeliverGossip();

  // --- writers
  void StartWriter();
  void StopWriter(size_t index);
  void Connect(Writer& writer, Node& node);
  void Disconnect(Writer& writer, Node& node);
  void StepOpening(Writer& writer, const backtrack::OpeningInput& in);
  void StepWriter(Writer& writer, const quorum::WriterInput& in);
  void OnOpened(Writer& writer, backtrack::Opened opened);
  void Submit(Writer& writer);
  void SendTo(Writer& writer, const quorum::Send& send);
  void DeliverToNode(Writer& writer, Node& node);
  void DeliverToWriter(Writer& writer, Node& node);

  // --- checks
  void Check(bool holds, const std::string& what);
  std::optional<quorum::PageRead> Read(Node& node, const quorum::ReadPage& read, std::string& why);
  std::map<PageNo, uint64_t> ExpectedAt(const quorum::Path& path, Lsn read_point) const;
  void CheckOpening(Writer& writer, const backtrack::Opened& opened);
  void CheckConverged();
  void Trace(uint64_t value) { outcome_.trace = Mix64(outcome_.trace ^ value); }

  WorldOptions options_;
  Prng prng_;
  Instant now_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Writer>> writers_;
  struct GossipMessage {
    size_t from;  // node that asked
    size_t to;
    quorum::GossipAsk ask;
    std::optional<quorum::GossipFill> fill;  // set on the way back
  };
  std::vector<GossipMessage> gossip_;
  std::vector<quorum::RosterNode> roster_;
  quorum::Manifest named_;
  std::map<uint64_t, Mtr> mtrs_;
  Lsn durable_claim_;  // highest VDL that any writer acknowledged by
  uint64_t next_mtr_ = 1;
  uint64_t next_call_ = 1;
  uint64_t next_conn_ = 1;
  uint64_t next_claimant_ = 1;
  bool faults_ = true;
  Outcome outcome_;
};

}  // namespace hexad::model
