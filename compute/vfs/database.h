// A volume as a database: snapshots without locks, one writer at a time, commits that pipeline.
//
//   read     a transaction pins a snapshot: the newest commit that was ordered, or the newest that
//            is durable. Whoever tells a client what it saw of the first waits until that is
//            durable.
//   write    one connection at a time holds the writer's place. It is given only to who has seen
//            the newest commit: what was computed from an older one cannot be committed.
//   commit   the window becomes one MTR. When the volume has ordered it, the writer's place is
//            free again: the next transaction runs while this one travels to the storage nodes.
//
// The volume may change beneath: a backtrack, an opening with a higher epoch that leaves out what
// was not durable, somebody who writes pages without SQL. Each ends this database's *lineage*:
// transactions that are open fail with RETRY, and connections forget the pages that they hold.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/engine.h"
#include "compute/vfs/pending_pages.h"
#include "compute/vfs/write_window.h"

namespace hexad::compute {

enum class SnapshotKind : uint8_t {
  kNewest,   // the newest commit: what a writer needs. What it shows may not be durable yet.
  kDurable,  // the newest durable commit: nobody has to wait for anything
};

struct Snapshot {
  Lsn read_point;
  uint64_t lineage = 0;
  std::shared_ptr<const ReadView> view;  // holds garbage collection back
};

// Thread-safe. A volume has one Database in a process.
class Database {
 public:
  explicit Database(std::shared_ptr<Volume> volume);
  // As of a position in the past, for ever: nothing can be written.
  static absl::StatusOr<std::shared_ptr<Database>> AsOf(std::shared_ptr<Volume> volume,
                                                        Lsn read_point);

  uint32_t page_size() const { return page_size_; }
  bool read_only() const { return fixed_ != nullptr; }
  Volume& volume() const { return *volume_; }

  // May wait, after the volume has changed beneath, until its newest commit is durable: RETRY if it
  // is not in time.
  absl::StatusOr<Snapshot> Begin(SnapshotKind kind);
  // The page as of the snapshot. RETRY: the snapshot's lineage has ended.
  absl::StatusOr<std::string> Read(PageNo page, const Snapshot& snapshot);

  enum class WriterPlace : uint8_t {
    kGiven,
    kTaken,  // by another connection
    kStale,  // the snapshot is not the newest commit any more: begin again
  };
  // `who` is compared, never followed. Not for who would overtake those that wait.
  WriterPlace TakeWriterPlace(const void* who, const Snapshot& snapshot);
  // To have the place in turn, before the transaction begins: true if it is `who`'s now. Otherwise
  // `granted` is called when it is, once, on the thread of who left it.
  bool AwaitWriterPlace(const void* who, std::function<void()> granted);
  // Whoever waits longest is next. Ends `who`'s own waiting as well; no effect if there was none.
  void LeaveWriterPlace(const void* who);
  bool WriterPlaceTaken() const;
  bool HasWriterPlace(const void* who) const;
  // It has the place, and somebody waits for it.
  bool HoldsOthersUp(const void* who) const;

  // Orders what the window has, and makes `snapshot` the result: its read point is the commit. Does
  // not wait for durability. The errors of Volume::CommitAfter. REQUIRES: `who` has the writer's
  // place.
  absl::Status Commit(const void* who, const WriteWindow& window, Snapshot& snapshot);

 private:
  // False if the volume is not as this database left it, and was not looked at since.
  bool IsAsLeft() const;
  absl::Status FollowVolume();
  std::shared_ptr<const ReadView> PinDurable();

  const std::shared_ptr<Volume> volume_;
  const uint32_t page_size_;
  std::shared_ptr<const ReadView> fixed_;  // AsOf: the one snapshot that there is

  mutable std::mutex mutex_;
  PendingPages pending_;
  uint64_t lineage_ = 1;
  Lsn newest_;               // of this lineage, durable or not
  bool committing_ = false;  // the volume may be ahead of newest_ by this
  const void* writer_ = nullptr;
  struct Waiter {
    const void* who;
    std::function<void()> granted;
  };
  std::deque<Waiter> waiters_;
  std::weak_ptr<const ReadView> last_view_;  // snapshots of one read point share it
};

}  // namespace hexad::compute
