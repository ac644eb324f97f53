#include "storage-node/io/rocksdb_batch.h"

#include "quorum/base/check.h"
#include "storage-node/io/store_format.h"

namespace hexad::storage_node {
namespace {

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

void Expect(const rocksdb::Status& status) {
  INVARIANT(status.ok());  // building a batch in memory, without a size limit, cannot fail
}

}  // namespace

void RocksDbBatch::Add(const StoreOp& op) {
  std::visit([this](const auto& o) { On(o); }, op);
}

void RocksDbBatch::On(const PutBoxcar& put) {
  const Lsn below = DroppedBelow(put.pg, put.timeline);
  // Again a boxcar below what was dropped: the next drop must reach down to it.
  if (put.first_lsn < below) changed_[{put.pg, put.timeline}] = put.first_lsn;
  Expect(batch_.Put(families_[kLogFamily], LogKey(put.pg, put.timeline, put.first_lsn),
                    ToSlice(put.bytes.view())));
}

void RocksDbBatch::On(const DropLog& drop) {
  const Lsn from = DroppedBelow(drop.pg, drop.timeline);
  if (from >= drop.below) return;
  Expect(batch_.DeleteRange(families_[kLogFamily], LogKey(drop.pg, drop.timeline, from),
                            LogKey(drop.pg, drop.timeline, drop.below)));
  changed_[{drop.pg, drop.timeline}] = drop.below;
}

void RocksDbBatch::On(const PutVersion& put) {
  const std::string key = VersionKey(put.pg, put.page, put.timeline, put.lsn);
  const std::string head = VersionHead(key, put.kind, put.bytes);
  const rocksdb::Slice keys[] = {key};
  const rocksdb::Slice values[] = {head, put.bytes};  // an image is copied once, into the batch
  Expect(batch_.Put(families_[kPagesFamily], {keys, 1}, {values, 2}));
}

void RocksDbBatch::On(const DropVersion& drop) {
  Expect(batch_.Delete(families_[kPagesFamily],
                       VersionKey(drop.pg, drop.page, drop.timeline, drop.lsn)));
}

void RocksDbBatch::On(const DropPage& drop) {
  const std::string newest = VersionKey(drop.pg, drop.page, drop.timeline, Lsn::Max());
  DropPrefix(kPagesFamily, std::string_view(newest).substr(0, kVersionPrefixBytes));
}

void RocksDbBatch::On(const PutMeta& put) {
  Expect(batch_.Put(families_[kMetaFamily], put.key, SealMeta(put.key, put.value)));
}

void RocksDbBatch::On(const DropMeta& drop) {
  Expect(batch_.Delete(families_[kMetaFamily], drop.key));
}

void RocksDbBatch::On(const DropSegment& drop) {
  DropPrefix(kLogFamily, PgPrefix(drop.pg));
  DropPrefix(kPagesFamily, PgPrefix(drop.pg));
  DropPrefix(kMetaFamily, SegmentMetaPrefix(drop.pg));
  dropped_prefixes_.push_back(PgPrefix(drop.pg));
}

void RocksDbBatch::On(const DropTimeline& drop) {
  const std::string prefix = TimelinePrefix(drop.pg, drop.timeline);
  DropPrefix(kLogFamily, prefix);
  DropPrefix(kPagesFamily, prefix);
  DropPrefix(kMetaFamily, TimelineMetaPrefix(drop.pg, drop.timeline));
  dropped_prefixes_.push_back(prefix);
}

void RocksDbBatch::DropPrefix(ColumnFamily family, std::string_view prefix) {
  std::string end = PrefixEnd(prefix);
  if (end.empty()) {  // the last PG of all: up to and including the longest key there can be
    end = std::string(kVersionKeyBytes, '\xff');
    Expect(batch_.Delete(families_[family], end));
  }
  Expect(batch_.DeleteRange(families_[family], ToSlice(prefix), end));
}

Lsn RocksDbBatch::DroppedBelow(PgId pg, TimelineId timeline) const {
  if (const auto it = changed_.find({pg, timeline}); it != changed_.end()) return it->second;
  if (const auto it = dropped_.find({pg, timeline}); it != dropped_.end()) return it->second;
  return Lsn::None();
}

void RocksDbBatch::TakeOver(DroppedLogs& dropped) const {
  for (const auto& [log, below] : changed_) dropped[log] = below;
}

}  // namespace hexad::storage_node
