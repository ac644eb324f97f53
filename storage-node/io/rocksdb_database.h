// One opening of the database under a RocksDbSegmentStore: from the checks before it to its close.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "rocksdb/db.h"
#include "storage-node/io/rocksdb_errors.h"
#include "storage-node/io/rocksdb_tuning.h"
#include "storage-node/io/store_witness.h"

namespace rocksdb {
class FileSystem;
}  // namespace rocksdb

namespace hexad::storage_node {

struct StoreOptions {
  size_t memory_bytes = 64 << 20;     // block cache and memtables: see rocksdb_tuning.h
  uint64_t reserve_bytes = 64 << 20;  // free space kept for meta and drops
  // A drop of log gives back whole files once the tables hold so much of what it drops.
  uint64_t reclaim_bytes = 32 << 20;
  // None: the machine's. Tests plant faults here.
  std::shared_ptr<rocksdb::FileSystem> file_system = nullptr;
};

using FamilyHandles = std::vector<rocksdb::ColumnFamilyHandle*>;  // indexed by ColumnFamily

class RocksDbDatabase {
 public:
  // Recovers what the directory holds and checks it against the witness, which learns of the new
  // state. What is recovered is on the disk when this returns. `fresh`: nothing was ever stored
  // here. DATA_LOSS, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE: see OpenError.
  static absl::StatusOr<std::unique_ptr<RocksDbDatabase>> Open(const std::string& directory,
                                                               const StoreOptions& options,
                                                               StoreWitness& witness);
  ~RocksDbDatabase();
  RocksDbDatabase(const RocksDbDatabase&) = delete;
  RocksDbDatabase& operator=(const RocksDbDatabase&) = delete;

  rocksdb::DB& db() const { return *db_; }
  const FamilyHandles& families() const { return families_; }
  rocksdb::ColumnFamilyHandle* family(ColumnFamily which) const { return families_[which]; }
  const BackgroundErrors& background_errors() const { return *background_errors_; }

 private:
  RocksDbDatabase() = default;
  absl::Status OpenRocksDb(const std::string& directory, const StoreOptions& options,
                           StoreWitness& witness);

  std::unique_ptr<rocksdb::Env> env_;  // only with StoreOptions::file_system
  std::shared_ptr<BackgroundErrors> background_errors_ = std::make_shared<BackgroundErrors>();
  std::unique_ptr<rocksdb::DB> db_;
  FamilyHandles families_;
};

}  // namespace hexad::storage_node
