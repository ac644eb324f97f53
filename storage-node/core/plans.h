// Work that a core plans and somebody else carries out, away from the thread that acknowledges
// writes. A plan holds everything it needs: no plan looks back into the core.
#pragma once

#include <cstdint>
#include <vector>

#include "quorum/messages.h"
#include "storage-node/core/store_batch.h"

namespace hexad::storage_node {

// A record of the hot log, encoded; the bytes stay alive with it.
struct HotRecord {
  TimelineId timeline;
  Lsn lsn;
  BytesRef bytes;
};

// A page as of a read point: the newest visible image, then visible runs, then hot records, each
// record applied once. What the coalescer wrote meanwhile only moves records from the last list to
// the first two, so a plan stays right while it waits.
struct ReadPlan {
  quorum::Envelope envelope;
  PageNo page;
  uint32_t page_size = 0;
  Lsn scl;                           // of the segment, for the answer
  std::vector<LsnRange> visible;     // newest first, cut to the read point, and to the last truncate
  std::vector<HotRecord> hot;        // visible records of this page, oldest first
};

// Boxcars of the hot log after `after`, visible on `begun`, up to kMaxLogPartBytes.
struct GossipPlan {
  quorum::Envelope envelope;
  quorum::PgPath begun;
  Lsn after;
  Lsn scl;
  Lsn vdl_heard;
};

// Fold the hot log of one timeline up to `up_to` into the page store.
struct CoalescePlan {
  PgId pg;
  TimelineId timeline;
  uint32_t page_size = 0;
  Lsn up_to;       // everything visible at or below it moves
  Lsn floor;       // versions at or below it may be merged: nobody reads below it
  std::vector<LsnRange> visible;  // newest first, up to `up_to`
  struct PageWork {
    PageNo page;
    std::vector<HotRecord> records;  // oldest first
  };
  std::vector<PageWork> pages;       // by page number
  StoreBatch finish;                 // written last: the mark that says "coalesced up to"
};

}  // namespace hexad::storage_node
