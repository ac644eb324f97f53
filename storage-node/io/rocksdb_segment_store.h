// The storage node's disk on RocksDB 7.8 (Debian 12). store_format.h gives the layout,
// rocksdb_tuning.h the set-up and its memory, wal_order.h and store_witness.h what makes
// recovery honest.
//
// What survives:
// - a crash of the process: every Write that returned OK, synced or not;
// - a power cut: every synced Write that returned OK, and a prefix of the ordered ones after it.
// A Write that was under way may be there or not, always whole.
//
// What becomes of damage:
// - A value (pages, meta) whose own checksum over key and bytes fails: DATA_LOSS for that read.
// - A block of a table that fails RocksDB's checksum: DATA_LOSS for the reads that need it. ScanLog
//   goes on behind the damage and says DATA_LOSS at its end, so that all but the lost boxcars
//   are seen. When a compaction meets the damage, the store stops (below).
// - A table, MANIFEST or CURRENT that is missing or cut short, and a log (WAL) that is missing, cut
//   short or damaged so that synced data is gone: DATA_LOSS from Open. For log and MANIFEST that is
//   the witness's doing, so it holds exactly after a crash or an orderly stop, and after a power
//   cut for all but the last seconds before it. RocksDB alone opens such a database as if nothing
//   were missing: of logs it knows only presence and size of the older ones.
// - The unsynced tail of a log, torn by a power cut: cut off there, silently, as it must be.
// A directory that answered DATA_LOSS to Open answers it again: only an empty one starts afresh.
//
// Failed writes:
// - No space: RESOURCE_EXHAUSTED, nothing stored. It works again when there is space: the Write
//   that finds some closes the database and recovers it first, while reads wait. (DB::Resume() of
//   7.8 can abort the process then. It follows that the visitor of a scan must not call Write.)
//   Below StoreOptions::reserve_bytes of free space boxcars are refused, below half of it page
//   versions too, so that promises (meta) and drops still find room: a full node can be fenced,
//   and can coalesce itself free. While there is much more than the reserve, the look at it may be
//   20 ms old.
// - Anything else: durability is unknown. This Write and all later ones fail, and the witness keeps
//   the directory from being opened again. Reads go on.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage-node/io/rocksdb_batch.h"
#include "storage-node/io/rocksdb_database.h"
#include "storage-node/io/segment_store.h"
#include "storage-node/io/store_witness.h"

namespace hexad::storage_node {

class RocksDbSegmentStore : public SegmentStore {
 public:
  // Makes `directory` (and its parents) if it does not exist.
  // FAILED_PRECONDITION: in use, not a directory, not readable or writable, or it holds something
  // else; nothing was touched. DATA_LOSS: see above. RESOURCE_EXHAUSTED: the disk is full.
  static absl::StatusOr<std::unique_ptr<RocksDbSegmentStore>> Open(const std::string& directory,
                                                                   const StoreOptions& options);

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

  // Moves everything into tables, as happens by itself when memory fills. For tests and benches.
  absl::Status Flush();
  // And everything down to the lowest level, without what was dropped.
  absl::Status Compact();

 private:
  enum class Space : uint8_t {
    kThere,
    // Flush or compaction met a full disk and rests until the database is opened afresh. Small
    // writes go on as long as memtables have room.
    kShortInBackground,
    // A write met it: RocksDB 7.8 must not be given another one before that.
    kShortInLog,
  };

  RocksDbSegmentStore(std::string directory, const StoreOptions& options)
      : directory_(std::move(directory)), options_(options) {}
  absl::Status OpenDatabase() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_)
      ABSL_LOCKS_EXCLUDED(database_mutex_);
  absl::Status CheckServing() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status CheckSpace(const std::vector<const StoreBatch*>& batches)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  bool SawPlentyLately() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status WriteToDatabase(RocksDbBatch& batch, bool sync)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) ABSL_SHARED_LOCKS_REQUIRED(database_mutex_);
  absl::Status WriteFailed(const rocksdb::Status& error)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status Stop(absl::Status reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  std::vector<DropLog> TakeReclaimable(const std::vector<const StoreBatch*>& batches)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) ABSL_SHARED_LOCKS_REQUIRED(database_mutex_);
  void DeleteFilesOf(const std::string& begin) ABSL_SHARED_LOCKS_REQUIRED(database_mutex_);
  void DeleteFiles(ColumnFamily family, const std::string& begin, const std::string& end)
      ABSL_SHARED_LOCKS_REQUIRED(database_mutex_);
  absl::Status Closed() const;

  const std::string directory_;
  const StoreOptions options_;
  std::unique_ptr<StoreWitness> witness_;

  absl::Mutex write_mutex_;  // one Write at a time
  absl::Status stopped_ ABSL_GUARDED_BY(write_mutex_);
  Space space_ ABSL_GUARDED_BY(write_mutex_) = Space::kThere;
  DroppedLogs dropped_logs_ ABSL_GUARDED_BY(write_mutex_);
  uint64_t free_bytes_ ABSL_GUARDED_BY(write_mutex_) = 0;  // when it was last looked at
  std::chrono::steady_clock::time_point looked_at_ ABSL_GUARDED_BY(write_mutex_);

  // Held shared by everything that uses the database, exclusively by a Write that opens it afresh.
  // Nothing only between a failed and the next such opening.
  mutable absl::Mutex database_mutex_ ABSL_ACQUIRED_AFTER(write_mutex_);
  std::unique_ptr<RocksDbDatabase> database_ ABSL_GUARDED_BY(database_mutex_);
};

}  // namespace hexad::storage_node
