// The changes of a directory's files (inotify), counted: a moment inside what another process does
// there, which no clock tells.
#pragma once

#include <string>

namespace hexad::storage_node {

class DirectoryWatch {
 public:
  // Watches from now on. REQUIRES: the directory exists.
  explicit DirectoryWatch(const std::string& directory);
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  // Until files were made, written, renamed or deleted so many times. False after ten seconds.
  bool AwaitChanges(int count);

 private:
  int fd_ = -1;
};

}  // namespace hexad::storage_node
