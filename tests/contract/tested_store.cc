#include "tests/contract/tested_store.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "quorum/base/check.h"

namespace hexad::storage_node {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory() {
  // Memory where there is some: nothing here cuts the power, and each opening costs dozens of
  // fsyncs.
  const fs::path base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fs::temp_directory_path();
  path_ = (base / "hexad-store-XXXXXX").string();
  INVARIANT(mkdtemp(path_.data()) != nullptr);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void FlipBit(const fs::path& file, int64_t offset) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  INVARIANT(stream.good());
  const int64_t at = offset >= 0 ? offset : static_cast<int64_t>(fs::file_size(file)) + offset;
  stream.seekg(at);
  const char byte = static_cast<char>(stream.get() ^ 0x20);
  stream.seekp(at);
  stream.put(byte);
  INVARIANT(stream.good());
}

std::vector<fs::path> FilesEnding(const std::string& directory, const std::string& suffix) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().ends_with(suffix)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace hexad::storage_node
