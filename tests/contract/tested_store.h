// A RocksDbSegmentStore in a temporary directory, for the tests of this folder.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "storage-node/io/rocksdb_segment_store.h"

namespace hexad::storage_node {

// A directory of its own, deleted with everything in it at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Small memtables, so that a test of some MiB reaches tables, compactions and files that go with
// dropped log, and no reserve of space.
inline StoreOptions SmallStore() {
  return StoreOptions{.memory_bytes = 2 << 20, .reserve_bytes = 0, .reclaim_bytes = 16 << 10};
}

// Flips one bit of the file at `offset`; negative offsets count from its end.
void FlipBit(const std::filesystem::path& file, int64_t offset);

// The files of a directory whose names end in `suffix`, by name.
std::vector<std::filesystem::path> FilesEnding(const std::string& directory,
                                               const std::string& suffix);

}  // namespace hexad::storage_node
