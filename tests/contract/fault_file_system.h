// The machine's file system with faults that a test arms: it fails what the store writes or syncs.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "rocksdb/file_system.h"

namespace hexad::storage_node {

enum class Fault {
  kNone,
  kAppendFails,        // EIO on every append
  kAppendNoSpace,      // ENOSPC on every append, after half of the bytes went through
  kCompactionNoSpace,  // the same, for what compactions write only
  kSyncFails,          // EIO on every fsync and fdatasync
  kSyncNoSpace,        // ENOSPC there
  kSyncLies,           // success, and nothing is synced
  kNoDescriptors,      // EMFILE wherever a file is made
};

class FaultFileSystem : public rocksdb::FileSystemWrapper {
 public:
  FaultFileSystem() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  // From now on files whose name holds `part` (".log", ".sst", "MANIFEST", "" = all) have the
  // fault.
  void Arm(Fault fault, std::string part);
  void Disarm() { Arm(Fault::kNone, ""); }
  // How often the fault struck since it was armed.
  int strikes() const { return strikes_.load(); }

  // What a file asks before it acts; kNone if the fault is not for it. For use by this file only.
  Fault Strike(const std::string& file, bool sync);

  rocksdb::IOStatus NewWritableFile(const std::string& file, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& file, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* debug) override;
  // None while the disk plays full; otherwise what SetFreeSpace said, or the truth.
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 uint64_t* bytes, rocksdb::IODebugContext* debug) override;
  void SetFreeSpace(uint64_t bytes) { free_space_ = bytes; }
  const char* Name() const override { return "hexad.FaultFileSystem"; }

 private:
  std::mutex mutex_;  // the store's background threads strike while a test arms
  std::atomic<Fault> fault_{Fault::kNone};  // together with part_: under mutex_
  std::string part_;
  std::atomic<int> strikes_{0};
  std::atomic<uint64_t> free_space_{0};  // 0 = the truth
};

}  // namespace hexad::storage_node
