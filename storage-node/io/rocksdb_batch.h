// Translates the core's operations into one RocksDB WriteBatch.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rocksdb/write_batch.h"
#include "storage-node/core/store_batch.h"
#include "storage-node/io/rocksdb_database.h"

namespace hexad::storage_node {

// Up to where each hot log was dropped already. Drops that all start at zero would pile up as
// nested range tombstones, whose cost grows with their square; this lets each start where the last
// one ended. A log that is not in here (after a restart) is dropped from zero once, and so is one
// whose files are to be deleted: the tombstones of earlier drops go with them.
using DroppedLogs = std::map<std::pair<PgId, TimelineId>, Lsn>;

// One atomic write in the making. Add the operations in order; the effects on DroppedLogs hold only
// once the batch is stored, so take them over then.
class RocksDbBatch {
 public:
  // `database` and `dropped` must outlive this, and not change meanwhile. `bytes`: about how much
  // will be added, so that it is not moved again and again while it grows.
  RocksDbBatch(const RocksDbDatabase& database, const DroppedLogs& dropped, size_t bytes)
      : families_(database.families()), dropped_(dropped), batch_(bytes) {}

  void Add(const StoreOp& op);

  rocksdb::WriteBatch& batch() { return batch_; }
  // Of segments and timelines that are dropped whole: the prefix of their log and version keys.
  const std::vector<std::string>& dropped_prefixes() const { return dropped_prefixes_; }
  // REQUIRES: the batch was stored.
  void TakeOver(DroppedLogs& dropped) const;

 private:
  void On(const PutBoxcar& put);
  void On(const DropLog& drop);
  void On(const PutVersion& put);
  void On(const DropVersion& drop);
  void On(const DropPage& drop);
  void On(const PutMeta& put);
  void On(const DropMeta& drop);
  void On(const DropSegment& drop);
  void On(const DropTimeline& drop);
  void DropPrefix(ColumnFamily family, std::string_view prefix);
  Lsn DroppedBelow(PgId pg, TimelineId timeline) const;

  const FamilyHandles& families_;
  const DroppedLogs& dropped_;
  rocksdb::WriteBatch batch_;
  DroppedLogs changed_;  // overrides dropped_
  std::vector<std::string> dropped_prefixes_;
};

}  // namespace hexad::storage_node
