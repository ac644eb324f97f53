// The cluster as it is now, seen from outside: the launcher's own knowledge (who should run, who
// does) joined with what the processes say. `hexad status`, doctor, --dry-run and tests/cluster
// read it.
//
// What the compute says of its open volume counts before what the segments say: it knows VDL, while
// a segment has only heard it. A volume that no compute has open is shown from its segments alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/launcher/faults.h"
#include "cli/launcher/launcher.h"
#include "quorum/membership.h"
#include "quorum/quorum_set.h"

namespace hexad::launcher {

enum class NodeState {
  kUp,
  kDown,
  kPaused,
  kSilent,    // its process runs, but it did not answer in time
  kAmnesiac,  // it answers, but not with the disk that was admitted: it counts for no quorum
};
// "up", ...; a silent node is "down" to programs.
const char* NameOf(NodeState state);

// Of the scrub, since the node started.
struct ScrubPicture {
  uint64_t rounds = 0;  // over everything that the node holds
  uint64_t pages = 0;
  uint64_t damaged = 0;
  uint64_t different = 0;
  uint64_t repaired = 0;
  uint64_t unrepaired = 0;
};

struct NodePicture {
  std::string id;
  std::string az;
  std::string address;
  std::string metrics;
  NodeState state = NodeState::kDown;
  pid_t pid = 0;             // 0: no process
  uint64_t incarnation = 0;  // 0: unknown
  uint64_t disk_bytes = 0;
  uint64_t resident_bytes = 0;
  bool disk_full = false;
  ScrubPicture scrub = {};
  bool ended_by_itself = false;  // the folder remembers a process that nobody stopped
};

struct SegmentPicture {
  std::string node = {};
  uint64_t scl = 0;
  uint64_t lag_lsns = 0;
  uint64_t last_ack_us = 0;  // 0: unknown
  std::string state = {};    // up, down, lagging, amnesiac, ...
};

struct PgPicture {
  quorum::Membership membership = {};
  uint64_t pgcl = 0;
  std::vector<SegmentPicture> segments = {};  // in the membership's order
};

// A read point that is kept readable for somebody.
struct LeasePicture {
  uint64_t read_point = 0;
  uint64_t ends_in_ms = 0;
};

struct VolumePicture {
  std::string name = {};
  uint64_t timeline = 0;
  uint32_t epoch = 0;
  uint64_t vdl = 0;
  uint64_t vcl = 0;
  uint32_t page_size = 0;
  uint32_t pages_per_pg = 0;
  uint64_t pages_seen = 0;  // one more than the highest page that was ever written
  // "compute", "bench", or empty; with a writer its process and its Prometheus endpoint. A compute
  // is the writer if it says so, a bench for as long as it lives: who opened last has fenced
  // others.
  std::string writer = {};
  pid_t writer_pid = 0;
  std::string writer_metrics = {};
  std::string sql = {};   // where PostgreSQL's clients find it; empty if nowhere
  std::string mode = {};  // of the compute: read-write, read-only, fenced; empty if it cannot tell
  std::string reason = {};
  // Of a clone: its parent's name (the timeline's number if it has none any more), and where it
  // left it.
  std::string parent = {};
  uint64_t parent_timeline = 0;
  uint64_t forked_at = 0;
  // On the disks of all its segments: under its own keys, and what it reads of its ancestors'.
  uint64_t own_bytes = 0;
  uint64_t shared_bytes = 0;
  // It can go back to this LSN and later; 0: not known.
  uint64_t retained_from = 0;
  int64_t retained_time_us = 0;  // of that commit; 0: not known
  std::vector<LeasePicture> leases = {};
  std::vector<PgPicture> pgs = {};
};

struct ClusterPicture {
  std::vector<NodePicture> nodes;
  std::vector<VolumePicture> volumes;
  ProcessState compute = ProcessState::kDown;
  // Nodes whose description or names are missing here: down, paused, or too slow to answer.
  std::vector<std::string> silent = {};
  // Of a test cluster: its links and disks that suffer now.
  FaultsInForce faults = {};

  std::vector<std::string> UpNodes() const;
};

// OK if so few nodes are silent that every volume's name must have been seen; else UNAVAILABLE, in
// the user's words.
absl::Status CheckVolumesKnown(const ClusterPicture& cluster);

// The same for one volume's segments: OK if a read quorum of every PG was heard, so that what was
// acknowledged is in the picture.
absl::Status CheckSegmentsHeard(const ClusterPicture& cluster, const VolumePicture& volume);

ClusterPicture Look(Launcher& launcher);

}  // namespace hexad::launcher
