#include "storage-node/io/store_witness.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "quorum/base/bytes.h"
#include "quorum/base/check.h"
#include "quorum/base/checksum.h"

namespace hexad::storage_node {
namespace {

constexpr std::string_view kMagic = "HXSTORE1";
constexpr uint32_t kVersion = 1;
constexpr uint32_t kServing = 0;
constexpr uint32_t kStopped = 1;

// Offsets of the fields.
constexpr size_t kVersionAt = 8;
constexpr size_t kStateAt = 12;
constexpr size_t kSequenceAt = 16;
constexpr size_t kManifestNumberAt = 24;
constexpr size_t kManifestBytesAt = 32;
constexpr size_t kPidAt = 40;
constexpr size_t kReasonLengthAt = 48;
constexpr size_t kReasonAt = 52;
constexpr size_t kChecksumAt = StoreWitness::kBytes - 8;
constexpr size_t kMaxReasonBytes = kChecksumAt - kReasonAt;
static_assert(kMaxReasonBytes == 452);

absl::Status Failed(const char* what, const std::string& path, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " ", path));
}

// Errors that an operator can lift: space, permissions, a read-only mount.
absl::Status Refused(const char* what, const std::string& path, int error) {
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(absl::StrCat("no space to ", what, " ", path));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      std::string(Failed(what, path, error).message()), "; check owner, permissions and mount"));
}

}  // namespace

StoreWitness::Sector StoreWitness::Encode(const Fields& fields) {
  Sector sector{};
  kMagic.copy(sector.data(), kMagic.size());
  StoreLe(&sector[kVersionAt], kVersion);
  StoreLe(&sector[kStateAt], fields.stop_reason.empty() ? kServing : kStopped);
  StoreLe(&sector[kSequenceAt], fields.sequence);
  StoreLe(&sector[kManifestNumberAt], fields.manifest.number);
  StoreLe(&sector[kManifestBytesAt], fields.manifest.bytes);
  StoreLe(&sector[kPidAt], fields.pid);
  const std::string reason = fields.stop_reason.substr(0, kMaxReasonBytes);
  StoreLe(&sector[kReasonLengthAt], static_cast<uint32_t>(reason.size()));
  reason.copy(&sector[kReasonAt], reason.size());
  StoreLe(&sector[kChecksumAt], Checksum({sector.data(), kChecksumAt}));
  return sector;
}

absl::StatusOr<StoreWitness::Fields> StoreWitness::Decode(const Sector& sector) {
  const uint64_t checksum = Checksum({sector.data(), kChecksumAt});
  if (std::string_view(sector.data(), kMagic.size()) != kMagic ||
      LoadLe<uint64_t>(&sector[kChecksumAt]) != checksum) {
    return absl::DataLossError(
        "is damaged: what the store must contain is not known; move the directory away and start "
        "with an empty one, peers will fill it");
  }
  const auto version = LoadLe<uint32_t>(&sector[kVersionAt]);
  if (version != kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("has version ", version, ", this program knows version ", kVersion));
  }
  Fields fields;
  fields.sequence = LoadLe<uint64_t>(&sector[kSequenceAt]);
  fields.manifest.number = LoadLe<uint64_t>(&sector[kManifestNumberAt]);
  fields.manifest.bytes = LoadLe<uint64_t>(&sector[kManifestBytesAt]);
  fields.pid = LoadLe<int64_t>(&sector[kPidAt]);
  const auto reason_bytes = LoadLe<uint32_t>(&sector[kReasonLengthAt]);
  if (reason_bytes > kMaxReasonBytes) return absl::DataLossError("is damaged: impossible length");
  fields.stop_reason.assign(&sector[kReasonAt], reason_bytes);
  return fields;
}

absl::StatusOr<std::unique_ptr<StoreWitness>> StoreWitness::Open(const std::string& directory,
                                                                 bool fresh) {
  const std::string path = absl::StrCat(directory, "/", kFileName);
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return Refused("open", path, errno);
  std::unique_ptr<StoreWitness> witness(new StoreWitness(fd, path));
  if (auto status = witness->Load(fresh); !status.ok()) return status;
  return witness;
}

