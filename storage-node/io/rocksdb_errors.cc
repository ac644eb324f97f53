#include "storage-node/io/rocksdb_errors.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace hexad::storage_node {
namespace {

constexpr char kStartOver[] =
    "; move the directory away and start with an empty one, peers will fill it";

// RocksDB's posix file system ends a message with strerror(errno) and keeps nothing else of it.
bool Says(const rocksdb::Status& error, int number) {
  return absl::StrContains(error.ToString(), std::strerror(number));
}

bool IsDamage(const rocksdb::Status& error) {
  return error.IsCorruption() || error.IsNotFound() || error.IsPathNotFound() ||
         Says(error, ENOENT) || Says(error, EIO);
}

}  // namespace

bool IsCleanNoSpace(const rocksdb::Status& error) {
  // "While fsync", "While fdatasync", "While sync_file_range", "fsync" of a directory.
  return error.IsNoSpace() && !absl::StrContains(error.ToString(), "sync");
}

absl::Status ReadError(const rocksdb::Status& error, const std::string& what) {
  const std::string message = absl::StrCat(what, ": ", error.ToString());
  return IsDamage(error) ? absl::DataLossError(message) : absl::UnavailableError(message);
}

absl::Status OpenError(const rocksdb::Status& error, const std::string& directory) {
  const std::string message =
      absl::StrCat("cannot open the store in ", directory, ": ", error.ToString());
  if (error.IsNoSpace()) return absl::ResourceExhaustedError(message);
  if (Says(error, EACCES) || Says(error, EPERM) || Says(error, EROFS)) {
    return absl::FailedPreconditionError(
        absl::StrCat(message, "; check owner, permissions and mount"));
  }
  if (error.IsIOError() && absl::StrContains(error.ToString(), "/LOCK:")) {
    return absl::FailedPreconditionError(
        absl::StrCat(message, "; another process uses it, stop that one first"));
  }
  if (error.IsInvalidArgument() || error.IsNotSupported()) {
    return absl::FailedPreconditionError(
        absl::StrCat(message, "; it was not written by this version of Hexad"));
  }
  if (IsDamage(error)) return absl::DataLossError(absl::StrCat(message, kStartOver));
  return absl::UnavailableError(message);
}

void BackgroundErrors::OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                                         rocksdb::Status* error) {
  absl::MutexLock lock(&mutex_);
  if (IsCleanNoSpace(*error)) {
    no_space_ = true;
    return;
  }
  if (!fatal_.ok()) return;
  const std::string message = absl::StrCat("RocksDB background failure ", static_cast<int>(reason),
                                           ": ", error->ToString());
  fatal_ = error->IsCorruption() ? absl::DataLossError(message) : absl::InternalError(message);
}

absl::Status BackgroundErrors::fatal() const {
  absl::MutexLock lock(&mutex_);
  return fatal_;
}

bool BackgroundErrors::no_space() const {
  absl::MutexLock lock(&mutex_);
  return no_space_;
}

}  // namespace hexad::storage_node
