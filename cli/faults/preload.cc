// hexad-faults-preload.so: stands between a process of a test cluster and libc (process_faults.h).
//
// Only the calls that a disk's promise or a message depends on are wrapped. A wrapper allocates
// nothing and takes no lock: it runs inside RocksDB's and gRPC's most delicate moments.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "cli/faults/process_faults.h"

namespace {

using hexad::faults::kProcessFaultsMagic;
using hexad::faults::kProcessFaultsVariable;
using hexad::faults::ProcessFaultsBlock;

ProcessFaultsBlock* MapBlock() {
  const char* file = std::getenv(kProcessFaultsVariable);
  if (file == nullptr) return nullptr;
  const int fd = open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) return nullptr;
  struct stat info {};
  void* memory = MAP_FAILED;
  if (fstat(fd, &info) == 0 && info.st_size == sizeof(ProcessFaultsBlock)) {
    memory = mmap(nullptr, sizeof(ProcessFaultsBlock), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  close(fd);
  if (memory == MAP_FAILED) return nullptr;
  auto* block = static_cast<ProcessFaultsBlock*>(memory);
  if (block->magic != kProcessFaultsMagic) return nullptr;
  block->syncs = 0;
  block->sends = 0;
  return block;
}

ProcessFaultsBlock* Block() {
  static ProcessFaultsBlock* const block = MapBlock();
  return block;
}

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void DieIf(uint64_t now, uint64_t at) {
  if (at != 0 && now >= at) kill(getpid(), SIGKILL);
}

void Delay(uint64_t us) {
  if (us == 0) return;
  timespec pause{static_cast<time_t>(us / 1'000'000), static_cast<long>(us % 1'000'000) * 1'000};
  nanosleep(&pause, nullptr);
}

using Sync = int (*)(int);

int FaultySync(Sync real, int fd) {
  ProcessFaultsBlock* block = Block();
  if (block == nullptr) return real(fd);
  const uint64_t now = ++block->syncs;
  DieIf(now, block->die_at_sync);
  Delay(block->sync_delay_us);
  if (const uint64_t error = block->sync_error; error != 0) {
    errno = static_cast<int>(error);
    return -1;
  }
  const int result = real(fd);
  DieIf(now, block->die_after_sync);
  return result;
}

// What the process says must still be readable: its output is no part of its disk.
bool NoSpace(int fd) {
  ProcessFaultsBlock* block = Block();
  if (block == nullptr || block->disk_full == 0 || fd <= STDERR_FILENO) return false;
  struct stat info {};
  return fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

int Full() {
  errno = ENOSPC;
  return -1;
}

}  // namespace

extern "C" {

int fsync(int fd) {
  static const auto real = Real<Sync>("fsync");
  return FaultySync(real, fd);
}

int fdatasync(int fd) {
  static const auto real = Real<Sync>("fdatasync");
  return FaultySync(real, fd);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t)>("write");
  return NoSpace(fd) ? Full() : real(fd, bytes, size);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return NoSpace(fd) ? Full() : real(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  return NoSpace(fd) ? Full() : real(fd, bytes, size, at);
}

int fallocate(int fd, int mode, off_t at, off_t size) {
  static const auto real = Real<int (*)(int, int, off_t, off_t)>("fallocate");
  return NoSpace(fd) ? Full() : real(fd, mode, at, size);
}

int fallocate64(int fd, int mode, off64_t at, off64_t size) {
  static const auto real = Real<int (*)(int, int, off64_t, off64_t)>("fallocate64");
  return NoSpace(fd) ? Full() : real(fd, mode, at, size);
}

int statvfs(const char* path, struct statvfs* space) {
  static const auto real = Real<int (*)(const char*, struct statvfs*)>("statvfs");
  const int result = real(path, space);
  const ProcessFaultsBlock* block = Block();
  if (result == 0 && block != nullptr && block->disk_full != 0) {
    space->f_bfree = 0;
    space->f_bavail = 0;
  }
  return result;
}

int statvfs64(const char* path, struct statvfs64* space) {
  static const auto real = Real<int (*)(const char*, struct statvfs64*)>("statvfs64");
  const int result = real(path, space);
  const ProcessFaultsBlock* block = Block();
  if (result == 0 && block != nullptr && block->disk_full != 0) {
    space->f_bfree = 0;
    space->f_bavail = 0;
  }
  return result;
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static const auto real = Real<ssize_t (*)(int, const msghdr*, int)>("sendmsg");
  if (ProcessFaultsBlock* block = Block(); block != nullptr) {
    DieIf(++block->sends, block->die_at_send);
  }
  return real(fd, message, flags);
}

}  // extern "C"
