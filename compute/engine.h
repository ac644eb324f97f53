// What an engine needs of a Hexad volume, in one header: open it, change pages atomically, learn when
// a commit is durable, read pages as of a read point.
//
//   auto cluster = Cluster::Connect(topology).value();
//   auto volume = cluster->Open("main", {}).value();
//   Mtr mtr = volume->BeginMtr();
//   mtr.Write(PageNo(7), 128, "bytes");              // INVALID_ARGUMENT outside the page
//   Lsn lsn = volume->Commit(std::move(mtr)).value(); // returns at once: ordered, not yet durable
//   volume->WaitDurable(lsn, Duration::Seconds(5));   // OK, or COMMIT_UNKNOWN: see below
//
// Errors, four kinds only (UserError in the status, first word of the message):
//   RETRY           nothing happened; do it again
//   READ_ONLY       nothing happened; no write quorum, or opened read-only
//   COMMIT_UNKNOWN  it was sent, but a quorum did not confirm in time; it may yet become durable
//   FENCED          another writer has taken the volume; this handle is dead for ever
// Thread-safety: Volume and Cluster may be used from any thread; an Mtr belongs to one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "quorum/base/instant.h"
#include "quorum/base/types.h"
#include "quorum/membership.h"
#include "quorum/volume_writer.h"
#include "topology/topology.h"

namespace hexad::compute {

enum class UserError : uint8_t { kNone, kRetry, kReadOnly, kCommitUnknown, kFenced };
absl::Status MakeUserError(UserError error, std::string_view detail);
// kNone for OK and for errors that are no fate of a commit (a bad argument).
UserError UserErrorOf(const absl::Status& status);

// Byte ranges to change together. Move-only; nothing happens until Commit.
class Mtr {
 public:
  // INVALID_ARGUMENT if the range leaves the page. Ranges of one page may overlap: later wins.
  absl::Status Write(PageNo page, uint32_t offset, std::string_view bytes);
  // The whole page. INVALID_ARGUMENT unless exactly one page long.
  absl::Status WriteImage(PageNo page, std::string_view bytes);
  // Pages from here on read as zeros.
  void Truncate(PageNo new_page_count);
  bool empty() const { return changes_.empty(); }

 private:
  friend class Volume;
  explicit Mtr(uint32_t page_size) : page_size_(page_size) {}
  struct Change {
    PageNo page;
    quorum::RecordKind kind;
    std::string payload;
  };
  uint32_t page_size_;
  std::vector<Change> changes_;
};

struct OpenOptions {
  bool read_only = false;     // never fences: reads at the highest VDL that the segments know
  bool automatic = false;     // keep off while another writer is heard (UNAVAILABLE)
  Duration open_timeout = Duration::Seconds(15);
  Duration commit_timeout = Duration::Seconds(10);
  size_t cache_bytes = 128 << 20;
  quorum::WriterOptions writer;
};

enum class VolumeMode : uint8_t { kOpening, kReadWrite, kReadOnly, kFenced };

struct VolumeStatus {
  std::string name;
  VolumeMode mode = VolumeMode::kOpening;
  std::string reason;  // why it is not read-write, for people
  EpochId epoch;
  Lsn vdl;
  Lsn vcl;
  Lsn last_issued;
  quorum::Manifest manifest;
  std::vector<quorum::PgDescription> pgs;
};

struct PageSnapshot {
  std::string page;
  Lsn page_lsn;  // None() if never written
};

// Keeps versions at its read point readable while it lives.
class ReadView;

class Volume {
 public:
  virtual ~Volume() = default;

  Mtr BeginMtr() const { return Mtr(page_size()); }
  // Orders the MTR and returns its commit LSN. Blocks only for back-pressure (LAL, bytes in flight)
  // and for volume growth. READ_ONLY, FENCED, or RETRY (back-pressure did not end in time).
  virtual absl::StatusOr<Lsn> Commit(Mtr mtr) = 0;
  // Calls back once, on some thread, in LSN order: OK when VDL >= lsn; COMMIT_UNKNOWN after the commit
  // timeout; FENCED (the commit may be in the next writer's history or not: COMMIT_UNKNOWN to its user).
  using DurableCallback = std::function<void(const absl::Status&)>;
  virtual void OnDurable(Lsn lsn, DurableCallback done) = 0;
  virtual absl::Status WaitDurable(Lsn lsn, Duration timeout) = 0;

  // The newest durable read point, pinned: PGMRPL does not pass it while the view lives.
  virtual std::shared_ptr<const ReadView> PinReadPoint() = 0;
  // OUT_OF_RANGE if the read point lies above VDL or below what is retained.
  virtual absl::StatusOr<PageSnapshot> ReadPage(PageNo page, Lsn read_point) = 0;
  // The page as this writer last left it (its own undurable changes included).
  virtual absl::StatusOr<PageSnapshot> ReadNewest(PageNo page) = 0;

  virtual Lsn vdl() const = 0;
  virtual uint32_t page_size() const = 0;
  virtual VolumeStatus Status() const = 0;
};

class ReadView {
 public:
  virtual ~ReadView() = default;
  virtual Lsn read_point() const = 0;
};

struct CreateOptions {
  uint32_t page_size = 4096;
  uint32_t pages_per_pg = 0;  // 0 = 1 GiB of pages
  uint32_t write = 4;
  uint32_t of = 6;
};

struct VolumeEntry {
  std::string name;
  TimelineId timeline;
  uint32_t page_size = 0;
  uint32_t pages_per_pg = 0;
  quorum::Membership first_pg;
};

// A connection to a cluster's storage nodes.
class Cluster {
 public:
  // Connects in the background; UNAVAILABLE if no node answers within the timeout, FAILED_PRECONDITION
  // if the nodes belong to different clusters or to none ("form it: hexad up").
  static absl::StatusOr<std::unique_ptr<Cluster>> Connect(const topology::Topology& topology,
                                                          Duration timeout);
  virtual ~Cluster() = default;

  // ALREADY_EXISTS, INVALID_ARGUMENT (page size, name), UNAVAILABLE (no write quorum of nodes).
  virtual absl::Status Create(const std::string& name, const CreateOptions& options) = 0;
  virtual absl::StatusOr<VolumeEntry> Find(const std::string& name) = 0;  // NOT_FOUND
  virtual absl::StatusOr<std::vector<VolumeEntry>> List() = 0;
  // Unregisters the name, then forgets the segments. FAILED_PRECONDITION while a writer is heard,
  // unless `force`.
  virtual absl::Status Drop(const std::string& name, bool force) = 0;
  virtual absl::StatusOr<std::shared_ptr<Volume>> Open(const std::string& name,
                                                       const OpenOptions& options) = 0;
};

}  // namespace hexad::compute
