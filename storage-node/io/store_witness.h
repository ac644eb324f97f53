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
// Layout, little-endian, one sector of 512 bytes: magic:8 version:4 state:4 sequence:8 pid:8
// reason_length:4 reason:468 checksum:8. Only the opening and a failure are fsynced.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hexad::storage_node {

// Thread-safety: none; the store calls it under its write lock.
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

  // The database must reach at least this sequence number.
  uint64_t sequence() const { return sequence_; }
  // What is durable now reaches `sequence`.
  absl::Status Advance(uint64_t sequence);
  // The same, on the disk before it returns.
  absl::Status AdvanceAndSync(uint64_t sequence);
  // This directory is never opened again. Tries its best: the disk is failing.
  void MarkStopped(std::string_view reason);

 private:
  StoreWitness(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  absl::Status Load(bool fresh);
  absl::Status Store() const;
  absl::Status Sync() const;

  int fd_;
  std::string path_;
  uint64_t sequence_ = 0;
  std::string stop_reason_;  // empty = serving
};

}  // namespace hexad::storage_node
