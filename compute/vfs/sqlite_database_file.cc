// io_methods of a database: each call as DatabaseFile has it, each error as SQLite knows it.
#include <string_view>
#include <utility>

#include "compute/core/user_error.h"
#include "compute/vfs/sqlite_files.h"

namespace hexad::compute {
namespace {

constexpr int kSectorBytes = 4096;

DatabaseFile& In(sqlite3_file* file) { return *reinterpret_cast<OpenDatabase*>(file)->file; }

int Report(sqlite3_file* file, const absl::Status& status, int code) {
  if (status.ok()) return SQLITE_OK;
  In(file).set_trouble(status);
  return code;
}

int Close(sqlite3_file* file) {
  delete std::exchange(reinterpret_cast<OpenDatabase*>(file)->file, nullptr);
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* out, int count, sqlite3_int64 offset) {
  const auto wanted = static_cast<size_t>(count);
  const auto read = In(file).Read(static_cast<uint64_t>(offset), {static_cast<char*>(out), wanted});
  if (!read.ok()) return Report(file, read.status(), SQLITE_IOERR_READ);
  return *read == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
  const absl::Status written = In(file).Write(
      static_cast<uint64_t>(offset), {static_cast<const char*>(bytes), static_cast<size_t>(count)});
  return Report(file, written,
                absl::IsResourceExhausted(written) ? SQLITE_FULL : SQLITE_IOERR_WRITE);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return Report(file, In(file).Truncate(static_cast<uint64_t>(size)), SQLITE_IOERR_TRUNCATE);
}

// Nothing is written before COMMIT_PHASETWO, and nobody waits for the storage nodes here.
int Sync(sqlite3_file*, int) { return SQLITE_OK; }

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  const auto bytes = In(file).Size();
  if (!bytes.ok()) return Report(file, bytes.status(), SQLITE_IOERR_FSTAT);
  *size = static_cast<sqlite3_int64>(*bytes);
  return SQLITE_OK;
}

int Lock(sqlite3_file* file, int lock) {
  const auto outcome = In(file).Lock(static_cast<FileLock>(lock));
  if (!outcome.ok()) return Report(file, outcome.status(), SQLITE_IOERR_LOCK);
  switch (*outcome) {
    case DatabaseFile::LockOutcome::kGranted:
      return SQLITE_OK;
    case DatabaseFile::LockOutcome::kBusy:
      return SQLITE_BUSY;
    case DatabaseFile::LockOutcome::kStale:
      return SQLITE_BUSY_SNAPSHOT;
    case DatabaseFile::LockOutcome::kReadOnly:
      return SQLITE_READONLY;
  }
  return SQLITE_IOERR_LOCK;
}

int Unlock(sqlite3_file* file, int lock) {
  In(file).Unlock(static_cast<FileLock>(lock));
  return SQLITE_OK;
}

int CheckReservedLock(sqlite3_file* file, int* taken) {
  *taken = In(file).database().WriterPlaceTaken() ? 1 : 0;
  return SQLITE_OK;
}

int FileControl(sqlite3_file* file, int what, void* argument) {
  switch (what) {
    case SQLITE_FCNTL_COMMIT_PHASETWO:
      return Report(file, In(file).Commit(), SQLITE_IOERR);
    case SQLITE_FCNTL_VFSNAME:
      *static_cast<char**>(argument) = sqlite3_mprintf("hexad");
      return SQLITE_OK;
    case SQLITE_FCNTL_LOCKSTATE:
      *static_cast<int*>(argument) = static_cast<int>(In(file).lock());
      return SQLITE_OK;
    case SQLITE_FCNTL_HAS_MOVED:
      *static_cast<int*>(argument) = 0;
      return SQLITE_OK;
    default:
      return SQLITE_NOTFOUND;
  }
}

int SectorSize(sqlite3_file*) { return kSectorBytes; }

// A commit is one MTR: neither torn nor out of order.
int DeviceCharacteristics(sqlite3_file*) {
  return SQLITE_IOCAP_SAFE_APPEND | SQLITE_IOCAP_SEQUENTIAL | SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

}  // namespace

void InitDatabase(sqlite3_file* where, std::shared_ptr<Database> database) {
  auto* open = reinterpret_cast<OpenDatabase*>(where);
  open->base.pMethods = &kMethods;
  open->file = new DatabaseFile(std::move(database));
}

DatabaseFile* DatabaseFileIn(sqlite3_file* file) {
  if (file == nullptr || file->pMethods != &kMethods) return nullptr;
  return reinterpret_cast<OpenDatabase*>(file)->file;
}

}  // namespace hexad::compute
