// What a storage node's core asks its disk to do, as data. The port that does it is
// io/segment_store.h.
//
// A batch is atomic: after a crash all of it is there or nothing. kSynced batches are on the disk
// before they are answered. kOrdered batches may be lost by a power cut, but only together with
// every batch after them: the log of the store is one sequence.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "quorum/base/bytes.h"
#include "quorum/base/types.h"

namespace hexad::storage_node {

enum class Durability : uint8_t { kSynced, kOrdered };

// A boxcar into the hot log, under (pg, timeline, first_lsn). Its checksum is inside.
struct PutBoxcar {
  PgId pg;
  TimelineId timeline;
  Lsn first_lsn;
  BytesRef bytes;
};

// The hot log of (pg, timeline) loses every boxcar with first_lsn < `below`.
struct DropLog {
  PgId pg;
  TimelineId timeline;
  Lsn below;
};

enum class VersionKind : uint8_t {
  kImage = 1,  // the whole page, the last record applied to it at `lsn`; bytes: the page
  kRun = 2,  // records in LSN order, the FIRST one at `lsn`; bytes: encoded records, all above the
             // version before it and below the version after it
};

// A version of a page into the page store, under (pg, page, timeline, lsn).
struct PutVersion {
  PgId pg;
  PageNo page;
  TimelineId timeline;
  Lsn lsn;
  VersionKind kind = VersionKind::kImage;
  std::string bytes;
};

// The page loses the version under exactly this key, if there is one.
struct DropVersion {
  PgId pg;
  PageNo page;
  TimelineId timeline;
  Lsn lsn;
};

// The page loses every version that one timeline has of it.
struct DropPage {
  PgId pg;
  PageNo page;
  TimelineId timeline;
};

// Every meta key of one PG on this node starts with this: "pg/" + 16 hex digits + "/".
inline std::string SegmentMetaPrefix(PgId pg) {
  return absl::StrCat("pg/", absl::Hex(pg.value(), absl::kZeroPad16), "/");
}

// And every one of one timeline of it with this.
inline std::string TimelineMetaPrefix(PgId pg, TimelineId timeline) {
  return absl::StrCat(SegmentMetaPrefix(pg), "t/", absl::Hex(timeline.value(), absl::kZeroPad16),
                      "/");
}

// Small state, under a key that its owner chooses (see segment_state.h). Checksummed by the store.
struct PutMeta {
  std::string key;
  std::string value;
};

struct DropMeta {
  std::string key;
};

// Everything of a PG on this node: log, versions, and meta whose key starts with SegmentMetaPrefix.
struct DropSegment {
  PgId pg;
};

// Everything of one timeline of a PG on this node: log, versions, and meta whose key starts with
// TimelineMetaPrefix. What other timelines hold stays, also what this one saw of it.
struct DropTimeline {
  PgId pg;
  TimelineId timeline;
};

using StoreOp = std::variant<PutBoxcar, DropLog, PutVersion, DropVersion, DropPage, PutMeta,
                             DropMeta, DropSegment, DropTimeline>;

struct StoreBatch {
  std::vector<StoreOp> ops;
};

// --- what is read back
// -----------------------------------------------------------------------------

// An interval of one timeline's log, both ends inclusive.
struct LsnRange {
  TimelineId timeline;
  Lsn first;
  Lsn last;
};

struct PageVersion {
  TimelineId timeline;
  Lsn lsn;
  VersionKind kind = VersionKind::kImage;
  BytesRef bytes;
};

}  // namespace hexad::storage_node
