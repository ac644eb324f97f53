#include "storage-node/io/rocksdb_database.h"

#include "absl/strings/str_cat.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "storage-node/io/rocksdb_manifest.h"
#include "storage-node/io/store_directory.h"
#include "storage-node/io/wal_order.h"

namespace hexad::storage_node {
namespace {

absl::Status LostSyncedWrites(const std::string& directory, const std::string& why) {
  return absl::DataLossError(
      absl::StrCat("the store in ", directory, " lost synced writes: ", why,
                   "; move the directory away and start with an empty one, peers will fill it"));
}

// Is everything there that RocksDB would not miss?
absl::Status CheckFiles(const std::string& directory, const StoreWitness& witness) {
  const ManifestSize expected = witness.manifest();
  if (expected.number == 0) return absl::OkStatus();  // never opened to the end
  const auto found = CurrentManifest(directory);
  if (absl::IsDataLoss(found.status())) {
    return LostSyncedWrites(directory, std::string(found.status().message()));
  }
  if (!found.ok()) return found.status();
  if (found->number < expected.number) {
    return LostSyncedWrites(directory, "CURRENT names an old MANIFEST");
  }
  if (found->number == expected.number && found->bytes < expected.bytes) {
    return LostSyncedWrites(directory, absl::StrCat("its MANIFEST has ", found->bytes,
                                                    " bytes, and had ", expected.bytes));
  }
  if (LogBytes(directory).files == 0) return LostSyncedWrites(directory, "it has no log");
  return absl::OkStatus();
}

// Does the database reach as far as the witness says? If so, what it holds is on the disk by now.
absl::Status CheckRecovered(const std::string& directory, const rocksdb::DB& db,
                            StoreWitness& witness) {
  const uint64_t recovered = db.GetLatestSequenceNumber();
  if (recovered < witness.sequence()) {
    return LostSyncedWrites(
        directory, absl::StrCat("it reaches sequence number ", recovered, ", and had reached ",
                                witness.sequence(), " (its log is cut short, damaged or missing)"));
  }
  const auto manifest = CurrentManifest(directory);
  if (!manifest.ok()) return manifest.status();
  return witness.Opened(recovered, manifest->number);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RocksDbDatabase>> RocksDbDatabase::Open(const std::string& directory,
                                                                       const StoreOptions& options,
                                                                       StoreWitness& witness) {
  if (auto status = CheckFiles(directory, witness); !status.ok()) return status;
  std::unique_ptr<RocksDbDatabase> database(new RocksDbDatabase());
  if (auto status = database->OpenRocksDb(directory, options, witness); !status.ok()) return status;
  if (auto status = CheckRecovered(directory, database->db(), witness); !status.ok()) return status;
  return database;
}

absl::Status RocksDbDatabase::OpenRocksDb(const std::string& directory, const StoreOptions& options,
                                          StoreWitness& witness) {
  StoreTuning tuning = MakeTuning(options.memory_bytes);
  tuning.db.listeners.push_back(background_errors_);
  tuning.db.listeners.push_back(std::make_shared<ManifestListener>(
      [&witness](ManifestSize synced) { witness.ManifestSynced(synced); }));
  if (options.file_system != nullptr) {
    env_ = rocksdb::NewCompositeEnv(options.file_system);
    tuning.db.env = env_.get();
  }
  // Compactions yield the processor and the disk to the threads that acknowledge writes.
  tuning.db.env->LowerThreadPoolCPUPriority(rocksdb::Env::LOW, rocksdb::CpuPriority::kLow);
  tuning.db.env->LowerThreadPoolIOPriority(rocksdb::Env::LOW);

  WalOrder order;  // used only while the log is replayed
  tuning.db.wal_filter = &order;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(rocksdb::DBOptions(tuning.db), directory, tuning.families, &families_, &db);
  if (!status.ok()) return OpenError(status, directory);
  db_.reset(db);
  return absl::OkStatus();
}

RocksDbDatabase::~RocksDbDatabase() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family);
}

}  // namespace hexad::storage_node
