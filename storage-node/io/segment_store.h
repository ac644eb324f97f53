// The storage node's disk, as its core needs it. Two implementations pass one contract suite
// (tests/contract/segment_store_contract.h): MemorySegmentStore, whose power can be cut, and
// RocksDbSegmentStore.
//
// Thread-safety: every method may be called from any thread; Write calls are atomic to each other.
// Errors: DATA_LOSS = bytes that fail their checksum (never returned as data); RESOURCE_EXHAUSTED =
// no space, nothing of the batch was stored, try again later; anything else from Write means that
// durability is unknown, and the node must stop: a failed fsync is never retried.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage-node/core/store_batch.h"

namespace hexad::storage_node {

class SegmentStore {
 public:
  virtual ~SegmentStore() = default;

  // All batches, in order, as one atomic write.
  virtual absl::Status Write(const std::vector<const StoreBatch*>& batches,
                             Durability durability) = 0;

  // Hot-log boxcars of (pg, timeline) with first_lsn >= `from`, by first_lsn, until the visitor
  // says false. The bytes are as stored: the caller verifies them (DecodeBoxcar).
  using BoxcarVisitor = std::function<bool(Lsn first_lsn, BytesRef bytes)>;
  virtual absl::Status ScanLog(PgId pg, TimelineId timeline, Lsn from,
                               const BoxcarVisitor& visit) const = 0;

  // The first_lsn of the last boxcar with first_lsn <= `lsn`: where a scan for `lsn` must start.
  // None() if there is none.
  virtual absl::StatusOr<Lsn> FloorBoxcar(PgId pg, TimelineId timeline, Lsn lsn) const = 0;

  // What a page is made of, newest history first in `visible`: versions whose (timeline, lsn) lie
  // in a range, oldest first, starting at the newest image if there is one.
  using Versions = absl::StatusOr<std::vector<PageVersion>>;
  Versions ReadVersions(PgId pg, PageNo page, const std::vector<LsnRange>& visible) const {
    return std::move(ReadVersions(pg, std::span(&page, 1), visible).front());
  }
  // The same for each of some pages, which costs less in rising order than one by one. They are not
  // kept in a cache if there are several: whoever reads so many is about to replace them.
  virtual std::vector<Versions> ReadVersions(PgId pg, std::span<const PageNo> pages,
                                             const std::vector<LsnRange>& visible) const = 0;

  // Meta entries whose key starts with `prefix`, by key.
  using MetaVisitor = std::function<void(std::string_view key, std::string_view value)>;
  virtual absl::Status ScanMeta(std::string_view prefix, const MetaVisitor& visit) const = 0;

  // Bytes on disk, for status and metrics.
  virtual uint64_t ApproximateBytes() const = 0;
  // Of what one timeline of a PG holds under its own keys: log and versions. Roughly, and what was
  // dropped lately may still be counted.
  virtual uint64_t ApproximateBytes(PgId pg, TimelineId timeline) const = 0;
};

}  // namespace hexad::storage_node
