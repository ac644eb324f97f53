// io_methods of a rollback journal: bytes in memory, gone when it is closed.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "compute/vfs/sqlite_files.h"

namespace hexad::compute {
namespace {

std::string& In(sqlite3_file* file) { return *reinterpret_cast<OpenJournal*>(file)->bytes; }

int Close(sqlite3_file* file) {
  delete std::exchange(reinterpret_cast<OpenJournal*>(file)->bytes, nullptr);
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* out, int count, sqlite3_int64 offset) {
  const std::string& bytes = In(file);
  const auto wanted = static_cast<size_t>(count);
  const size_t from = std::min(static_cast<size_t>(offset), bytes.size());
  const size_t there = std::min(wanted, bytes.size() - from);
  std::memcpy(out, bytes.data() + from, there);
  std::memset(static_cast<char*>(out) + there, 0, wanted - there);
  return there == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file* file, const void* from, int count, sqlite3_int64 offset) {
  std::string& bytes = In(file);
  const size_t end = static_cast<size_t>(offset) + static_cast<size_t>(count);
  if (bytes.size() < end) bytes.resize(end);
  std::memcpy(bytes.data() + offset, from, static_cast<size_t>(count));
  return SQLITE_OK;
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  In(file).resize(static_cast<size_t>(size));
  return SQLITE_OK;
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(In(file).size());
  return SQLITE_OK;
}

int Sync(sqlite3_file*, int) { return SQLITE_OK; }
int Lock(sqlite3_file*, int) { return SQLITE_OK; }
int CheckReservedLock(sqlite3_file*, int* taken) {
  *taken = 0;
  return SQLITE_OK;
}
int FileControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorSize(sqlite3_file*) { return 0; }
int DeviceCharacteristics(sqlite3_file*) { return 0; }

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Lock,
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

void InitJournal(sqlite3_file* where) {
  auto* open = reinterpret_cast<OpenJournal*>(where);
  open->base.pMethods = &kMethods;
  open->bytes = new std::string;
}

}  // namespace hexad::compute
