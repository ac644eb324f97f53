// How RocksDB is set up for a storage node, and what it costs in memory.
//
// The load: boxcars of 200 B to 64 KiB written once, in LSN order, a group of them with one fsync,
// hardly ever read and soon dropped by range; pages of some KiB written in the background, read at
// random; a few KB of small state. Six nodes share two cores, so background work gets two threads
// of low priority, and nothing is compressed (LZ4 on pages half of which is text: a quarter less
// disk for a seventh more processor time).
//
// Memory of one store with the default of M = 64 MiB:
// - block cache, M: data, index and filter blocks, and the account of the memtables, to which
// blocks
//   give way;
// - memtables: log 3 x M/6, pages 3 x M/12, meta 2 x M/96; flushed from M/2 on, so seldom all full;
// - open tables: 256 files, some KiB each; flush and compaction: 1 MiB per file written, 256 KiB
//   of readahead per file read.
// Measured with writes and reads as fast as they go: the process grew to 92 MiB (M = 96: 141 MiB),
// of which 15 MiB are the program. Disk: the logs that recovery replays are at most M.
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
