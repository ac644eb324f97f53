// What an engine needs of a Hexad volume, in one header: open it, change pages atomically, learn
// when a commit is durable, read pages as of a read point.
//
//   auto cluster = Cluster::Connect(topology, Duration::Seconds(5)).value();
//   auto volume = cluster->Open("main", {}).value();
//   Mtr mtr = volume->BeginMtr();
//   mtr.Write(PageNo(7), 128, "bytes");              // INVALID_ARGUMENT outside the page
//   Lsn lsn = volume->Commit(std::move(mtr)).value(); // returns at once: ordered, not yet durable
//   volume->WaitDurable(lsn, Duration::Seconds(5));   // OK, or COMMIT_UNKNOWN: see below
//
// Errors, four kinds only (core/user_error.h; the first word of the message):
//   RETRY           nothing happened; do it again
//   READ_ONLY       nothing happened; no write quorum, or opened read-only
//   COMMIT_UNKNOWN  it was sent, but a quorum did not confirm in time; it may yet become durable
//   FENCED          another writer has taken the volume; this handle is dead for ever
// Other codes (INVALID_ARGUMENT, OUT_OF_RANGE, NOT_FOUND, DATA_LOSS) speak of the arguments or of
// one page, not of a commit's fate.
//
// Thread-safety: Volume and Cluster may be used from any thread; an Mtr belongs to one.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backtrack/clone.h"
#include "backtrack/commit_lookup.h"
#include "compute/core/commit_receipts.h"
#include "compute/core/histogram.h"
#include "compute/core/mtr.h"
#include "compute/core/user_error.h"
#include "quorum/base/instant.h"
#include "quorum/base/types.h"
#include "quorum/membership.h"
#include "quorum/volume_writer.h"
#include "topology/topology.h"

namespace hexad::compute {

struct OpenOptions {
  bool read_only = false;  // never fences: reads at the highest VDL that the segments know
  bool automatic = false;  // keep off while another writer is heard (UNAVAILABLE)
  Duration open_timeout = Duration::Seconds(15);
  // How long Commit holds back for back-pressure, and how long a commit may lack its quorum before
  // it is called COMMIT_UNKNOWN.
  Duration commit_timeout = Duration::Seconds(10);
  size_t cache_bytes = 128 << 20;
  // Go back there with the first epoch (Volume::Backtrack). The opening fails if that cannot be.
  std::optional<backtrack::BacktrackTarget> backtrack;
  quorum::WriterOptions writer;
  std::stop_token stop;  // ends an opening that is under way: UNAVAILABLE
};

enum class VolumeMode : uint8_t { kOpening, kReadWrite, kReadOnly, kFenced };
std::string_view NameOf(VolumeMode mode);  // "opening", "read-write", "read-only", "fenced"

struct VolumeStatus {
  std::string name;
  VolumeMode mode = VolumeMode::kOpening;
  std::string reason;  // why it is not read-write, for people
  EpochId epoch;
  bool sealed = false;  // the epoch is promised and has not begun: it only reads
  Lsn vdl;
  Lsn vcl;
  Lsn last_issued;
  // One more than the highest page that this process wrote or found written.
  uint64_t pages_seen = 0;
  std::optional<quorum::PgPath> history;  // of `epoch`, as the first PG has it
  quorum::Manifest manifest;
  std::vector<quorum::PgDescription> pgs;
};

// Counted since the volume was opened by this process.
struct VolumeStatistics {
  uint64_t mtrs = 0;
  uint64_t records = 0;
  uint64_t payload_bytes = 0;  // of records, without headers
  Histogram boxcar_bytes;      // of boxcars sealed, each counted once
  Histogram commit_us;         // from OnDurable (called right after Commit) to durable
  // Time from a boxcar's sealing to its k-th ack; [0] is the first. Nobody else shows it, and it is
  // the argument for 4/6: the fourth is what a commit waits for, the sixth is what it does not.
  std::array<Histogram, 6> ack_us;
  std::map<std::string, uint64_t> fourth_ack;  // node -> boxcars whose fourth ack it gave
  uint64_t cache_hits = 0;
  uint64_t cache_misses = 0;
  uint64_t hedged_reads = 0;
  size_t cache_bytes = 0;
  size_t commits_waiting = 0;
  uint64_t log_bytes_sent = 0;      // boxcars, to all nodes together
  uint64_t log_bytes_received = 0;  // answers
  size_t unsent_bytes = 0;          // queued in the process for slow nodes
};

// What a backtrack did: the newest commit that is visible now, and the first one that is not any
// more (nothing: there was none).
struct Backtracked {
  quorum::CommitPoint forked_at;
  std::optional<quorum::CommitPoint> first_left;
};

struct PageSnapshot {
  std::string page;
  Lsn page_lsn;  // None() if never written
};

// Keeps versions at its read point readable while it lives.
class ReadView {
 public:
  virtual ~ReadView() = default;
  virtual Lsn read_point() const = 0;
};

class Volume {
 public:
  virtual ~Volume() = default;

