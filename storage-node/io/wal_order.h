// Keeps a power cut from punching a hole into the store's order of writes.
//
// What was not fsynced can come back from a power cut with its middle missing: the file system
// wrote a later block of the log and not an earlier one. RocksDB skips a zeroed block without a
// word, and would replay what comes after it. But an ordered batch may only be lost together with
// every batch after it (store_batch.h): the drop of a boxcar must not survive the page version that
// replaced it. Every log record carries its sequence number and its count, so a hole is a jump:
// replay stops there. If what is cut off had been synced, the witness says so afterwards.
#pragma once

#include <cstdint>
#include <string>

#include "rocksdb/wal_filter.h"

namespace hexad::storage_node {

class WalOrder : public rocksdb::WalFilter {
 public:
  WalProcessingOption LogRecordFound(unsigned long long log_number,
                                     const std::string& log_file_name,
                                     const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch* new_batch, bool* batch_changed) override;
  const char* Name() const override { return "hexad.WalOrder"; }

 private:
  uint64_t next_ = 0;  // sequence number of the next record; 0 = none seen yet
};

}  // namespace hexad::storage_node
