// Work that a core plans and somebody else carries out, away from the thread that acknowledges
// writes. A plan holds everything it needs: no plan looks back into the core.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "quorum/messages.h"
#include "storage-node/core/store_batch.h"

namespace hexad::storage_node {

// Pages >= from_page read as zeros from `lsn` on.
struct TruncateMark {
  Lsn lsn;
  PageNo from_page;
  friend bool operator==(const TruncateMark&, const TruncateMark&) = default;
};

// A record of the hot log, encoded; the bytes stay alive with it.
struct HotRecord {
  TimelineId timeline;
  Lsn lsn;
  BytesRef bytes;
};

// A page as of a read point: the newest visible image, then visible runs, then hot records, each
// record applied once. What the coalescer wrote meanwhile only moves records from the last list to
// the first two, so a plan stays right while it waits; but for what it merged away below a floor
// that rose meanwhile, which NodeCore::MayServe tells after the versions were read.
struct ReadPlan {
  quorum::Envelope envelope;
  PageNo page;
  uint32_t page_size = 0;
  Lsn read_point;
  Lsn scl;                        // of the segment, for the answer
  std::vector<LsnRange> visible;  // newest first, cut to the read point, and to the last truncate
  bool truncated = false;         // a truncate cut `visible`: what came before does not count
  std::vector<HotRecord> hot;     // visible records of this page, oldest first
};

// Boxcars of the hot log that hold a record visible on `path` in (after, up_to], by first LSN, at
// most kMaxLogPartBytes of them. For gossip and for an opening's refill.
struct LogPlan {
  quorum::Envelope envelope;
  quorum::PgPath path;
  Lsn after;
  Lsn up_to;
  Lsn scl;  // of this segment along `path`, for a gossip answer
  Lsn vdl_heard;
  bool in_use = false;  // of the path's epoch, likewise
  // For gossip about a branch, whose path that is: the head that the answer names, and who left it.
  std::optional<quorum::PgPath> head = std::nullopt;
  std::optional<EpochId> branch = std::nullopt;
};

// Some pages as of one LSN, for comparison (docs/scrub.md).
struct ScrubPlan {
  quorum::Envelope envelope;
  std::vector<ReadPlan> pages;
  bool every_version = false;  // read all that the timeline has of them, not only what they need
  bool with_versions = false;  // and give those of the first page
  Lsn coalesced;               // the page store holds all up to here
  Lsn gc_floor;
};

// Where a history can be forked: FindInChain (chain_index.h) carries it out.
struct FindPlan {
  quorum::Envelope envelope;
  std::variant<Lsn, CommitTime> target;
  EpochId history;                  // whose history it is
  std::vector<LsnRange> visible;    // newest first, up to `up_to`
  Lsn up_to;                        // SCL along the history, or a branch's end
  Lsn coalesced;                    // what is above is in the hot log, and nowhere else
  std::vector<quorum::Boxcar> hot;  // durable, by LSN
};

// Fold the hot log of one timeline up to `up_to` into the page store. GroupByPage (page_builder.h)
// turns the boxcars into work per page.
struct CoalescePlan {
  PgId pg;
  TimelineId timeline;
  uint32_t page_size = 0;
  Lsn up_to;                      // everything visible at or below it moves
  Lsn floor;                      // versions at or below it may be merged: nobody reads below it
  std::vector<LsnRange> visible;  // to any kept history: newest first, up to `up_to`
  std::vector<LsnRange> head;     // to the newest one; none if only clones see this timeline
  bool only_head = true;          // the two are the same
  std::vector<quorum::Boxcar> boxcars;  // by LSN
  std::vector<TruncateMark> truncates;  // visible, by LSN
  // A clone's: what it sees of its ancestors' logs and may not be in the page store yet, by LSN.
  std::vector<quorum::Boxcar> inherited;
  // Written first: the mark as it was, with the new floor. After a crash in the middle nobody is
  // admitted below images that replaced what they were made from.
  StoreBatch start;
  StoreBatch finish;  // written last: the mark that says "coalesced up to"
};

// What a segment loses with one of its timelines.
struct TimelineDrop {
  bool retire = false;            // clones continue it: it stays for them, and answers nobody
  std::vector<TimelineId> erase;  // it, and those that had stayed for its sake
};

// A record of a coalescing's boxcars, encoded. A view: it lives as long as the plan.
struct PageRecord {
  Lsn lsn;
  std::string_view bytes;
};

struct PageWork {
  PageNo page;
  std::span<const PageRecord> records;         // visible, oldest first
  std::span<const PageRecord> inherited = {};  // the same of CoalescePlan::inherited: all older
};

// The work of a plan, by page number. Movable, not copyable: works point into records.
struct PlanWork {
  std::vector<PageRecord> records;
  std::vector<PageWork> works;

  PlanWork() = default;
  PlanWork(PlanWork&&) = default;
  PlanWork& operator=(PlanWork&&) = default;
  auto begin() const { return works.begin(); }
  auto end() const { return works.end(); }
};

}  // namespace hexad::storage_node
