// Watches over the MANIFEST, RocksDB's own log of which tables the database consists of.
//
// A MANIFEST that was cut short at the end of a record is read as if it ended there: RocksDB opens
// the database as it was then, and deletes the tables that it does not know. Everything flushed
// since would be gone without a word, and the sequence number would not show it, because the newest
// log still reaches the end. So the witness (store_witness.h) also notes how much of the MANIFEST
// was fsynced, and an opening asks whether that much is still there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "rocksdb/listener.h"

namespace hexad::storage_node {

// MANIFEST-000005 has number 5. Numbers rise: every opening starts a new one.
struct ManifestSize {
  uint64_t number = 0;
  uint64_t bytes = 0;
};

// The MANIFEST that CURRENT names, and the bytes it has. DATA_LOSS if either is missing or
// unreadable.
absl::StatusOr<ManifestSize> CurrentManifest(const std::string& directory);

// Reports the size of a MANIFEST after each of its fsyncs, from RocksDB's threads. Only RocksDB's
// one manifest writer appends, and it waits for the report, so the size is exactly what was synced.
class ManifestListener : public rocksdb::EventListener {
 public:
  explicit ManifestListener(std::function<void(ManifestSize)> on_synced)
      : on_synced_(std::move(on_synced)) {}
  void OnFileSyncFinish(const rocksdb::FileOperationInfo& info) override;
  bool ShouldBeNotifiedOnFileIO() override { return true; }
  const char* Name() const override { return "hexad.ManifestListener"; }

 private:
  std::function<void(ManifestSize)> on_synced_;
};

}  // namespace hexad::storage_node
