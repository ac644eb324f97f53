// Opening and writing. Reading is in rocksdb_segment_reads.cc.
#include "storage-node/io/rocksdb_segment_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "rocksdb/convenience.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "storage-node/io/store_directory.h"
#include "storage-node/io/store_format.h"
#include "storage-node/io/wal_order.h"

namespace hexad::storage_node {

absl::StatusOr<std::unique_ptr<RocksDbSegmentStore>> RocksDbSegmentStore::Open(
    const std::string& directory, const StoreOptions& options) {
  const auto state = InspectDirectory(directory);
  if (!state.ok()) return state.status();
  std::unique_ptr<RocksDbSegmentStore> store(new RocksDbSegmentStore(directory, options));
  auto witness = StoreWitness::Open(directory, *state == DirectoryState::kFresh);
  if (!witness.ok()) return witness.status();
  store->witness_ = *std::move(witness);
  if (*state == DirectoryState::kStore) {
    if (auto status = store->CheckFiles(); !status.ok()) return status;
  }
  if (auto status = store->OpenDatabase(options); !status.ok()) return status;
  if (auto status = store->CheckRecovered(); !status.ok()) return status;
  return store;
}

RocksDbSegmentStore::RocksDbSegmentStore(std::string directory, const StoreOptions& options)
    : directory_(std::move(directory)),
      reserve_bytes_(options.reserve_bytes),
      background_errors_(std::make_shared<BackgroundErrors>()) {}

RocksDbSegmentStore::~RocksDbSegmentStore() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family);
  db_.reset();  // before the witness, whose lock keeps others out until then
}

// Is everything there that RocksDB would not miss?
absl::Status RocksDbSegmentStore::CheckFiles() const {
  const ManifestSize expected = witness_->manifest();
  const auto found = CurrentManifest(directory_);
  if (absl::IsDataLoss(found.status())) {
    return LostSyncedWrites(std::string(found.status().message()));
  }
  if (!found.ok()) return found.status();
  if (found->number < expected.number) return LostSyncedWrites("CURRENT names an old MANIFEST");
  if (found->number == expected.number && found->bytes < expected.bytes) {
    return LostSyncedWrites(
        absl::StrCat("its MANIFEST has ", found->bytes, " bytes, and had ", expected.bytes));
  }
  if (witness_->sequence() > 0 && !HoldsLog(directory_)) return LostSyncedWrites("it has no log");
  return absl::OkStatus();
}

absl::Status RocksDbSegmentStore::LostSyncedWrites(const std::string& why) const {
  return absl::DataLossError(
      absl::StrCat("the store in ", directory_, " lost synced writes: ", why,
                   "; move the directory away and start with an empty one, peers will fill it"));
}

absl::Status RocksDbSegmentStore::OpenDatabase(const StoreOptions& options) {
  StoreTuning tuning = MakeTuning(options.memory_bytes);
  tuning.db.listeners.push_back(background_errors_);
  tuning.db.listeners.push_back(std::make_shared<ManifestListener>(
      [witness = witness_.get()](ManifestSize synced) { witness->ManifestSynced(synced); }));
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
  const rocksdb::Status status = rocksdb::DB::Open(rocksdb::DBOptions(tuning.db), directory_,
                                                   tuning.families, &families_, &db);
  if (!status.ok()) return OpenError(status, directory_);
  db_.reset(db);
  return absl::OkStatus();
}

// Does the database reach as far as the witness says? If so, what it holds is on the disk by now.
absl::Status RocksDbSegmentStore::CheckRecovered() {
  const uint64_t recovered = db_->GetLatestSequenceNumber();
  if (recovered < witness_->sequence()) {
    return LostSyncedWrites(absl::StrCat("it reaches sequence number ", recovered,
                                         ", and had reached ", witness_->sequence(),
                                         " (its log is cut short, damaged or missing)"));
  }
  const auto manifest = CurrentManifest(directory_);
  if (!manifest.ok()) return manifest.status();
  return witness_->Opened(recovered, manifest->number);
}

