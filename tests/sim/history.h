// Histories by hand, for the tests of checkers: a volume of one PG on six nodes, told step by step
// as a run would tell it. Each step is a fact; nothing here has a will of its own, so a history may
// be one that the product must never make.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "quorum/base/check.h"
#include "quorum/boxcar.h"
#include "storage-node/core/segment_state.h"
#include "storage-node/io/memory_segment_store.h"
#include "tests/sim/checker.h"
#include "tests/sim/checkers/disk_model.h"

namespace hexad::sim {

inline constexpr TimelineId kTimeline = kVolume;
inline constexpr PgId kPg{70};
inline constexpr NodeIndex kNodes = 6;

inline EpochId Epoch(uint32_t number) { return {number, number == 0 ? 0 : uint64_t{9}}; }

inline quorum::Manifest OnePg() {
  quorum::Manifest manifest;
  manifest.timeline = kTimeline;
  manifest.name = "main";
  manifest.pages_per_pg = 8;
  quorum::Membership pg;
  pg.pg = kPg;
  for (NodeIndex node = 0; node < kNodes; ++node) {
    const AzId az(std::string(1, static_cast<char>('a' + node / 2)));
    pg.members.push_back({NameOfNode(node), az, Incarnation(100 + node)});
  }
  manifest.pgs.push_back(std::move(pg));
  return manifest;
}

// One MTR is one boxcar: records [first, last] that attach to `prev`.
struct Cargo {
  EpochId epoch;
  uint64_t prev = 0;
  uint64_t first = 0;
  uint64_t last = 0;
  char fill = 'x';
};

inline BytesRef Encoded(const Cargo& cargo) {
  quorum::BoxcarBuilder builder(kTimeline, kPg, cargo.epoch);
  std::string payload;
  quorum::AppendDeltaRange(0, std::string(4, cargo.fill), payload);
  for (uint64_t lsn = cargo.first; lsn <= cargo.last; ++lsn) {
    quorum::RecordView record;
    record.lsn = Lsn(lsn);
    record.volume_prev = record.pg_prev = Lsn(lsn == cargo.first ? cargo.prev : lsn - 1);
    record.epoch_number = cargo.epoch.number;
    record.kind = quorum::RecordKind::kDelta;
    record.flags = (lsn == cargo.first ? quorum::RecordFlags::kMtrBegin : 0) |
                   (lsn == cargo.last ? quorum::RecordFlags::kCpl : 0);
    record.payload = payload;
    builder.Add(record);
  }
  return builder.Seal(Lsn::None(), Lsn::None()).bytes;
}

// The world around a checker: six disks, and processes where a test puts one.
class History : public WorldView {
 public:
  // `Make` makes the checker from the disk model that it shares with others.
  template <class Make>
  explicit History(Make make) : disks_(std::make_shared<DiskModel>()), checker_(make(disks_)) {
    paths_.push_back(quorum::PgPath::Root(kTimeline));
    for (auto& store : stores_) store = std::make_unique<storage_node::MemorySegmentStore>();
    storage_node::SegmentConfig config{OnePg().pgs.front(), 4096, PageNo(0), 8};
    for (NodeIndex node = 0; node < kNodes; ++node) {
      Persist(node,
              {storage_node::PutMeta{storage_node::ConfigKey(kPg), storage_node::Encode(config)}});
      PersistPath(node, paths_.front());
    }
  }

