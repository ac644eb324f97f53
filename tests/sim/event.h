// What happens in a simulated world, as its checkers see it: facts, told once, when they become
// true. Pointers are valid only while the event is being told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "backtrack/opening.h"
#include "quorum/base/bytes.h"
#include "quorum/base/instant.h"
#include "quorum/messages.h"
#include "quorum/volume_writer.h"
#include "storage-node/core/store_batch.h"
#include "storage-node/io/segment_store.h"

namespace hexad::sim {

// A storage node, by its place in the roster.
using NodeIndex = size_t;
// One compute process from its start to its end; never reused.
using ProcessId = uint64_t;

// What an MTR does to one page, as the one who made it knows it.
struct PageWrite {
  PageNo page;  // of a truncate: the first page that reads as zeros
  quorum::RecordKind kind = quorum::RecordKind::kDelta;
  uint32_t offset = 0;
  std::string bytes;
};

// A writer gave an MTR its LSNs [first, commit]. From now on its outcome is unknown.
struct MtrIssued {
  ProcessId writer = 0;
  EpochId epoch;
  Lsn first;
  Lsn commit;
  const std::vector<PageWrite>* writes = nullptr;
  CommitTime time;
};

// Its writer told a client that it is durable.
struct MtrAcked {
  ProcessId writer = 0;
  EpochId epoch;
  Lsn commit;
};

// Its writer told a client COMMIT_UNKNOWN or FENCED: all or nothing of it may be in the history.
struct MtrUnknown {
  ProcessId writer = 0;
  Lsn commit;
};

struct VdlMoved {
  ProcessId writer = 0;
  EpochId epoch;
  Lsn vdl;
};

// An opening ended: this process is the volume's writer.
struct EpochOpened {
  ProcessId writer = 0;
  const quorum::WriterStart* start = nullptr;
};

// A process may read at `read_point` from now on, under `epoch`. `snapshot`: it opened read-only.
struct ReadPointOffered {
  ProcessId reader = 0;
  EpochId epoch;
  Lsn read_point;
  bool snapshot = false;
  const quorum::Path* history = nullptr;  // that the read point lies on
};

// The lowest read point that a process holds open, as it tells its writer; None(): it holds none.
struct ReadPointsHeld {
  ProcessId reader = 0;
  Lsn lowest;
};

// An opening gave up. INTERNAL and DATA_LOSS are no outcome of tolerated faults.
struct OpeningGivenUp {
  ProcessId writer = 0;
  absl::Status why;
};

// A process goes back: from now on every epoch that it begins forks there, until BacktrackEnded or
// its end.
struct BacktrackAsked {
  ProcessId process = 0;
  backtrack::BacktrackTarget target;
};

// OK: under `epoch`, which EpochOpened has told of, the volume ends at `forked_at`.
struct BacktrackEnded {
  ProcessId process = 0;
  EpochId epoch;
  absl::Status status;
  Lsn forked_at;
  std::optional<Lsn> first_left;
};

struct WriterFenced {
  ProcessId writer = 0;
  EpochId epoch;
};

// A segment gave this page, and its reader believed it.
struct PageAnswered {
  ProcessId reader = 0;
  NodeIndex node = 0;
  PageNo page;
  Lsn read_point;
  Lsn page_lsn;
  std::string_view bytes;
  const quorum::Path* history = nullptr;  // that its reader reads
};

// A segment refused to give a page.
struct PageRefused {
  NodeIndex node = 0;
  const quorum::Refused* refused = nullptr;
};

// An opening asks a segment for something.
struct OpeningAsked {
  ProcessId opener = 0;
  NodeIndex node = 0;
  const quorum::SegmentRequest* request = nullptr;
};

// An opening asks the first segment to begin its epoch: these answers count to it now.
struct OpeningBegins {
  ProcessId opener = 0;
  EpochId epoch;
  const std::vector<backtrack::OpeningCount>* counts = nullptr;
};

// This answer has reached an opening.
struct OpeningHeard {
  ProcessId opener = 0;
  NodeIndex node = 0;
  const quorum::SegmentAnswer* answer = nullptr;
};

// A writer's stream carries this answer away.
struct SegmentReplied {
  NodeIndex node = 0;
  const quorum::SegmentAnswer* answer = nullptr;
};

// The node's disk holds this batch, fsynced.
struct BatchPersisted {
  NodeIndex node = 0;
  const storage_node::StoreBatch* batch = nullptr;
};

struct NodeStarted {
  NodeIndex node = 0;
  const storage_node::SegmentStore* disk = nullptr;  // as it finds it; durable from now on
};

struct NodeStopped {
  NodeIndex node = 0;
};

// Something that was durable on this node may be gone or wrong from now on.
struct DiskHarmed {
  NodeIndex node = 0;
};

// Faults have stopped; `everywhere`: for all nodes, otherwise for a core of them.
struct Healed {
  bool everywhere = false;
};

// A write quorum of every PG holds this clone of the volume.
struct CloneMade {
  TimelineId timeline;
  const quorum::Manifest* manifest = nullptr;
  Lsn forked_at;  // None(): the volume had no commit
};

// It was not made. INTERNAL and DATA_LOSS are no outcome of tolerated faults.
struct CloneFailed {
  TimelineId timeline;
  absl::Status why;
};

// Whoever had it does not want it any more: its segments are told one by one.
struct CloneDropped {
  TimelineId timeline;
};

// A segment gave a page of a clone, and its reader believed it.
struct CloneRead {
  TimelineId timeline;
  Lsn forked_at;
  PageAnswered read;
};

using Event =
    std::variant<MtrIssued, MtrAcked, MtrUnknown, VdlMoved, EpochOpened, ReadPointOffered,
                 OpeningGivenUp, WriterFenced, PageAnswered, SegmentReplied, BatchPersisted,
                 NodeStarted, NodeStopped, DiskHarmed, Healed, ReadPointsHeld, PageRefused,
                 OpeningAsked, OpeningHeard, OpeningBegins, BacktrackAsked, BacktrackEnded,
                 CloneMade, CloneFailed, CloneDropped, CloneRead>;

// The volume that the checkers know; other timelines are clones of it.
inline constexpr TimelineId kVolume(0xA11CE);

}  // namespace hexad::sim
