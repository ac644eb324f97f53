// How RocksDB is set up for a storage node, and what it costs in memory.
//
// The load: boxcars of 200 B to 64 KiB written once, in LSN order, each group with one fsync,
// hardly ever read and soon dropped by range; pages of some KiB written in the background, read at
// random; a few KB of small state. Six nodes share two cores, so background work gets two threads
// of low priority.
//
// Memory of one store with the default of 96 MiB (measured under sustained load: see
// bench/store_bench.cc), all of it inside the block cache's account except the last two lines:
//   memtables        log 16 MiB x 3, pages 8 MiB x 3, meta 1 MiB x 2: at most 74 MiB; flushed from
//                    48 MiB on, and charged to the cache, whose blocks give way
//   block cache      what remains of the 96 MiB: data, index and filter blocks
//   open tables      256 files, some KiB each
//   flush, compaction  one buffer of 1 MiB per file written and 256 KiB of readahead per file read:
//                    below 16 MiB
// So a store stays below 128 MiB. Disk: the log that recovery must replay is at most 96 MiB.
#pragma once

#include <memory>
#include <vector>

#include "rocksdb/db.h"

namespace hexad::storage_node {

struct StoreTuning {
  rocksdb::DBOptions db;
  // In the order of ColumnFamily: default (unused, RocksDB insists on it), log, pages, meta.
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
};

enum ColumnFamily : size_t { kDefaultFamily, kLogFamily, kPagesFamily, kMetaFamily, kFamilies };

// `memory_bytes`: block cache and memtables together; the shares above scale with it.
StoreTuning MakeTuning(size_t memory_bytes);

}  // namespace hexad::storage_node
