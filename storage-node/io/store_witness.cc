#include "storage-node/io/store_witness.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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
constexpr size_t kFixedBytes = 36;  // everything before the reason
constexpr size_t kChecksumAt = StoreWitness::kBytes - 8;
constexpr size_t kMaxReasonBytes = kChecksumAt - kFixedBytes;
static_assert(kMaxReasonBytes == 468);

using Sector = std::array<char, StoreWitness::kBytes>;

struct Fields {
  uint32_t version = 0;
  uint32_t state = 0;
  uint64_t sequence = 0;
  int64_t pid = 0;
  std::string_view reason;
};

uint64_t ChecksumOf(const Sector& sector) { return Checksum({sector.data(), kChecksumAt}); }

Sector Encode(uint64_t sequence, std::string_view stop_reason) {
  Sector sector{};
  kMagic.copy(sector.data(), kMagic.size());
  StoreLe(&sector[8], kVersion);
  StoreLe(&sector[12], stop_reason.empty() ? kServing : kStopped);
  StoreLe(&sector[16], sequence);
  StoreLe(&sector[24], static_cast<int64_t>(getpid()));
  const std::string_view reason = stop_reason.substr(0, kMaxReasonBytes);
  StoreLe(&sector[32], static_cast<uint32_t>(reason.size()));
  reason.copy(&sector[kFixedBytes], reason.size());
  StoreLe(&sector[kChecksumAt], ChecksumOf(sector));
  return sector;
}

// False if the bytes are not a whole sector that was written by Encode.
bool Decode(const Sector& sector, Fields& fields) {
  if (std::string_view(sector.data(), kMagic.size()) != kMagic) return false;
  if (LoadLe<uint64_t>(&sector[kChecksumAt]) != ChecksumOf(sector)) return false;
  fields.version = LoadLe<uint32_t>(&sector[8]);
  fields.state = LoadLe<uint32_t>(&sector[12]);
  fields.sequence = LoadLe<uint64_t>(&sector[16]);
  fields.pid = LoadLe<int64_t>(&sector[24]);
  const auto reason_bytes = LoadLe<uint32_t>(&sector[32]);
  if (reason_bytes > kMaxReasonBytes) return false;
  fields.reason = {&sector[kFixedBytes], reason_bytes};
  return true;
}

absl::Status Failed(const char* what, const std::string& path, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " ", path));
}

// Holds for kinds of error that an operator can lift: permissions, a read-only mount.
absl::Status Refused(const char* what, const std::string& path, int error) {
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(absl::StrCat("no space to ", what, " ", path));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      std::string(Failed(what, path, error).message()), "; check owner, permissions and mount"));
}

}  // namespace

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
  const ssize_t read_bytes = pread(fd_, sector.data(), sector.size(), 0);
  if (read_bytes < 0) return Refused("read", path_, errno);
  Fields fields;
  const bool whole = read_bytes == static_cast<ssize_t>(kBytes) && Decode(sector, fields);
  if (!locked) {
    if (lock_error != EWOULDBLOCK) return Refused("lock", path_, lock_error);
    return absl::FailedPreconditionError(absl::StrCat(
        path_, " is in use by another storage node",
        whole ? absl::StrCat(" (process ", fields.pid, ")") : "", "; stop that one first"));
  }
  if (!whole) {
    if (fresh) return AdvanceAndSync(0);
    return absl::DataLossError(absl::StrCat(
        path_,
        " is damaged: what the store must contain is not known; move the directory away and "
        "start with an empty one, peers will fill it"));
  }
  if (fields.version != kVersion) {
    return absl::FailedPreconditionError(absl::StrCat(path_, " has version ", fields.version,
                                                      ", this program knows version ", kVersion));
  }
  if (fields.state != kServing) {
    return absl::DataLossError(absl::StrCat(
        path_, ": this store stopped after a failed write (", std::string(fields.reason),
        "), its disk cannot be "
        "trusted; check the disk, move the directory away and start with an empty one"));
  }
  sequence_ = fields.sequence;
  return absl::OkStatus();
}

absl::Status StoreWitness::Advance(uint64_t sequence) {
  INVARIANT(sequence >= sequence_);
  sequence_ = sequence;
  return Store();
}

absl::Status StoreWitness::AdvanceAndSync(uint64_t sequence) {
  if (auto status = Advance(sequence); !status.ok()) return status;
  return Sync();
}

void StoreWitness::MarkStopped(std::string_view reason) {
  stop_reason_ = reason.empty() ? "unknown" : std::string(reason);
  if (Store().ok()) Sync().IgnoreError();  // on a dead disk the next opening fails by itself
}

absl::Status StoreWitness::Store() const {
  const Sector sector = Encode(sequence_, stop_reason_);
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
