// The segment store in memory: the simulator's disk, and the dumb twin of RocksDbSegmentStore. It
// passes the same contract suite (tests/contract/segment_store_contract.h).
//
// It holds two states: what a reader sees, and what is on the disk. A synced write makes them
// equal; an ordered one waits in a queue. A power cut goes back to the disk, plus, if asked for, a
// seeded prefix of the queue. Nothing here reads a clock or draws a random number of its own, so
// equal calls give equal results.
//
// Thread-safety: every method may be called from any thread (one mutex).
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "quorum/base/prng.h"
#include "storage-node/io/segment_store.h"

namespace hexad::storage_node {

struct LogPlace {
  PgId pg;
  TimelineId timeline;
  Lsn first_lsn;
  friend auto operator<=>(const LogPlace&, const LogPlace&) = default;
};

struct VersionPlace {
  PgId pg;
  PageNo page;
  TimelineId timeline;
  Lsn lsn;
  friend auto operator<=>(const VersionPlace&, const VersionPlace&) = default;
};

struct MemoryStoreOptions {
  // Of the ordered writes since the last synced one, a power cut keeps a prefix whose length this
  // seed draws. 0: it keeps none.
  uint64_t survivors_seed = 0;
};

class MemorySegmentStore : public SegmentStore {
 public:
  explicit MemorySegmentStore(MemoryStoreOptions options = {});

  absl::Status Write(const std::vector<const StoreBatch*>& batches, Durability durability) override;
  absl::Status ScanLog(PgId pg, TimelineId timeline, Lsn from,
                       const BoxcarVisitor& visit) const override;
  absl::StatusOr<Lsn> FloorBoxcar(PgId pg, TimelineId timeline, Lsn lsn) const override;
  using SegmentStore::ReadVersions;
  std::vector<Versions> ReadVersions(PgId pg, std::span<const PageNo> pages,
                                     const std::vector<LsnRange>& visible) const override;
  absl::Status ScanMeta(std::string_view prefix, const MetaVisitor& visit) const override;
  uint64_t ApproximateBytes() const override;
  uint64_t ApproximateBytes(PgId pg, TimelineId timeline) const override;

  // ---- faults -----------------------------------------------------------------------------------
  // The machine loses power: what was not synced is gone, but for the survivors of the options.
  void CutPower();
  // Everything written so far is on the disk. For drivers that write ordered first and let the sync
  // complete later, so that a power cut in between can take an unanswered synced write with it.
  void Sync();
  // The process starts again on the same machine: nothing is lost, and what it finds is on the disk
  // before it answers anybody. DATA_LOSS if a write had failed: such a disk is not believed again,
  // as the real store's witness demands.
  absl::Status Restart();
  // The next Write fails, and with it all after it (INTERNAL). `stored`: whether it reached the
  // disk all the same, which nobody can know.
  void FailNextWrite(bool stored);
  // While full, a Write with boxcars or versions is refused (RESOURCE_EXHAUSTED) and stores
  // nothing.
  void SetFull(bool full);
  // The boxcar's bytes rot; ScanLog hands them out as they are. False if there is none.
  bool CorruptBoxcar(PgId pg, TimelineId timeline, Lsn first_lsn);
  // The boxcar cannot be read any more: ScanLog leaves it out and ends in DATA_LOSS.
  bool LoseBoxcar(PgId pg, TimelineId timeline, Lsn first_lsn);
  // The version, or the meta entry, fails its checksum from now on. False if there is none.
  bool CorruptVersion(PgId pg, PageNo page, TimelineId timeline, Lsn lsn);
  bool CorruptMeta(const std::string& key);
  // The bytes of one boxcar lie under the key of another (a misdirected write): both checksums
  // hold, one place is wrong. False if either is not there.
  bool MisplaceBoxcar(const LogPlace& from, const LogPlace& over);
  // A store of what a power cut would leave for certain: nothing that only waits to be synced.
  std::unique_ptr<MemorySegmentStore> AfterPowerCut() const;
  // What there is on the disk to be damaged.
  std::vector<LogPlace> LogPlaces() const;
  std::vector<VersionPlace> VersionPlaces() const;

 private:
  struct Boxcar {
    BytesRef bytes;
    bool lost = false;
  };
  struct Version {
    VersionKind kind = VersionKind::kImage;
    BytesRef bytes;
    bool damaged = false;
  };
  struct Meta {
    std::string value;
    bool damaged = false;
  };
  struct Contents {
    std::map<LogPlace, Boxcar> log;
    std::map<VersionPlace, Version> versions;
    std::map<std::string, Meta, std::less<>> meta;

    void Apply(const StoreOp& op);
    void On(const PutBoxcar& put);
    void On(const DropLog& drop);
    void On(const PutVersion& put);
    void On(const DropVersion& drop);
    void On(const DropPage& drop);
    void On(const PutMeta& put);
    void On(const DropMeta& drop);
    void On(const DropSegment& drop);
    void On(const DropTimeline& drop);
  };
  using Ops = std::vector<StoreOp>;

  Versions VersionsOf(PgId pg, PageNo page, const std::vector<LsnRange>& visible) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StoreOps(Ops ops, Durability durability) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Applies the change to the entry in both states; false if neither has it.
  template <class Map, class Change>
  bool Damage(Map Contents::*map, const typename Map::key_type& key, const Change& change);
  void SyncLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  Prng survivors_ ABSL_GUARDED_BY(mutex_);
  const bool keeps_survivors_;
  Contents seen_ ABSL_GUARDED_BY(mutex_);
  Contents on_disk_ ABSL_GUARDED_BY(mutex_);
  std::deque<Ops> unsynced_ ABSL_GUARDED_BY(mutex_);  // writes in seen_ and not in on_disk_
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  bool fail_next_ ABSL_GUARDED_BY(mutex_) = false;
  bool failed_write_stored_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace hexad::storage_node
