// The witness: one sector beside the database that says what the database must contain.
//
// RocksDB cannot tell a log that a power cut tore from one that somebody truncated, or that rotted
// in the middle: it keeps what comes before the damage and opens. What had been acknowledged would
// then be gone without a word, and this copy would be believed. So after each synced write the
// store notes here how far the synced log reaches (RocksDB's sequence number), and at the next
// opening the database must reach at least as far.
//
// It costs a 512-byte write into the page cache (about 2 us) and no fsync: the kernel writes it
// back within some 30 seconds. It is written only after the log's fsync returned, so it never
// promises too much, and after a crash of the process it is exact. After a power cut it may be some
// seconds old:
//   found       every loss of synced data after a crash of the process; after a power cut, every
//               loss that reaches back before the last write-back of the witness
//   not found   after a power cut, damage to what was synced in the last seconds before it (only a
//               write that waits for a second fsync could tell that from an honest torn tail)
//
// The file also is the directory's identity (a directory without it is not ours and is left alone),
// its lock, and where a store whose disk failed an fsync says so: what such a disk holds cannot be
// trusted afterwards, since the kernel may have dropped the pages that it could not write.
//
// Layout, little-endian, one sector of 512 bytes: magic:8 version:4 state:4 sequence:8
// manifest_number:8 manifest_bytes:8 pid:8 reason_length:4 reason:452 checksum:8. Only the opening
// and a failure are fsynced.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage-node/io/rocksdb_manifest.h"

namespace hexad::storage_node {

// Thread-safety: the methods may be called from any thread.
class StoreWitness {
 public:
  static constexpr char kFileName[] = "HEXAD";
  static constexpr size_t kBytes = 512;

  // Takes the directory's lock and reads the file, or makes it. `fresh`: nothing was stored here
  // yet, so that a file cut short by a crash at the very first opening is made again.
  // FAILED_PRECONDITION: in use by another store, or of another version. DATA_LOSS: damaged, or
  // stopped by an earlier failure.
  static absl::StatusOr<std::unique_ptr<StoreWitness>> Open(const std::string& directory,
                                                            bool fresh);
  ~StoreWitness();
  StoreWitness(const StoreWitness&) = delete;
  StoreWitness& operator=(const StoreWitness&) = delete;

  // The database must reach at least this sequence number, and this MANIFEST must be this long,
  // unless a newer one took its place.
  uint64_t sequence() const;
  ManifestSize manifest() const;

  // What is durable now reaches `sequence`.
  absl::Status Advance(uint64_t sequence);
  // An opening is complete: the database reaches `sequence`, and CURRENT names the MANIFEST of this
  // number. On the disk before it returns.
  absl::Status Opened(uint64_t sequence, uint64_t manifest_number);
  // A MANIFEST was synced up to here. It is noted once Opened names it: until then CURRENT may not.
  void ManifestSynced(ManifestSize manifest);
  // This directory is never opened again. Tries its best: the disk is failing.
  void MarkStopped(std::string_view reason);

 private:
  struct Fields {
    uint64_t sequence = 0;
    ManifestSize manifest;
    std::string stop_reason;  // empty = serving
    int64_t pid = 0;          // of the last opener
  };
  using Sector = std::array<char, kBytes>;

  static Sector Encode(const Fields& fields);
  // DATA_LOSS or FAILED_PRECONDITION says what is wrong with the bytes.
  static absl::StatusOr<Fields> Decode(const Sector& sector);

  StoreWitness(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  absl::Status Load(bool fresh);
  absl::Status Store() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Sync() const;

  const int fd_;
  const std::string path_;
  mutable absl::Mutex mutex_;
  Fields fields_ ABSL_GUARDED_BY(mutex_);
  ManifestSize last_synced_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hexad::storage_node