  Mtr BeginMtr() const { return Mtr(page_size()); }
  // Orders the MTR and returns its commit LSN. Blocks only for back-pressure (LAL, bytes in
  // flight), for volume growth, and for pages that are not cached and must be read first (a record
  // names its page's last LSN). READ_ONLY, FENCED, RETRY (it was held back to the end of the commit
  // timeout), INVALID_ARGUMENT (empty, or a page far beyond the volume's end).
  virtual absl::StatusOr<Lsn> Commit(Mtr mtr) = 0;
  // Commit, if the MTR would follow `newest` immediately: what was computed from the pages as they
  // were then cannot land on others. RETRY if another commit, an opening or a backtrack came first.
  virtual absl::StatusOr<Lsn> CommitAfter(Lsn newest, Mtr mtr) = 0;
  // For threads that must not be blocked: nothing where Commit would have to wait, and then nothing
  // has happened.
  virtual absl::StatusOr<std::optional<Lsn>> TryCommit(const Mtr& mtr) = 0;
  // Calls back once, in LSN order, on some thread that must not be blocked: OK when VDL >= lsn;
  // COMMIT_UNKNOWN after the commit timeout, or if the volume is closed first; FENCED (the commit
  // may be in the next writer's history or not: COMMIT_UNKNOWN to its user).
  using DurableCallback = std::function<void(const absl::Status&)>;
  virtual void OnDurable(Lsn lsn, DurableCallback done) = 0;
  virtual absl::Status WaitDurable(Lsn lsn, Duration timeout) = 0;

  // The newest durable read point, pinned: PGMRPL does not pass it while the view lives. A
  // read-only open asks the segments first, if it last did so a while ago.
  virtual std::shared_ptr<const ReadView> PinReadPoint() = 0;
  // Any retained position of the history instead (docs/fork.md): time travel. OUT_OF_RANGE if it is
  // none. A view ends, for reads, when a backtrack goes below it: OUT_OF_RANGE then.
  virtual absl::StatusOr<std::shared_ptr<const ReadView>> PinReadPointAt(Lsn read_point) = 0;
  // The commits around a target: what a backtrack would do, and which read point a time means.
  // RETRY if no segment of some PG answers in time.
  virtual absl::StatusOr<backtrack::CommitsAround> Locate(
      const backtrack::BacktrackTarget& target) = 0;
  // Makes everything after the target invisible: the last commit at or before it is the newest one
  // from now on. What is left behind can be returned to while it is retained. Commits that wait and
  // are undone by it end with RETRY. OUT_OF_RANGE says what the range is; the volume is as it was.
  virtual absl::StatusOr<Backtracked> Backtrack(const backtrack::BacktrackTarget& target) = 0;
  // Durable at a write quorum when it returns.
  virtual absl::Status SetRetention(const quorum::Retention& retention) = 0;
  // OUT_OF_RANGE if the read point lies above VDL or below what is retained. A snapshot, without a
  // promise that it is the newest: a writer that was replaced, or is cut off, reads what it has
  // cached until a segment tells it that it is fenced. What must be fresh is read by who commits.
  virtual absl::StatusOr<PageSnapshot> ReadPage(PageNo page, Lsn read_point) = 0;
  // The page as this writer last left it (its own undurable changes included).
  virtual absl::StatusOr<PageSnapshot> ReadNewest(PageNo page) = 0;