absl::Status RocksDbSegmentStore::Write(const std::vector<const StoreBatch*>& batches,
                                        Durability durability) {
  absl::MutexLock lock(&write_mutex_);
  if (auto status = CheckServing(); !status.ok()) return status;
  if (auto status = CheckSpace(batches); !status.ok()) return status;

  RocksDbBatch translated(db_.get(), families_, dropped_logs_);
  for (const StoreBatch* batch : batches) {
    for (const StoreOp& op : batch->ops) {
      if (auto status = translated.Add(op); !status.ok()) return status;
    }
  }
  rocksdb::WriteOptions options;
  // Whole files are dropped below, which no power cut takes back: then the drop must be durable.
  options.sync = durability == Durability::kSynced || !translated.dropped_segments().empty();
  const rocksdb::Status written = db_->Write(options, &translated.batch());
  if (!written.ok()) return WriteFailed(written);
  translated.TakeOver(dropped_logs_);
  if (options.sync) {
    const absl::Status noted = witness_->Advance(db_->GetLatestSequenceNumber());
    // Without space for the witness (a copy-on-write file system) it stays behind: weaker, not
    // wrong.
    if (!noted.ok() && !absl::IsResourceExhausted(noted)) return Stop(noted);
  }
  for (PgId pg : translated.dropped_segments()) DeleteFilesOf(pg);
  return absl::OkStatus();
}

absl::Status RocksDbSegmentStore::CheckServing() {
  if (stopped_.ok()) {
    if (absl::Status fatal = background_errors_->fatal(); !fatal.ok()) return Stop(fatal);
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat("the store in ", directory_,
                   " takes no writes since an earlier one failed: ", stopped_.message()));
}

absl::Status RocksDbSegmentStore::CheckSpace(const std::vector<const StoreBatch*>& batches) {
  uint64_t reserve = 0;
  for (const StoreBatch* batch : batches) {
    for (const StoreOp& op : batch->ops) {
      if (std::holds_alternative<PutBoxcar>(op)) reserve = reserve_bytes_;
      if (std::holds_alternative<PutVersion>(op)) reserve = std::max(reserve, reserve_bytes_ / 2);
    }
  }
  const uint64_t free_bytes = reserve == 0 ? 0 : FreeBytes(directory_);
  if (free_bytes < reserve) {
    return absl::ResourceExhaustedError(absl::StrCat(
        directory_, " has ", free_bytes, " bytes free, fewer than the reserve of ", reserve));
  }
  // RocksDB met a full disk: it must flush what it holds, and start a new log, before it goes on.
  no_space_ |= background_errors_->TakeNoSpace();
  if (!no_space_) return absl::OkStatus();
  const rocksdb::Status resumed = db_->Resume();
  if (!resumed.ok()) return WriteFailed(resumed);
  background_errors_->TakeNoSpace();
  no_space_ = false;
  return absl::OkStatus();
}

absl::Status RocksDbSegmentStore::WriteFailed(const rocksdb::Status& error) {
  const std::string message = absl::StrCat("write to ", directory_, ": ", error.ToString());
  if (IsCleanNoSpace(error)) {
    no_space_ = true;
    return absl::ResourceExhaustedError(message);
  }
  return Stop(error.IsCorruption() ? absl::DataLossError(message) : absl::InternalError(message));
}

absl::Status RocksDbSegmentStore::Stop(absl::Status reason) {
  INVARIANT(stopped_.ok() && !reason.ok());
  stopped_ = reason;
  witness_->MarkStopped(std::string(reason.message()));
  return reason;
}

// Gives the space back at once; the range tombstones of the drop hide what shares a file with
// others. A failure only delays that until compaction, so it is not one.
void RocksDbSegmentStore::DeleteFilesOf(PgId pg) {
  const std::string begin = PgPrefix(pg);
  const std::string end = PrefixEnd(begin);
  const rocksdb::Slice first(begin);
  const rocksdb::Slice last(end);
  for (const ColumnFamily family : {kLogFamily, kPagesFamily}) {
    rocksdb::DeleteFilesInRange(db_.get(), families_[family], &first, end.empty() ? nullptr : &last,
                                /*include_end=*/false)
        .PermitUncheckedError();
  }
}

absl::Status RocksDbSegmentStore::Flush() {
  absl::MutexLock lock(&write_mutex_);
  const rocksdb::Status status = db_->Flush(rocksdb::FlushOptions(), families_);
  return status.ok() ? absl::OkStatus() : WriteFailed(status);
}

uint64_t RocksDbSegmentStore::ApproximateBytes() const { return DirectoryBytes(directory_); }

}  // namespace hexad::storage_node
