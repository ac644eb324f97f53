// Translates the core's operations into one RocksDB WriteBatch.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "rocksdb/db.h"
#include "rocksdb/write_batch.h"
#include "storage-node/core/store_batch.h"
#include "storage-node/io/rocksdb_tuning.h"

namespace hexad::storage_node {

using FamilyHandles = std::vector<rocksdb::ColumnFamilyHandle*>;  // indexed by ColumnFamily

// Up to where each hot log was dropped already. Drops that all start at zero would pile up as
// nested range tombstones, whose cost grows with their square; this lets each start where the last
// one ended. A log that is not in here (after a restart) is dropped from zero once.
using DroppedLogs = std::map<std::pair<PgId, TimelineId>, Lsn>;

// One atomic write in the making. Add the operations in order; the effects on DroppedLogs hold only
// once the batch is stored, so take them over then.
class RocksDbBatch {
 public:
  // `db`, `families` and `dropped` must outlive this, and not change meanwhile.
  RocksDbBatch(rocksdb::DB* db, const FamilyHandles& families, const DroppedLogs& dropped)
      : db_(db), families_(families), dropped_(dropped) {}

  // DATA_LOSS or UNAVAILABLE: the versions to drop could not be listed.
  absl::Status Add(const StoreOp& op);

  rocksdb::WriteBatch& batch() { return batch_; }
  const std::vector<PgId>& dropped_segments() const { return dropped_segments_; }
  // REQUIRES: the batch was stored.
  void TakeOver(DroppedLogs& dropped) const;

 private:
  absl::Status On(const PutBoxcar& put);
  absl::Status On(const DropLog& drop);
  absl::Status On(const PutVersion& put);
  absl::Status On(const DropVersions& drop);
  absl::Status On(const PutMeta& put);
  absl::Status On(const DropMeta& drop);
  absl::Status On(const DropSegment& drop);
  void DropPrefix(ColumnFamily family, std::string_view prefix);
  Lsn DroppedBelow(PgId pg, TimelineId timeline) const;

  rocksdb::DB* db_;
  const FamilyHandles& families_;
  const DroppedLogs& dropped_;
  rocksdb::WriteBatch batch_;
  DroppedLogs changed_;                                 // overrides dropped_
  std::set<std::string, std::less<>> put_versions_;     // keys put by this batch
  std::unique_ptr<rocksdb::Iterator> stored_versions_;  // made when the first DropVersions comes
  std::vector<PgId> dropped_segments_;
};

}  // namespace hexad::storage_node
