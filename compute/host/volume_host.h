// Drives one volume's core in a process, keeps its page cache and reads its pages. One mutex, one
// visit at a time (Turn): an input goes into the core, the effects are carried out, and what may
// not happen under the mutex (sending, waking, calling back) happens when the visit ends. What
// follows from what is the core's business (compute/core/volume_core.h).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compute/core/commit_receipts.h"
#include "compute/core/page_cache.h"
#include "compute/core/redo_generator.h"
#include "compute/core/volume_core.h"
#include "compute/engine.h"
#include "compute/host/callback_lane.h"
#include "compute/io/cluster_nodes.h"
#include "compute/io/page_reads.h"
#include "compute/io/storage_link.h"

namespace hexad::compute {

// Thread-safe. Held by shared_ptr; Close() before the last one goes.
class VolumeHost final : public Volume,
                         public LinkListener,
                         public std::enable_shared_from_this<VolumeHost> {
 public:
  // How far beyond its last PG a volume grows at once.
  static constexpr size_t kMaxGrowthPgs = 64;

  VolumeHost(std::shared_ptr<const ClusterNodes> nodes, VolumeEntry entry, OpenOptions options);
  ~VolumeHost() override;

  // Blocks until the volume can be written, or at least read, or it is told to stop. UNAVAILABLE
  // says what it waited for.
  absl::Status Open();
  // Ends every stream.
  void Close() override;

  absl::StatusOr<Lsn> Commit(Mtr mtr) override;
  absl::StatusOr<Lsn> CommitAfter(Lsn newest, Mtr mtr) override;
  absl::StatusOr<std::optional<Lsn>> TryCommit(const Mtr& mtr) override;
  void OnDurable(Lsn lsn, DurableCallback done) override;
  absl::Status WaitDurable(Lsn lsn, Duration timeout) override;
  std::shared_ptr<const ReadView> PinReadPoint() override;
  absl::StatusOr<std::shared_ptr<const ReadView>> PinReadPointAt(Lsn read_point) override;
  absl::StatusOr<backtrack::CommitsAround> Locate(
      const backtrack::BacktrackTarget& target) override;
  absl::StatusOr<Backtracked> Backtrack(const backtrack::BacktrackTarget& target) override;
  absl::Status SetRetention(const quorum::Retention& retention) override;
  absl::StatusOr<PageSnapshot> ReadPage(PageNo page, Lsn read_point) override;
  absl::StatusOr<PageSnapshot> ReadNewest(PageNo page) override;
  Lsn vdl() const override;
  bool IsDurable(Lsn lsn) const override;
  Lsn newest() const override;
  uint32_t page_size() const override { return entry_.page_size; }
  VolumeStatus Status() const override;
  VolumeStatistics Statistics() const override;
  std::optional<CommitReceipt> ReceiptOf(Lsn commit) const override;

  void OnLinkUp(StorageLink& link, Incarnation incarnation) override;
  void OnLinkDown(StorageLink& link) override;
  void OnAnswers(StorageLink& link, std::vector<quorum::SegmentAnswer> answers) override;

 private:
  class Turn;
  class View;
  // Somebody waits for a page to come in.
  struct PageWait {
    std::shared_ptr<Event> event;
    absl::StatusOr<PageSnapshot> result;
  };
  // The one read of a page's newest version that is under way.
  struct Fetch {
    Lsn read_at;
    uint64_t tenure = 0;
    std::vector<std::shared_ptr<PageWait>> waits;
  };

  // --- driving the core (volume_host.cc)
  void Step(Turn& turn, const VolumeInput& input);
  void CarryOut(Turn& turn, VolumeCore::Effects effects);
  void LookAt(const NodeId& node, const quorum::SegmentAnswer& answer);
  void OnDeadline(Instant armed);
  void ArmTimer(Instant now);
  void WakeBlocked(Turn& turn);
  void FinishCommits(std::vector<CommitQueue::Waiter> waiters, const absl::Status& status);
  void CountBoxcar(const quorum::SegmentRequest& request);

  // --- effects
  void On(Turn& turn, quorum::Send& send);
  void On(Turn& turn, OpeningSend& send) { On(turn, send.send); }
  void On(Turn& turn, const quorum::MtrIssued& issued);
  void On(Turn& turn, const quorum::MtrBlocked& blocked);
  void On(Turn& turn, const quorum::VdlMoved& moved);
  void On(Turn& turn, const quorum::Grown& grown);
  void On(Turn& turn, const quorum::AckTimed& acked);
  void On(Turn& turn, const TenureBegan& began);
  void On(Turn& turn, const ReadsRestart& restart);
  void On(Turn& turn, CommitsEnded& ended);
  void On(Turn& turn, const OpenEnded& ended);
  void On(Turn& turn, const OpeningGaveUp& gave_up);
  void On(Turn& turn, const BacktrackEnded& ended);
  void On(Turn& turn, const Located& located);
  void On(Turn& turn, const Changed& changed);
  void On(Turn& turn, const BecameFenced& fenced);

  // --- commits (volume_commits.cc)
  absl::Status CheckMtr(const Mtr& mtr) const;
  absl::Status WhyNoCommit(Instant now) const;  // REQUIRES: mutex_ held
  absl::Status HeldBack(const std::string& why) const;
  // One attempt: an LSN, or an error, or what to wait for before the next.
  struct Attempt {
    std::optional<absl::StatusOr<Lsn>> outcome;
    std::shared_ptr<Event> wait;
    std::shared_ptr<PageWait> page;  // whose event `wait` is, if it is a page
    std::string why;
  };
  bool WaitOut(Attempt& attempt, Instant deadline) const;
  // What an MTR holds on to from one attempt to the next: pages that stay cached while others are
  // read for it, and the commit that it must follow, if that matters.
  struct Held {
    uint64_t cache = 0;  // cache_serial_ when they were pinned
    std::vector<PageNo> pages;
    std::optional<Lsn> after = std::nullopt;
  };
  absl::StatusOr<Lsn> Commit(Mtr mtr, std::optional<Lsn> after);
  Attempt AttemptCommit(const Mtr& mtr, const std::vector<PageNo>& pages, Held& held);
  bool AllCached(Turn& turn, const std::vector<PageNo>& pages, Held& held, Attempt& attempt);
  void Submit(Turn& turn, const Mtr& mtr, Attempt& attempt);
  void NotePart(PageNo page, Lsn lsn);
  void Release(const Held& held);
  void WaitForChange(Attempt& attempt, std::string why);

  // --- reads (volume_reads.cc)
  absl::Status CheckReadPoint(Lsn read_point) const;
  absl::Status CheckRead(PageNo page, Lsn read_point) const;
  void LetLastVdlBeTold();
  absl::StatusOr<PageSnapshot> ReadPatiently(PageNo page, Lsn read_point);
  absl::StatusOr<PageSnapshot> ReadOnce(PageNo page, Lsn read_point, Instant deadline);
  bool IsOurOwnEpoch(const absl::Status& refusal) const;
  void RefreshSnapshot();
  std::shared_ptr<PageWait> FetchNewest(Turn& turn, PageNo page);
  void Fetched(PageNo page, uint64_t tenure, absl::StatusOr<quorum::PageRead> read);
  absl::StatusOr<PageSnapshot> ReadAt(PageNo page, Lsn read_point);
  void DropFetches(Turn& turn);
  void Pin(Turn& turn, Lsn read_point);
  void Unpin(Turn& turn, Lsn read_point);
  void StaleRead(const NodeId& node, const quorum::Refused& refused);

  const std::shared_ptr<const ClusterNodes> nodes_;
  const VolumeEntry entry_;
  const OpenOptions options_;
  const std::shared_ptr<PageReads> reads_;
  std::map<NodeId, std::shared_ptr<StorageLink>> links_;  // fixed after Open
  CallbackLane callbacks_;

  mutable std::mutex mutex_;
  VolumeCore core_;
  bool closed_ = false;
  std::shared_ptr<Event> open_event_;
  std::optional<absl::Status> open_status_;  // once the event is set
  struct BacktrackWait {
    std::shared_ptr<Event> event;
    BacktrackEnded ended;
  };
  std::shared_ptr<BacktrackWait> backtrack_wait_;  // of the one that is under way
  struct LocateWait {
    std::shared_ptr<Event> event;
    backtrack::CommitsAround around;
  };
  std::mutex locating_;  // one at a time; taken before mutex_
  std::shared_ptr<LocateWait> locate_wait_;
  // When the timer will call. Each one armed is earlier than all before it, so they are few: what
  // comes too early arms nothing that is there already.
  std::set<Instant> armed_;

  std::vector<std::shared_ptr<Event>>
      blocked_;  // commits and reads that wait for anything to change
  uint64_t tag_ = 0;
  std::optional<quorum::MtrIssued> issued_;  // the last Submit's outcome: one of these
  std::optional<quorum::MtrBlocked> refused_;

  std::unique_ptr<PageCache> cache_;  // from the first ReadsRestart on
  uint64_t cache_serial_ = 0;         // counts the caches
  RedoGenerator redo_;
  std::map<PageNo, Fetch> fetches_;
  uint64_t pages_seen_ = 0;
  VolumeStatistics statistics_;
  CommitReceipts receipts_;
  std::vector<CommitReceipts::Part> parts_;  // of the MTR that is being issued
  const char* last_boxcar_ = nullptr;        // compared, never read
};

}  // namespace hexad::compute
