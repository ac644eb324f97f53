#include "storage-node/io/store_directory.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage-node/io/store_witness.h"

namespace hexad::storage_node {
namespace {

namespace fs = std::filesystem;

absl::Status Unusable(const std::string& directory, const std::string& why) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot use ", directory, " as a store: ", why));
}

struct Contents {
  bool witness = false;
  bool current = false;
  bool table = false;
  bool log = false;
  std::string foreign;  // the first name that does not belong to a store
};

// "lost+found" is what a fresh file system holds.
Contents List(const std::string& directory, std::error_code& error) {
  Contents contents;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name == StoreWitness::kFileName) {
      contents.witness = true;
    } else if (name == "CURRENT") {
      contents.current = true;
    } else if (absl::EndsWith(name, ".sst")) {
      contents.table = true;
    } else if (absl::EndsWith(name, ".log")) {
      contents.log = true;
    }
    if (name != "lost+found" && contents.foreign.empty()) contents.foreign = name;
  }
  return contents;
}

// Calls visit(entry, bytes) for each file. Files come and go meanwhile: those are left out.
template <class Visit>
void ForEachFile(const std::string& directory, const Visit& visit) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    const uint64_t bytes = it->file_size(gone);
    if (!gone) visit(*it, bytes);
  }
}

}  // namespace

absl::StatusOr<DirectoryState> InspectDirectory(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error == std::errc::no_space_on_device) {
    return absl::ResourceExhaustedError(absl::StrCat("no space to make ", directory));
  }
  if (error) return Unusable(directory, error.message());
  if (access(directory.c_str(), R_OK | W_OK | X_OK) != 0) {
    return Unusable(directory, absl::StrCat(std::generic_category().message(errno),
                                            "; check owner, permissions and mount"));
  }
  const Contents contents = List(directory, error);
  if (error) return Unusable(directory, error.message());
  if (!contents.witness) {
    if (contents.foreign.empty()) return DirectoryState::kFresh;
    return Unusable(directory,
                    absl::StrCat("it holds something else (", contents.foreign, ", and no file ",
                                 StoreWitness::kFileName, "); name an empty directory"));
  }
  if (contents.current) return DirectoryState::kStore;
  if (!contents.table && !contents.log) return DirectoryState::kFresh;
  return absl::DataLossError(absl::StrCat(
      directory,
      " holds a store without its CURRENT file; move the directory away and start with an "
      "empty one, peers will fill it"));
}

LogFiles LogBytes(const std::string& directory) {
  LogFiles logs;
  ForEachFile(directory, [&](const fs::directory_entry& entry, uint64_t bytes) {
    if (entry.path().extension() != ".log") return;
    ++logs.files;
    logs.bytes += bytes;
  });
  return logs;
}

uint64_t DirectoryBytes(const std::string& directory) {
  uint64_t sum = 0;
  ForEachFile(directory, [&](const fs::directory_entry&, uint64_t bytes) { sum += bytes; });
  return sum;
}

}  // namespace hexad::storage_node
