#include "cli/faults/process_faults.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hexad::faults {

absl::StatusOr<ProcessFaults> ProcessFaults::Map(const std::string& file, int flags) {
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC | flags, 0644);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", file));
  void* memory = MAP_FAILED;
  if (ftruncate(fd, sizeof(ProcessFaultsBlock)) == 0) {
    memory = mmap(nullptr, sizeof(ProcessFaultsBlock), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  const int error = errno;
  close(fd);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(error, absl::StrCat("cannot map ", file));
  auto* block = static_cast<ProcessFaultsBlock*>(memory);
  block->magic = kProcessFaultsMagic;
  return ProcessFaults(block);
}

absl::StatusOr<ProcessFaults> ProcessFaults::Make(const std::string& file) {
  return Map(file, O_CREAT);
}

absl::StatusOr<ProcessFaults> ProcessFaults::Open(const std::string& file) { return Map(file, 0); }

ProcessFaults::ProcessFaults(ProcessFaults&& other) noexcept
    : block_(std::exchange(other.block_, nullptr)) {}

ProcessFaults::~ProcessFaults() {
  if (block_ != nullptr) munmap(block_, sizeof(ProcessFaultsBlock));
}

void ProcessFaults::Heal() {
  block_->sync_delay_us = 0;
  block_->sync_error = 0;
  block_->disk_full = 0;
  block_->die_at_sync = 0;
  block_->die_after_sync = 0;
  block_->die_at_send = 0;
}

}  // namespace hexad::faults