  // ---- steps ------------------------------------------------------------------------------------
  void Tell(const Event& event) {
    disks_->See(event);
    checker_->See(event);
  }
  // `synced`: otherwise the disk lies about it.
  void Persist(NodeIndex node, std::vector<storage_node::StoreOp> ops, bool synced = true) {
    const storage_node::StoreBatch batch{std::move(ops)};
    INVARIANT(stores_[node]
                  ->Write({&batch}, synced ? storage_node::Durability::kSynced
                                           : storage_node::Durability::kOrdered)
                  .ok());
    Tell(BatchPersisted{node, &batch});
  }
  void PersistPath(NodeIndex node, const quorum::PgPath& path) {
    Persist(node, {storage_node::PutMeta{storage_node::PathKey(kPg, kTimeline),
                                         storage_node::Encode(path)},
                   storage_node::PutMeta{storage_node::PromiseKey(kPg, kTimeline),
                                         storage_node::Encode(path.path.epoch())}});
  }
  void Promise(NodeIndex node, EpochId epoch) {
    Persist(node, {storage_node::PutMeta{storage_node::PromiseKey(kPg, kTimeline),
                                         storage_node::Encode(epoch)}});
  }
  void Store(std::vector<NodeIndex> nodes, const Cargo& cargo, bool synced = true) {
    for (const NodeIndex node : nodes) {
      Persist(node, {storage_node::PutBoxcar{kPg, kTimeline, Lsn(cargo.first), Encoded(cargo)}},
              synced);
    }
  }
  // The epoch begins at these nodes, durably, with its manifest. Its history: the last one begun,
  // forked at `vdl`; it starts at `first`.
  void Begin(std::vector<NodeIndex> nodes, uint32_t number, uint64_t vdl, uint64_t first) {
    paths_.push_back(paths_.back().Fork(Epoch(number), Lsn(vdl), Lsn(first), Lsn(vdl)));
    BeginNewest(nodes, number);
  }
  // The same, of a backtrack: the last history is left at `end`, as a branch.
  void GoBack(uint32_t number, uint64_t fork, uint64_t first, uint64_t end) {
    const quorum::PgPath& head = paths_.back();
    auto path = head.TryBacktrack(head, Epoch(number), {Lsn(fork), Lsn(fork)}, Lsn(first),
                                  {Lsn(end), Lsn(end)});
    INVARIANT(path.ok());
    paths_.push_back(*std::move(path));
    BeginNewest(kAll, number);
  }
  void BeginNewest(const std::vector<NodeIndex>& nodes, uint32_t number) {
    quorum::Manifest manifest = OnePg();
    manifest.written_in = Epoch(number);
    for (const NodeIndex node : nodes) {
      Persist(node, {storage_node::PutMeta{storage_node::ManifestKey(kPg, kTimeline),
                                           storage_node::Encode(manifest)}});
      PersistPath(node, paths_.back());
    }
  }
  // The opening of the epoch that began last ends.
  void Open(ProcessId writer) {
    const quorum::PathStep& newest = paths_.back().path.newest();
    quorum::WriterStart start;
    start.epoch = newest.epoch;
    start.vdl = paths_.back().path.fork_lsn();
    start.first_lsn = newest.first_lsn;
    start.manifest = OnePg();
    start.pg_paths = {paths_.back()};
    Tell(EpochOpened{writer, &start});
  }
  void Issue(ProcessId writer, uint32_t epoch, uint64_t first, uint64_t commit) {
    const std::vector<PageWrite> writes = {
        {PageNo(0), quorum::RecordKind::kDelta, 0, std::string(4, 'x')}};
    Tell(MtrIssued{writer, Epoch(epoch), Lsn(first), Lsn(commit), &writes,
                   CommitTime(static_cast<int64_t>(commit))});
  }
  template <class Answer>
  void Answers(NodeIndex node, uint32_t epoch, Answer answer) {
    answer.from = {kTimeline, kPg, Epoch(epoch), MembershipEpoch(1)};
    const quorum::SegmentAnswer any(std::move(answer));
    Tell(SegmentReplied{node, &any});
  }
  void Acks(std::vector<NodeIndex> nodes, uint32_t epoch, uint64_t scl) {
    for (const NodeIndex node : nodes) {
      quorum::Ack ack;
      ack.scl = Lsn(scl);
      Answers(node, epoch, ack);
    }
  }
  void Vdl(ProcessId writer, uint32_t epoch, uint64_t vdl) {
    Tell(VdlMoved{writer, Epoch(epoch), Lsn(vdl)});
  }
  // Epoch 1 of process 1, begun everywhere, starts at LSN 101.
  void StartFirstEpoch() {
    Begin(kAll, 1, 0, 101);
    Open(1);
  }
  void Run(NodeIndex node, storage_node::NodeCore* core) { cores_[node] = core; }
  void Harm(NodeIndex node) {
    harmed_[node] = true;
    Tell(DiskHarmed{node});
  }
  void Restart(NodeIndex node) {
    Tell(NodeStopped{node});
    Tell(NodeStarted{node, stores_[node].get()});
  }
  void Look() { checker_->Look(*this); }

  bool refused() const { return checker_->failure().has_value(); }
  std::string failure() const { return checker_->failure().value_or("accepted"); }
  const quorum::PgPath& path() const { return paths_.back(); }

  // ---- what a checker may look at ---------------------------------------------------------------
  Instant now() const override { return Instant() + Duration::Seconds(1); }
  size_t nodes() const override { return kNodes; }
  const NodeId& node_id(NodeIndex node) const override { return names_[node]; }
  const storage_node::NodeCore* core(NodeIndex node) const override { return cores_[node]; }
  const storage_node::SegmentStore& disk(NodeIndex node) const override { return *stores_[node]; }
  std::unique_ptr<storage_node::SegmentStore> after_power_cut(NodeIndex node) const override {
    return stores_[node]->AfterPowerCut();
  }
  bool harmed(NodeIndex node) const override { return harmed_[node]; }

  static inline const std::vector<NodeIndex> kAll = {0, 1, 2, 3, 4, 5};

 private:
  const std::shared_ptr<DiskModel> disks_;
  const std::unique_ptr<Checker> checker_;
  std::vector<quorum::PgPath> paths_;
  const std::array<NodeId, kNodes> names_ = {NameOfNode(0), NameOfNode(1), NameOfNode(2),
                                             NameOfNode(3), NameOfNode(4), NameOfNode(5)};
  std::array<std::unique_ptr<storage_node::MemorySegmentStore>, kNodes> stores_;
  std::array<storage_node::NodeCore*, kNodes> cores_ = {};
  std::array<bool, kNodes> harmed_ = {};
};

}  // namespace hexad::sim
