#include "tests/contract/fault_file_system.h"

#include <utility>

namespace hexad::storage_node {
namespace {

using rocksdb::DataVerificationInfo;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// Messages as RocksDB's posix file system words them.
IOStatus NoSpace(const std::string& doing, const std::string& file) {
  return IOStatus::NoSpace(doing + ": " + file, "No space left on device");
}
IOStatus Failed(const std::string& doing, const std::string& file) {
  return IOStatus::IOError(doing + ": " + file, "Input/output error");
}

class FaultFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultFile(FaultFileSystem& faults, std::string name, std::unique_ptr<FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), faults_(faults), name_(std::move(name)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    const Fault fault = faults_.Strike(name_, /*sync=*/false);
    if (fault == Fault::kAppendFails) return Failed("While appending to file", name_);
    const bool compaction = GetIOPriority() == rocksdb::Env::IO_LOW;
    if (fault == Fault::kAppendNoSpace || (fault == Fault::kCompactionNoSpace && compaction)) {
      const Slice half(data.data(), data.size() / 2);
      FSWritableFileOwnerWrapper::Append(half, options, debug).PermitUncheckedError();
      return NoSpace("While appending to file", name_);
    }
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status;
    return Faulty(status) ? status : FSWritableFileOwnerWrapper::Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status;
    return Faulty(status) ? status : FSWritableFileOwnerWrapper::Fsync(options, debug);
  }

 private:
  bool Faulty(IOStatus& status) {
    const Fault fault = faults_.Strike(name_, /*sync=*/true);
    if (fault == Fault::kSyncFails) status = Failed("While fdatasync", name_);
    if (fault == Fault::kSyncNoSpace) status = NoSpace("While fdatasync", name_);
    return fault != Fault::kNone;
  }

  FaultFileSystem& faults_;
  const std::string name_;
};

}  // namespace

void FaultFileSystem::Arm(Fault fault, std::string part) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  part_ = std::move(part);
  strikes_ = 0;
}

Fault FaultFileSystem::Strike(const std::string& file, bool sync) {
  const std::lock_guard lock(mutex_);
  const Fault fault = fault_;
  const bool of_sync =
      fault == Fault::kSyncFails || fault == Fault::kSyncNoSpace || fault == Fault::kSyncLies;
  if (fault == Fault::kNone || of_sync != sync) return Fault::kNone;
  if (file.find(part_) == std::string::npos) return Fault::kNone;
  ++strikes_;
  return fault;
}

IOStatus FaultFileSystem::NewWritableFile(const std::string& file,
                                          const rocksdb::FileOptions& options,
                                          std::unique_ptr<FSWritableFile>* result,
                                          IODebugContext* debug) {
  if (Strike(file, /*sync=*/false) == Fault::kNoDescriptors) {
    return IOStatus::IOError("While open a file for appending: " + file, "Too many open files");
  }
  IOStatus status = FileSystemWrapper::NewWritableFile(file, options, result, debug);
  if (status.ok()) *result = std::make_unique<FaultFile>(*this, file, std::move(*result));
  return status;
}

IOStatus FaultFileSystem::ReopenWritableFile(const std::string& file,
                                             const rocksdb::FileOptions& options,
                                             std::unique_ptr<FSWritableFile>* result,
                                             IODebugContext* debug) {
  IOStatus status = FileSystemWrapper::ReopenWritableFile(file, options, result, debug);
  if (status.ok()) *result = std::make_unique<FaultFile>(*this, file, std::move(*result));
  return status;
}

IOStatus FaultFileSystem::GetFreeSpace(const std::string& path, const IOOptions& options,
                                       uint64_t* bytes, IODebugContext* debug) {
  if (fault_ == Fault::kAppendNoSpace || fault_ == Fault::kCompactionNoSpace) {
    *bytes = 0;
    return IOStatus::OK();
  }
  if (free_space_ == 0) return FileSystemWrapper::GetFreeSpace(path, options, bytes, debug);
  *bytes = free_space_;
  return IOStatus::OK();
}

}  // namespace hexad::storage_node