  // What the end of the last handle does, at once and for all handles: commits that wait become
  // COMMIT_UNKNOWN, calls that are held back end, later ones say that it is not open. Idempotent.
  virtual void Close() = 0;

  virtual Lsn vdl() const = 0;
  // VDL has reached it, and no backtrack or opening has left it out since: OnDurable would say OK.
  virtual bool IsDurable(Lsn lsn) const = 0;
  // The last commit that was ordered, durable or not; the VDL if this handle only reads. LSNs are
  // never used twice, so whoever finds the same one finds the same history.
  virtual Lsn newest() const = 0;
  virtual uint32_t page_size() const = 0;
  virtual VolumeStatus Status() const = 0;
  virtual VolumeStatistics Statistics() const = 0;
  // Of one of this process' newest commits; nothing if it is none of them, or forgotten.
  virtual std::optional<CommitReceipt> ReceiptOf(Lsn commit) const = 0;
};

struct CreateOptions {
  uint32_t page_size = 4096;
  uint32_t pages_per_pg = 0;  // 0 = 1 GiB of pages
  uint32_t write = 4;
  uint32_t of = 6;
  quorum::Retention retention = {};
};

struct VolumeEntry {
  std::string name;
  TimelineId timeline;
  uint32_t page_size = 0;
  uint32_t pages_per_pg = 0;
  quorum::Retention retention;  // at first; the manifest says what it is now
  quorum::Membership first_pg;
};

struct CloneSpec {
  std::string parent;
  std::string name;                                   // the clone's
  backtrack::CloneTarget at = backtrack::CloneNow();  // where it leaves its parent
  // A VDL of the parent that the caller knows of: what is durable by then is in a clone of "now".
  Lsn at_least;
};

struct ClonedVolume {
  VolumeEntry entry;
  quorum::CommitPoint forked_at;  // the newest commit of the parent that it sees
};

// A connection to a cluster's storage nodes. Volumes keep what they need of it alive.
class Cluster {
 public:
  // Connects in the background; UNAVAILABLE if no node answers within the timeout,
  // FAILED_PRECONDITION if the nodes belong to different clusters or to none ("form it: hexad up").
  static absl::StatusOr<std::unique_ptr<Cluster>> Connect(const topology::Topology& topology,
                                                          Duration timeout);
  virtual ~Cluster() = default;

  virtual ClusterId id() const = 0;
  // ALREADY_EXISTS, INVALID_ARGUMENT (page size, name), UNAVAILABLE (no write quorum of nodes).
  virtual absl::Status Create(const std::string& name, const CreateOptions& options) = 0;
  // A new volume that begins as another one was: nothing is copied, and the parent, which may be
  // written to meanwhile, is not disturbed (docs/fork.md). ALREADY_EXISTS: the name is taken.
  // NOT_FOUND: no such parent. OUT_OF_RANGE: the parent has no such commit, or not any more; the
  // message has the range. UNAVAILABLE: too few segments answer.
  virtual absl::StatusOr<ClonedVolume> Clone(const CloneSpec& spec) = 0;
  // Drops clones that their creators made and did not live to name. To be called every now and then
  // on the same object, which remembers since when it has seen them; says how many it dropped.
  virtual absl::StatusOr<int> DropOrphanClones() = 0;
  virtual absl::StatusOr<VolumeEntry> Find(const std::string& name) = 0;  // NOT_FOUND
  virtual absl::StatusOr<std::vector<VolumeEntry>> List() = 0;            // by name
  // Unregisters the name, then forgets the segments. FAILED_PRECONDITION while a writer is heard,
  // unless `force`. UNAVAILABLE if too few nodes answer to tell (unless `force`), or if the name is
  // gone but some nodes, which the message names, did not confirm that theirs are.
  virtual absl::Status Drop(const std::string& name, bool force) = 0;
  virtual absl::StatusOr<std::shared_ptr<Volume>> Open(const std::string& name,
                                                       const OpenOptions& options) = 0;
};

}  // namespace hexad::compute
