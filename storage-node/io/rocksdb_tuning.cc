#include "storage-node/io/rocksdb_tuning.h"

#include <algorithm>
#include <cstdarg>

#include "rocksdb/cache.h"
#include "rocksdb/env.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"
#include "rocksdb/write_buffer_manager.h"
#include "storage-node/io/store_format.h"

namespace hexad::storage_node {
namespace {

constexpr size_t kKiB = 1024;
constexpr size_t kMiB = 1024 * kKiB;

// RocksDB's diary (its file LOG) is not kept: after a line of it that found the disk full, Debian's
// build (which has assertions) aborts the process at the next line.
class NoDiary : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::DBOptions DbOptions(size_t memory_bytes, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::DBOptions db;
  // Durability. Replay stops at the first damage and WalOrder makes that a prefix; the witness then
  // tells whether synced data was cut off. Logs are not recycled: an old record must not look new.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.track_and_verify_wals_in_manifest = true;
  db.recycle_log_file_num = 0;
  db.manual_wal_flush = false;
  db.avoid_flush_during_recovery = false;  // what was replayed is fsynced before the store opens
  db.max_bgerror_resume_count = 0;         // after a failure this store decides, not a retry loop
  db.paranoid_checks = true;

  // Writers come one at a time (the store's lock), so the machinery for many only costs.
  db.allow_concurrent_memtable_write = false;
  db.enable_write_thread_adaptive_yield = false;
  db.enable_pipelined_write = false;

  // Background work: two threads for the whole process, smooth writeback, no periodic wake-ups.
  db.max_background_jobs = 2;
  db.max_subcompactions = 1;
  db.bytes_per_sync = kMiB;
  db.compaction_readahead_size = 256 * kKiB;
  db.avoid_unnecessary_blocking_io = true;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;

  // Bounds.
  db.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(memory_bytes / 2, cache, /*allow_stall=*/false);
  db.max_total_wal_size = memory_bytes;
  db.max_open_files = 256;
  db.info_log = std::make_shared<NoDiary>();
  db.info_log_level = rocksdb::InfoLogLevel::FATAL_LEVEL;

  db.create_if_missing = true;  // the store itself decides before that whether it may
  db.create_missing_column_families = true;
  return db;
}

rocksdb::ColumnFamilyOptions Family(size_t write_buffer_bytes,
                                    rocksdb::BlockBasedTableOptions table) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = write_buffer_bytes;
  family.arena_block_size = std::min(write_buffer_bytes / 8, kMiB);
  family.compression = rocksdb::kNoCompression;
  family.level0_file_num_compaction_trigger = 4;
  family.target_file_size_base = 16 * kMiB;
  family.max_bytes_for_level_base = 64 * kMiB;
  family.level_compaction_dynamic_level_bytes = true;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

}  // namespace

StoreTuning MakeTuning(size_t memory_bytes) {
  const auto cache = rocksdb::NewLRUCache(memory_bytes, /*num_shard_bits=*/2);
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;

  rocksdb::ColumnFamilyOptions unused = Family(64 * kKiB, table);

  rocksdb::BlockBasedTableOptions log_table = table;
  log_table.block_size = 32 * kKiB;  // read by scans only
  rocksdb::ColumnFamilyOptions log = Family(memory_bytes / 6, log_table);
  log.max_write_buffer_number = 3;

  // Most reads ask for (page, timeline) pairs that were never written, one per step of the path.
  rocksdb::BlockBasedTableOptions pages_table = table;
  pages_table.block_size = 8 * kKiB;
  pages_table.whole_key_filtering = false;
  pages_table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::ColumnFamilyOptions pages = Family(memory_bytes / 12, pages_table);
  pages.max_write_buffer_number = 3;
  pages.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(kVersionPrefixBytes));
  pages.memtable_prefix_bloom_size_ratio = 0.02;

  rocksdb::ColumnFamilyOptions meta = Family(memory_bytes / 96, table);

  StoreTuning tuning;
  tuning.db = DbOptions(memory_bytes, cache);
  tuning.families = {
      {rocksdb::kDefaultColumnFamilyName, unused}, {"log", log}, {"pages", pages}, {"meta", meta}};
  return tuning;
}

}  // namespace hexad::storage_node
