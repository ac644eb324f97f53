#include "compute/vfs/sqlite_vfs.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "compute/vfs/sqlite_files.h"

namespace hexad::compute {
namespace {

constexpr int kMaxName = 512;

// Everything that is no database of ours is the system's VFS's to do.
struct Registered {
  std::string name;
  DatabaseDirectory* directory = nullptr;
  sqlite3_vfs* system = nullptr;
  sqlite3_vfs vfs = {};
};

const Registered& In(sqlite3_vfs* vfs) { return *static_cast<Registered*>(vfs->pAppData); }
sqlite3_vfs* SystemOf(sqlite3_vfs* vfs) { return In(vfs).system; }

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  if ((flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) != 0) {
    InitJournal(file);
  } else if ((flags & SQLITE_OPEN_MAIN_DB) != 0 && name != nullptr) {
    auto database = In(vfs).directory->Find(name);
    if (!database.ok()) {
      sqlite3_log(SQLITE_CANTOPEN, "%s", std::string(database.status().message()).c_str());
      return SQLITE_CANTOPEN;
    }
    if ((*database)->read_only()) {
      flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    }
    InitDatabase(file, *std::move(database));
  } else {
    return SystemOf(vfs)->xOpen(SystemOf(vfs), name, file, flags, out_flags);
  }
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

// Journals are closed when they go, and no other connection ever sees one.
int Delete(sqlite3_vfs*, const char*, int) { return SQLITE_OK; }
int Access(sqlite3_vfs* vfs, const char* name, int flags, int* result) {
  // Asked of a folder for temporary files, which are the system's.
  if (flags == SQLITE_ACCESS_READWRITE) {
    return SystemOf(vfs)->xAccess(SystemOf(vfs), name, flags, result);
  }
  *result = 0;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* name, int size, char* out) {
  if (std::strlen(name) >= static_cast<size_t>(size)) return SQLITE_CANTOPEN;
  std::strcpy(out, name);
  return SQLITE_OK;
}

// Extensions are the system's files. SQLite calls these without asking whether they are there.
void* DlOpen(sqlite3_vfs* vfs, const char* file) {
  return SystemOf(vfs)->xDlOpen(SystemOf(vfs), file);
}
void DlError(sqlite3_vfs* vfs, int size, char* out) {
  SystemOf(vfs)->xDlError(SystemOf(vfs), size, out);
}
using DlSymbol = void (*)();
DlSymbol DlSym(sqlite3_vfs* vfs, void* library, const char* symbol) {
  return SystemOf(vfs)->xDlSym(SystemOf(vfs), library, symbol);
}
void DlClose(sqlite3_vfs* vfs, void* library) { SystemOf(vfs)->xDlClose(SystemOf(vfs), library); }

int Randomness(sqlite3_vfs* vfs, int count, char* out) {
  return SystemOf(vfs)->xRandomness(SystemOf(vfs), count, out);
}
int Sleep(sqlite3_vfs* vfs, int micros) { return SystemOf(vfs)->xSleep(SystemOf(vfs), micros); }
int CurrentTime(sqlite3_vfs* vfs, double* now) {
  return SystemOf(vfs)->xCurrentTime(SystemOf(vfs), now);
}
int CurrentTimeInt64(sqlite3_vfs* vfs, sqlite3_int64* now) {
  return SystemOf(vfs)->xCurrentTimeInt64(SystemOf(vfs), now);
}
int GetLastError(sqlite3_vfs* vfs, int size, char* out) {
  return SystemOf(vfs)->xGetLastError(SystemOf(vfs), size, out);
}

}  // namespace

absl::Status RegisterVfs(const char* name, DatabaseDirectory& directory) {
  if (sqlite3_vfs_find(name) != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat("a VFS named ", name, " is registered already"));
  }
  // Never freed: connections may outlive whoever registered it.
  auto* registered = new Registered{name, &directory, sqlite3_vfs_find(nullptr)};
  sqlite3_vfs& vfs = registered->vfs;
  vfs.iVersion = 2;
  vfs.szOsFile = std::max({static_cast<int>(sizeof(OpenDatabase)),
                           static_cast<int>(sizeof(OpenJournal)), registered->system->szOsFile});
  vfs.mxPathname = kMaxName;
  vfs.zName = registered->name.c_str();
  vfs.pAppData = registered;
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  vfs.xAccess = Access;
  vfs.xFullPathname = FullPathname;
  vfs.xDlOpen = DlOpen;
  vfs.xDlError = DlError;
  vfs.xDlSym = DlSym;
  vfs.xDlClose = DlClose;
  vfs.xRandomness = Randomness;
  vfs.xSleep = Sleep;
  vfs.xCurrentTime = CurrentTime;
  vfs.xCurrentTimeInt64 = CurrentTimeInt64;
  vfs.xGetLastError = GetLastError;
  const int done = sqlite3_vfs_register(&vfs, /*makeDflt=*/0);
  if (done != SQLITE_OK) return absl::InternalError(sqlite3_errstr(done));
  return absl::OkStatus();
}

DatabaseFile* FileOf(sqlite3* connection) {
  sqlite3_file* file = nullptr;
  const int found = sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  return found == SQLITE_OK ? DatabaseFileIn(file) : nullptr;
}

}  // namespace hexad::compute
