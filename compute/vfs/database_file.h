// One connection's view of a database file: SQLite's locks as a snapshot, a writer's place and a
// window (docs/sql.md).
//
//          Lock(kShared)            Lock(kReserved)                  Commit
//   none  ---------------> shared ------------------> reserved .. exclusive ----> the same, clean
//     ^    takes a snapshot   ^    takes the writer's    | Unlock(kShared): what was not
//     +-----------------------+    place, or is busy     | committed is forgotten
//          Unlock(kNone)       <-------------------------+
//
// SQLite's other locks exclude readers while pages are overwritten; nothing is ever overwritten
// here, so pending and exclusive are given to whoever has the writer's place.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/vfs/database.h"
#include "compute/vfs/write_window.h"

namespace hexad::compute {

// SQLite's numbers.
enum class FileLock : int { kNone = 0, kShared = 1, kReserved = 2, kPending = 3, kExclusive = 4 };

// Belongs to one connection. Not thread-safe.
class DatabaseFile {
 public:
  enum class LockOutcome : uint8_t { kGranted, kBusy, kStale, kReadOnly };

  explicit DatabaseFile(std::shared_ptr<Database> database);
  ~DatabaseFile() {
    Unlock(FileLock::kNone);
    LeaveWriterPlace();
  }
  DatabaseFile(const DatabaseFile&) = delete;
  DatabaseFile& operator=(const DatabaseFile&) = delete;

  const Database& database() const { return *database_; }
  // What the next transaction reads.
  void set_snapshot_kind(SnapshotKind kind) { kind_ = kind; }

  // Database's, for this connection: before a transaction that will write, and after one that may
  // have waited in vain.
  bool AwaitWriterPlace(std::function<void()> granted) {
    return database_->AwaitWriterPlace(this, std::move(granted));
  }
  void LeaveWriterPlace() { database_->LeaveWriterPlace(this); }
  bool HasWriterPlace() const { return database_->HasWriterPlace(this); }
  bool HoldsOthersUp() const { return database_->HoldsOthersUp(this); }

  absl::StatusOr<LockOutcome> Lock(FileLock lock);
  void Unlock(FileLock lock);
  FileLock lock() const { return lock_; }

  // In bytes: what the database's header says, or further if the transaction has written beyond.
  absl::StatusOr<uint64_t> Size();
  // Bytes beyond the end read as zeros; returns how many lie before it.
  absl::StatusOr<size_t> Read(uint64_t offset, std::span<char> out);
  // REQUIRES: reserved or more.
  absl::Status Write(uint64_t offset, std::string_view bytes);
  absl::Status Truncate(uint64_t size);
  // The window becomes one MTR. What it was is known to the volume when this returns, not durable.
  absl::Status Commit();

  // The highest commit, perhaps not durable yet, that the transactions since this was asked last
  // have made or could see: whoever hands on what they gave waits until it is. None() if there was
  // none: a durable snapshot stays one, whatever happens to the volume later.
  Lsn TakeSeen() {
    return std::exchange(seen_, snapshot_.has_value() ? of_snapshot_ : Lsn::None());
  }
  // Of the last Commit that changed something; None() if none did.
  Lsn committed() const { return committed_; }
  // Why the last call failed, in full: SQLite's result codes have no room for it.
  const absl::Status& trouble() const { return trouble_; }
  void set_trouble(absl::Status trouble) { trouble_ = std::move(trouble); }

 private:
  class Borrowed;
  absl::StatusOr<std::string> PageNow(PageNo page);
  absl::Status Overlay(uint64_t offset, std::string_view bytes);
  absl::StatusOr<uint64_t> SizeInHeader();

  const std::shared_ptr<Database> database_;
  const uint32_t page_size_;
  SnapshotKind kind_ = SnapshotKind::kNewest;
  FileLock lock_ = FileLock::kNone;
  std::optional<Snapshot> snapshot_;  // while there is a lock
  WriteWindow window_;
  std::optional<uint64_t> size_;     // as far as the transaction knows
  std::optional<uint64_t> lineage_;  // of the pages that SQLite may hold
  Lsn of_snapshot_;                  // what of it may not be durable yet
  Lsn seen_;
  Lsn committed_;
  absl::Status trouble_;
};

}  // namespace hexad::compute
