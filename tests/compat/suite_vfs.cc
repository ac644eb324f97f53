// For SQLite's own programs: "hexad-suite" is a VFS whose databases are volumes in memory. Those
// programs handle a database as a file: they delete, copy, cut and overwrite it, and look how long
// it is. So each volume has a file that mirrors it (mirrored_volume.h), and a database's name is a
// path.
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <mutex>

#include "compute/vfs/sqlite_vfs.h"
#include "tests/compat/mirrored_volume.h"

namespace hexad::compat {
namespace {

constexpr char kName[] = "hexad-suite";

class MirroredVolumes : public compute::DatabaseDirectory {
 public:
  absl::StatusOr<std::shared_ptr<compute::Database>> Find(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    Found& found = by_path_[path];
    if (found.volume == nullptr || !found.volume->IsAt(path)) {
      auto volume = MirroredVolume::Open(path);
      if (!volume.ok()) return volume.status();
      found = {*volume, std::make_shared<compute::Database>(*volume)};
    }
    return found.database;
  }

 private:
  struct Found {
    std::shared_ptr<MirroredVolume> volume;
    std::shared_ptr<compute::Database> database;
  };
  std::mutex mutex_;
  std::map<std::string, Found> by_path_;
};

// A path's own rules, which volumes do not have: links are followed, and who does not say that a
// file may be made does not make one, and what may not be written is read only.
struct Paths {
  sqlite3_vfs* system = nullptr;
  int (*open_volume)(sqlite3_vfs*, const char*, sqlite3_file*, int, int*) = nullptr;
};
Paths paths;

int FullPathname(sqlite3_vfs*, const char* name, int size, char* out) {
  return paths.system->xFullPathname(paths.system, name, size, out);
}
int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const bool main = (flags & SQLITE_OPEN_MAIN_DB) != 0 && name != nullptr;
  const bool there = main && access(name, F_OK) == 0;
  if (main && (there ? access(name, R_OK) != 0 : (flags & SQLITE_OPEN_CREATE) == 0)) {
    file->pMethods = nullptr;
    return SQLITE_CANTOPEN;
  }
  if (there && access(name, W_OK) != 0) {
    flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
  }
  return paths.open_volume(vfs, name, file, flags, out_flags);
}

int Register() {
  static MirroredVolumes volumes;
  paths.system = sqlite3_vfs_find(nullptr);
  if (!compute::RegisterVfs(kName, volumes).ok()) return SQLITE_ERROR;
  sqlite3_vfs* vfs = sqlite3_vfs_find(kName);
  paths.open_volume = vfs->xOpen;
  vfs->xOpen = Open;
  vfs->xFullPathname = FullPathname;
  return SQLITE_OK;
}

}  // namespace
}  // namespace hexad::compat

// SQLITE_EXTRA_INIT of a program that has SQLite in it. SQLite's own VFS becomes the default again
// with each sqlite3_initialize, so this is called each time too. HEXAD_SUITE_PLAIN leaves it so.
extern "C" int hexad_suite_init(const char*) {
  if (sqlite3_vfs_find(hexad::compat::kName) == nullptr) {
    if (const int done = hexad::compat::Register(); done != SQLITE_OK) return done;
  }
  if (std::getenv("HEXAD_SUITE_PLAIN") != nullptr) return SQLITE_OK;
  return sqlite3_vfs_register(sqlite3_vfs_find(hexad::compat::kName), /*makeDflt=*/1);
}
