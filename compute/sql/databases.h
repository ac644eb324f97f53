// The databases of a process, by name: one for each open volume, and one for each position of one
// that somebody reads at.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "compute/sql/server.h"
#include "compute/vfs/sqlite_vfs.h"

namespace hexad::compute::sql {

// Thread-safe.
class Databases : public DatabaseDirectory {
 public:
  explicit Databases(FindVolume find) : find_(std::move(find)) {}

  // "main" or "main@LSN". INVALID_ARGUMENT, OUT_OF_RANGE: no such position.
  absl::StatusOr<std::shared_ptr<Database>> Find(const std::string& name) override;

 private:
  const FindVolume find_;
  std::mutex mutex_;
  // Of the volume as it is open now: one that was closed and opened again is another.
  std::map<std::string, std::weak_ptr<Database>> by_name_;
};

}  // namespace hexad::compute::sql
