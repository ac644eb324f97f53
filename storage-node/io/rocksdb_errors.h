// What RocksDB's errors mean to a storage node.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/listener.h"
#include "rocksdb/status.h"

namespace hexad::storage_node {

// True if a write failed because the disk is full, and is known to have stored nothing. An fsync
// that finds no space is not among them: the bytes are in the file, and nobody knows how many are
// on disk.
bool IsCleanNoSpace(const rocksdb::Status& error);

// A read that failed. DATA_LOSS: the bytes are damaged, missing or unreadable. UNAVAILABLE: the
// machine lacks something (file descriptors, memory), the data may be well.
absl::Status ReadError(const rocksdb::Status& error, const std::string& what);

// DB::Open failed on `directory`. DATA_LOSS, FAILED_PRECONDITION, RESOURCE_EXHAUSTED or
// UNAVAILABLE, with what to do about it.
absl::Status OpenError(const rocksdb::Status& error, const std::string& directory);

// Hears of failures in RocksDB's own threads (flush, compaction, manifest), which it would
// otherwise report only with some later write. Thread-safe; never blocks.
class BackgroundErrors : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;
  // RocksDB would poll for space and resume by itself; it must not (rocksdb_segment_store.h).
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
  const char* Name() const override { return "hexad.BackgroundErrors"; }

  // The first failure after which durability is unknown; OK if there was none.
  absl::Status fatal() const;
  // Background work stopped for lack of space, and will not start again in this database.
  bool no_space() const;

 private:
  mutable absl::Mutex mutex_;
  absl::Status fatal_ ABSL_GUARDED_BY(mutex_);
  bool no_space_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace hexad::storage_node
