// For SQLite's own programs: "hexad-suite" is a VFS whose databases are volumes in memory. Those
// programs delete a database by deleting its file, so each volume has an empty file as its mark:
// where there is no mark, there is no database yet.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

#include "compute/vfs/sqlite_vfs.h"
#include "tests/unit/memory_volume.h"

namespace hexad::compat {
namespace {

constexpr char kName[] = "hexad-suite";

class MarkedVolumes : public compute::DatabaseDirectory {
 public:
  absl::StatusOr<std::shared_ptr<compute::Database>> Find(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    const std::filesystem::path mark = std::filesystem::absolute(name).lexically_normal();
    if (std::filesystem::is_directory(mark)) return absl::InvalidArgumentError("a directory");
    std::shared_ptr<compute::Database>& database = databases_[mark];
    if (database == nullptr || !std::filesystem::exists(mark)) {
      if (!std::ofstream(mark).good()) return absl::PermissionDeniedError(mark.string());
      database = std::make_shared<compute::Database>(std::make_shared<unit::MemoryVolume>());
    }
    return database;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<compute::Database>> databases_;
};

}  // namespace
}  // namespace hexad::compat

// SQLITE_EXTRA_INIT of a program that has SQLite in it. SQLite's own VFS becomes the default again
// with each sqlite3_initialize, so this is called each time too. HEXAD_SUITE_PLAIN leaves it so.
extern "C" int hexad_suite_init(const char*) {
  static hexad::compat::MarkedVolumes volumes;
  if (sqlite3_vfs_find(hexad::compat::kName) == nullptr &&
      !hexad::compute::RegisterVfs(hexad::compat::kName, volumes).ok()) {
    return SQLITE_ERROR;
  }
  if (std::getenv("HEXAD_SUITE_PLAIN") != nullptr) return SQLITE_OK;
  return sqlite3_vfs_register(sqlite3_vfs_find(hexad::compat::kName), /*makeDflt=*/1);
}
