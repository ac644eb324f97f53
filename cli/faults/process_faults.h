// What a test cluster makes one process suffer from its kernel: slow, failing or full disks, and
// death at its N-th fsync or send. `hexad-faults-preload.so` stands before libc in the process
// (LD_PRELOAD) and looks at this block of shared memory at each of those calls; the launcher writes
// it. The block is a file, named by the environment variable below; without the variable the
// process is as it always is, and a process that is not preloaded pays nothing.
//
// Plain atomics at fixed places: both sides map the same bytes, and neither trusts the other to
// live.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hexad::faults {

inline constexpr char kProcessFaultsVariable[] = "HEXAD_PROCESS_FAULTS";
inline constexpr uint64_t kProcessFaultsMagic = 0x6865786164663031;

struct ProcessFaultsBlock {
  uint64_t magic;
  std::atomic<uint64_t> sync_delay_us;  // each fsync and fdatasync takes this much longer
  std::atomic<uint64_t> sync_error;     // an errno that each of them ends with; 0: none
  std::atomic<uint64_t> disk_full;      // 1: writes to files end with ENOSPC
  std::atomic<uint64_t> die_at_sync;    // SIGKILL instead of the N-th fsync since its start; 0: not
  std::atomic<uint64_t> die_after_sync;  // SIGKILL right after the N-th
  std::atomic<uint64_t> die_at_send;     // SIGKILL instead of the N-th send
  std::atomic<uint64_t> syncs;           // since the newest process began
  std::atomic<uint64_t> sends;
};
static_assert(sizeof(ProcessFaultsBlock) == 72);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

// The block of one process, mapped by whoever decides its faults. All zero when it is made.
class ProcessFaults {
 public:
  static absl::StatusOr<ProcessFaults> Make(const std::string& file);  // or opens it
  // NOT_FOUND without such a file.
  static absl::StatusOr<ProcessFaults> Open(const std::string& file);
  ~ProcessFaults();
  ProcessFaults(ProcessFaults&& other) noexcept;
  ProcessFaults& operator=(ProcessFaults&&) = delete;

  ProcessFaultsBlock* operator->() { return block_; }
  // No fault is in force any more; the counts stay.
  void Heal();

 private:
  explicit ProcessFaults(ProcessFaultsBlock* block) : block_(block) {}
  static absl::StatusOr<ProcessFaults> Map(const std::string& file, int flags);
  ProcessFaultsBlock* block_;
};

}  // namespace hexad::faults
