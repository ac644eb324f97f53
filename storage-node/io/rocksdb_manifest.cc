#include "storage-node/io/rocksdb_manifest.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace hexad::storage_node {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "MANIFEST-";

std::optional<ManifestSize> SizeOf(const fs::path& file) {
  const std::string name = file.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  ManifestSize size;
  if (!absl::SimpleAtoi(name.substr(sizeof kPrefix - 1), &size.number)) return std::nullopt;
  std::error_code error;
  size.bytes = fs::file_size(file, error);
  if (error) return std::nullopt;
  return size;
}

}  // namespace

absl::StatusOr<ManifestSize> CurrentManifest(const std::string& directory) {
  const std::string path = directory + "/CURRENT";
  if (access(path.c_str(), R_OK) != 0 && errno != ENOENT) {
    return absl::FailedPreconditionError(absl::StrCat("cannot read ", path, ": ",
                                                      std::generic_category().message(errno),
                                                      "; check owner, permissions and mount"));
  }
  std::ifstream current(path);
  std::string name;
  std::getline(current, name);
  if (const auto size = SizeOf(fs::path(directory) / name); size && current.good()) return *size;
  return absl::DataLossError(absl::StrCat(path, " names no MANIFEST that is there ('", name, "')"));
}

void ManifestListener::OnFileSyncFinish(const rocksdb::FileOperationInfo& info) {
  if (!info.status.ok()) return;
  if (const auto size = SizeOf(info.path)) on_synced_(*size);
}

}  // namespace hexad::storage_node