StoreWitness::~StoreWitness() { close(fd_); }  // gives the lock back as well

absl::Status StoreWitness::Load(bool fresh) {
  const bool locked = flock(fd_, LOCK_EX | LOCK_NB) == 0;
  const int lock_error = errno;
  Sector sector{};
  if (pread(fd_, sector.data(), sector.size(), 0) < 0) return Refused("read", path_, errno);
  const auto fields = Decode(sector);  // a short file leaves zeros, which fail the checksum
  if (!locked) {
    if (lock_error != EWOULDBLOCK) return Refused("lock", path_, lock_error);
    const std::string owner = fields.ok() ? absl::StrCat(" (process ", fields->pid, ")") : "";
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " is in use by another storage node", owner, "; stop that one first"));
  }
  if (!fields.ok()) {
    if (fresh && absl::IsDataLoss(fields.status())) return Opened(0, 0);
    return absl::Status(fields.status().code(),
                        absl::StrCat(path_, " ", std::string(fields.status().message())));
  }
  if (!fields->stop_reason.empty()) {
    return absl::DataLossError(absl::StrCat(
        path_, ": this store stopped after a failed write (", fields->stop_reason,
        "), its disk cannot be trusted; check the disk, move the directory away and start with an "
        "empty one"));
  }
  absl::MutexLock lock(&mutex_);
  fields_ = *fields;
  return absl::OkStatus();
}

uint64_t StoreWitness::sequence() const {
  absl::MutexLock lock(&mutex_);
  return fields_.sequence;
}

ManifestSize StoreWitness::manifest() const {
  absl::MutexLock lock(&mutex_);
  return fields_.manifest;
}

absl::Status StoreWitness::Advance(uint64_t sequence) {
  absl::MutexLock lock(&mutex_);
  INVARIANT(sequence >= fields_.sequence);
  fields_.sequence = sequence;
  return Store();
}

absl::Status StoreWitness::Opened(uint64_t sequence, uint64_t manifest_number) {
  absl::MutexLock lock(&mutex_);
  INVARIANT(sequence >= fields_.sequence);
  fields_.sequence = sequence;
  fields_.manifest = {manifest_number, 0};
  if (last_synced_.number == manifest_number) fields_.manifest = last_synced_;
  fields_.pid = getpid();
  if (auto status = Store(); !status.ok()) return status;
  return Sync();
}

void StoreWitness::ManifestSynced(ManifestSize manifest) {
  absl::MutexLock lock(&mutex_);
  last_synced_ = manifest;
  if (manifest.number != fields_.manifest.number) return;
  INVARIANT(manifest.bytes >= fields_.manifest.bytes);
  fields_.manifest.bytes = manifest.bytes;
  Store().IgnoreError();  // the next Advance tries again, and reports
}

void StoreWitness::MarkStopped(std::string_view reason) {
  absl::MutexLock lock(&mutex_);
  fields_.stop_reason = reason.empty() ? "unknown" : std::string(reason);
  if (Store().ok()) Sync().IgnoreError();  // on a dead disk the next opening fails by itself
}

absl::Status StoreWitness::Store() const {
  const Sector sector = Encode(fields_);
  const ssize_t written = pwrite(fd_, sector.data(), sector.size(), 0);
  if (written == static_cast<ssize_t>(sector.size())) return absl::OkStatus();
  return Refused("write", path_, written < 0 ? errno : EIO);
}

absl::Status StoreWitness::Sync() const {
  if (fsync(fd_) != 0) return Failed("fsync", path_, errno);
  // The name as well: a fresh file that vanishes would leave a database that looks foreign.
  const std::string directory = path_.substr(0, path_.rfind('/'));
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed("open", directory, errno);
  const int synced = fsync(fd);
  const int error = errno;
  close(fd);
  return synced == 0 ? absl::OkStatus() : Failed("fsync", directory, error);
}

}  // namespace hexad::storage_node
