// What a store's directory holds, before anything in it is opened or changed.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace hexad::storage_node {

enum class DirectoryState {
  kFresh,  // empty, or made just now, or left by a first opening that did not get far
  kStore,  // a store
};

// Makes the directory if it does not exist. FAILED_PRECONDITION: it is something else, or cannot be
// used, and is left as it is. DATA_LOSS: a store that lost its CURRENT file.
absl::StatusOr<DirectoryState> InspectDirectory(const std::string& directory);

// The logs (WAL) of RocksDB in it. A store that was opened once always has one.
struct LogFiles {
  int files = 0;
  uint64_t bytes = 0;
};
LogFiles LogBytes(const std::string& directory);

// Bytes of the files in it; 0 if it cannot be read.
uint64_t DirectoryBytes(const std::string& directory);

}  // namespace hexad::storage_node
