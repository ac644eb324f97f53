// Opening and writing. Reading is in rocksdb_segment_reads.cc.
#include "storage-node/io/rocksdb_segment_store.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "rocksdb/convenience.h"
#include "rocksdb/file_system.h"
#include "storage-node/io/store_directory.h"
#include "storage-node/io/store_format.h"

namespace hexad::storage_node {
namespace {

constexpr uint64_t kRecoveryBytes = 4 << 20;  // a new log, MANIFEST and OPTIONS beside the tables

// A look at the free space costs every write two system calls. Far from the reserve an older one
// will do: no disk takes so much in so short a time.
constexpr std::chrono::milliseconds kLookEvery{20};
constexpr uint64_t kPlenty = 4;  // times the reserve

template <class Op>
bool Holds(const std::vector<const StoreBatch*>& batches) {
  for (const StoreBatch* batch : batches) {
    for (const StoreOp& op : batch->ops) {
      if (std::holds_alternative<Op>(op)) return true;
    }
  }
  return false;
}

// How much space must be free for this write to be taken: see StoreOptions::reserve_bytes.
uint64_t ReserveFor(const std::vector<const StoreBatch*>& batches, uint64_t reserve_bytes) {
  if (Holds<PutBoxcar>(batches)) return reserve_bytes;
  return Holds<PutVersion>(batches) ? reserve_bytes / 2 : 0;
}

bool Grows(const std::vector<const StoreBatch*>& batches) {
  return Holds<PutBoxcar>(batches) || Holds<PutVersion>(batches);
}

// Not less than the batches take up as one write batch.
size_t EncodedBytes(const std::vector<const StoreBatch*>& batches) {
  constexpr size_t kAroundEach = 64;  // key, lengths, checksum
  size_t bytes = kAroundEach;
  for (const StoreBatch* batch : batches) {
    for (const StoreOp& op : batch->ops) {
      bytes += kAroundEach;
      if (const auto* put = std::get_if<PutBoxcar>(&op)) bytes += put->bytes.size();
      if (const auto* put = std::get_if<PutVersion>(&op)) bytes += put->bytes.size();
    }
  }
  return bytes;
}

// The largest number if it cannot be told.
uint64_t FreeBytes(const StoreOptions& options, const std::string& directory) {
  uint64_t bytes = std::numeric_limits<uint64_t>::max();
  const auto& files =
      options.file_system != nullptr ? options.file_system : rocksdb::FileSystem::Default();
  files->GetFreeSpace(directory, rocksdb::IOOptions(), &bytes, nullptr).PermitUncheckedError();
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RocksDbSegmentStore>> RocksDbSegmentStore::Open(
    const std::string& directory, const StoreOptions& options) {
  const auto state = InspectDirectory(directory);
  if (!state.ok()) return state.status();
  std::unique_ptr<RocksDbSegmentStore> store(new RocksDbSegmentStore(directory, options));
  auto witness = StoreWitness::Open(directory, *state == DirectoryState::kFresh);
  if (!witness.ok()) return witness.status();
  store->witness_ = *std::move(witness);
  absl::MutexLock lock(&store->write_mutex_);
  if (auto status = store->OpenDatabase(); !status.ok()) return status;
  return store;
}

// Closes the database, if it is open, and recovers it. Nothing that was written is lost by that.
absl::Status RocksDbSegmentStore::OpenDatabase() {
  absl::MutexLock lock(&database_mutex_);
  database_.reset();
  auto opened = RocksDbDatabase::Open(directory_, options_, *witness_);
  if (!opened.ok()) return opened.status();
  database_ = *std::move(opened);
  return absl::OkStatus();
}

absl::Status RocksDbSegmentStore::Write(const std::vector<const StoreBatch*>& batches,
                                        Durability durability) {
  absl::MutexLock lock(&write_mutex_);
  if (auto status = CheckServing(); !status.ok()) return status;
  if (auto status = CheckSpace(batches); !status.ok()) return status;
  absl::ReaderMutexLock use(&database_mutex_);
  INVARIANT(database_ != nullptr);
  const std::vector<DropLog> reclaimed = TakeReclaimable(batches);
  RocksDbBatch translated(*database_, dropped_logs_, EncodedBytes(batches));
  for (const StoreBatch* batch : batches) {
    for (const StoreOp& op : batch->ops) translated.Add(op);
  }
  // Where whole files are deleted, which no power cut takes back, the drop must be durable, and all
  // that was written before it.
  const bool sync = durability == Durability::kSynced || !translated.dropped_prefixes().empty() ||
                    !reclaimed.empty();
  if (auto status = WriteToDatabase(translated, sync); !status.ok()) return status;
  for (const std::string& prefix : translated.dropped_prefixes()) DeleteFilesOf(prefix);
  for (const DropLog& drop : reclaimed) {
    DeleteFiles(kLogFamily, LogKey(drop.pg, drop.timeline, Lsn::None()),
                LogKey(drop.pg, drop.timeline, drop.below));
  }
  return absl::OkStatus();
}

// A range tombstone alone leaves what it hides in the lowest level until more log than that has
// come down on it. The drops for which files will be deleted instead: each starts at zero again,
// because the tombstones of earlier drops lie in those files, and a file that is only in part below
// the drop stays and must stay hidden.
std::vector<DropLog> RocksDbSegmentStore::TakeReclaimable(
    const std::vector<const StoreBatch*>& batches) {
  std::vector<DropLog> reclaimable;
  for (const StoreBatch* batch : batches) {
    for (const StoreOp& op : batch->ops) {
      const auto* drop = std::get_if<DropLog>(&op);
      if (drop == nullptr || drop->below.IsNone()) continue;
      const std::string begin = LogKey(drop->pg, drop->timeline, Lsn::None());
      const std::string end = LogKey(drop->pg, drop->timeline, drop->below);
      const rocksdb::Range range(begin, end);
      uint64_t bytes = 0;
      const rocksdb::Status known = database_->db().GetApproximateSizes(
          rocksdb::SizeApproximationOptions(), database_->family(kLogFamily), &range, 1, &bytes);
      if (!known.ok() || bytes < options_.reclaim_bytes) continue;
      dropped_logs_.erase({drop->pg, drop->timeline});
      reclaimable.push_back(*drop);
    }
  }
  return reclaimable;
}

absl::Status RocksDbSegmentStore::WriteToDatabase(RocksDbBatch& batch, bool sync) {
  rocksdb::WriteOptions options;
  options.sync = sync;
  options.no_slowdown = space_ != Space::kThere;  // it might wait for ever for a flush
  const rocksdb::Status written = database_->db().Write(options, &batch.batch());
  if (!written.ok()) return WriteFailed(written);
  batch.TakeOver(dropped_logs_);
  if (!sync) return absl::OkStatus();
  const absl::Status noted = witness_->Advance(database_->db().GetLatestSequenceNumber());
  // Without space for the witness (a copy-on-write file system) it stays behind: weaker, not wrong.
  return noted.ok() || absl::IsResourceExhausted(noted) ? absl::OkStatus() : Stop(noted);
}

absl::Status RocksDbSegmentStore::CheckServing() {
  if (!stopped_.ok()) {
    return absl::InternalError(absl::StrCat(
        "the store in ", directory_,
        " takes no writes since an earlier one failed: ", std::string(stopped_.message())));
  }
  absl::ReaderMutexLock use(&database_mutex_);
  if (database_ == nullptr) return absl::OkStatus();  // CheckSpace opens it
  if (space_ == Space::kThere && database_->background_errors().no_space()) {
    space_ = Space::kShortInBackground;
  }
  const absl::Status fatal = database_->background_errors().fatal();
  return fatal.ok() ? fatal : Stop(fatal);
}

bool RocksDbSegmentStore::SawPlentyLately() const {
  return space_ == Space::kThere && free_bytes_ / kPlenty >= options_.reserve_bytes &&
         std::chrono::steady_clock::now() - looked_at_ < kLookEvery;
}

absl::Status RocksDbSegmentStore::CheckSpace(const std::vector<const StoreBatch*>& batches) {
  if (SawPlentyLately()) return absl::OkStatus();
  const uint64_t free_bytes = free_bytes_ = FreeBytes(options_, directory_);
  looked_at_ = std::chrono::steady_clock::now();
  const uint64_t reserve = ReserveFor(batches, options_.reserve_bytes);
  if (free_bytes < reserve) {
    return absl::ResourceExhaustedError(
        absl::StrCat(directory_, " has ", free_bytes, " bytes free, the reserve is ", reserve));
  }
  if (space_ == Space::kThere) return absl::OkStatus();
  // Recovery writes what the logs hold into tables.
  const uint64_t recovery = LogBytes(directory_).bytes + kRecoveryBytes;
  if (free_bytes < recovery) {
    if (!Grows(batches) && space_ == Space::kShortInBackground) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat(directory_, " has ", free_bytes,
                                                     " bytes free, and needs ", recovery,
                                                     " to recover from "
                                                     "a full disk"));
  }
  const absl::Status opened = OpenDatabase();
  if (absl::IsDataLoss(opened)) return Stop(opened);
  // No space, descriptors, memory or permission to recover with: nothing was lost and nothing of
  // this write was stored. The next write tries again, and so does the next start.
  if (!opened.ok()) return absl::ResourceExhaustedError(opened.message());
  space_ = Space::kThere;
  return absl::OkStatus();
}

absl::Status RocksDbSegmentStore::WriteFailed(const rocksdb::Status& error) {
  const std::string message = absl::StrCat("write to ", directory_, ": ", error.ToString());
  if (error.IsIncomplete())
    return absl::ResourceExhaustedError(message);  // it would have had to wait
  if (IsCleanNoSpace(error)) {
    space_ = Space::kShortInLog;
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

absl::Status RocksDbSegmentStore::Closed() const {
  return absl::UnavailableError(
      absl::StrCat("the store in ", directory_, " waits for free space to recover its database"));
}

void RocksDbSegmentStore::DeleteFilesOf(const std::string& begin) {
  for (const ColumnFamily family : {kLogFamily, kPagesFamily}) {
    DeleteFiles(family, begin, PrefixEnd(begin));
  }
}

// Gives space back at once: files that lie wholly in [begin, end), to the end of all keys if `end`
// is empty. The range tombstone of the drop hides what shares a file with others; it was written
// just now, so it is in none of these files. A failure only delays that until compaction, so it is
// not one.
void RocksDbSegmentStore::DeleteFiles(ColumnFamily family, const std::string& begin,
                                      const std::string& end) {
  const rocksdb::Slice first(begin);
  const rocksdb::Slice last(end);
  rocksdb::DeleteFilesInRange(&database_->db(), database_->family(family), &first,
                              end.empty() ? nullptr : &last,
                              /*include_end=*/false)
      .PermitUncheckedError();
}

absl::Status RocksDbSegmentStore::Flush() {
  absl::MutexLock lock(&write_mutex_);
  if (auto status = CheckServing(); !status.ok()) return status;
  absl::ReaderMutexLock use(&database_mutex_);
  if (database_ == nullptr) return Closed();
  const rocksdb::Status status =
      database_->db().Flush(rocksdb::FlushOptions(), database_->families());
  return status.ok() ? absl::OkStatus() : WriteFailed(status);
}

absl::Status RocksDbSegmentStore::Compact() {
  if (auto status = Flush(); !status.ok()) return status;
  absl::ReaderMutexLock use(&database_mutex_);
  if (database_ == nullptr) return Closed();
  for (rocksdb::ColumnFamilyHandle* family : database_->families()) {
    const rocksdb::Status compacted =
        database_->db().CompactRange(rocksdb::CompactRangeOptions(), family, nullptr, nullptr);
    if (!compacted.ok()) return absl::InternalError(compacted.ToString());
  }
  return absl::OkStatus();
}

uint64_t RocksDbSegmentStore::ApproximateBytes() const { return DirectoryBytes(directory_); }

uint64_t RocksDbSegmentStore::ApproximateBytes(PgId pg, TimelineId timeline) const {
  absl::ReaderMutexLock use(&database_mutex_);
  if (database_ == nullptr) return 0;
  const std::string begin = TimelinePrefix(pg, timeline);
  // The prefix's end is empty for the last timeline of the last PG alone: nothing follows it.
  std::string end = PrefixEnd(begin);
  if (end.empty()) end = std::string(kVersionKeyBytes, '\xff');
  const rocksdb::Range range(begin, end);
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  uint64_t bytes = 0;
  for (const ColumnFamily family : {kLogFamily, kPagesFamily}) {
    uint64_t size = 0;
    if (database_->db()
            .GetApproximateSizes(options, database_->family(family), &range, 1, &size)
            .ok()) {
      bytes += size;
    }
  }
  return bytes;
}

}  // namespace hexad::storage_node
