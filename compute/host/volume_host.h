// Drives one volume's cores in a process: the opening, then the volume writer. One mutex, one visit
// at a time (Turn): an input goes in, the effects are carried out, and what may not happen under
// the mutex (sending, waking, calling back) happens when the visit ends.
//
//   [opening] --Opened--> [writing] --Outbid, grace--> [draining] --VDL = last issued-->
//   [succeeding]
//      |  ^                   ^  |                                                           |
//      |  |read-only after    |  +----------------- Fenced ------------------> [fenced]      |
//      v  |all: still trying  +------------------------------ Opened -----------------------+
//   [read-only]
//
// Opened with read_only it only polls (kSnapshot): it stays in [read-only], fences nobody, and asks
// again how far the volume is whenever a read point is pinned.
//
//   edge                     made by
//   opening -> read-only     On(OpenedReadOnly): three of six promised, no write quorum
//   opening, read-only,
//   succeeding -> writing    On(Opened)
//   writing -> draining      OnDeadline, kOutbidGrace after Outbid: its contender died half-way
//   draining -> succeeding   Succeed: everything issued is durable, the next epoch can start there;
//                            or GiveUpDraining: VDL stood still for kDrainPatience, so the next
//                            epoch starts wherever its opening finds the durable log to end
//   any -> fenced            On(Fenced), or On(Opened) if somebody else wrote before our next epoch
//
// READ_ONLY for want of a write quorum is no state of its own: the writer goes on, and QuorumWatch
// says when to refuse new commits.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backtrack/opening.h"
#include "compute/core/commit_queue.h"
#include "compute/core/page_cache.h"
#include "compute/core/quorum_watch.h"
#include "compute/core/read_pins.h"
#include "compute/core/redo_generator.h"
#include "compute/engine.h"
#include "compute/host/callback_lane.h"
#include "compute/io/cluster_nodes.h"
#include "compute/io/page_reads.h"
#include "compute/io/storage_link.h"
#include "quorum/volume_writer.h"

namespace hexad::compute {

// Thread-safe. Held by shared_ptr; Close() before the last one goes.
class VolumeHost final : public Volume,
                         public LinkListener,
                         public std::enable_shared_from_this<VolumeHost> {
 public:
  // How long a writer that met a higher promise waits to be fenced by it before it succeeds itself.
  static constexpr Duration kOutbidGrace = Duration::Seconds(1);
  // How long VDL may stand still before draining is given up. The segments that promised a
  // contender and those that are down together may leave no write quorum, and then it never moves
  // again.
  static constexpr Duration kDrainPatience = Duration::Seconds(3);
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
  absl::StatusOr<std::optional<Lsn>> TryCommit(const Mtr& mtr) override;
  void OnDurable(Lsn lsn, DurableCallback done) override;
  absl::Status WaitDurable(Lsn lsn, Duration timeout) override;
  std::shared_ptr<const ReadView> PinReadPoint() override;
  absl::StatusOr<PageSnapshot> ReadPage(PageNo page, Lsn read_point) override;
  absl::StatusOr<PageSnapshot> ReadNewest(PageNo page) override;
  Lsn vdl() const override;
  uint32_t page_size() const override { return entry_.page_size; }
  VolumeStatus Status() const override;
  VolumeStatistics Statistics() const override;

  void OnLinkUp(StorageLink& link, Incarnation incarnation) override;
  void OnLinkDown(StorageLink& link) override;
  void OnAnswers(StorageLink& link, std::vector<quorum::SegmentAnswer> answers) override;

 private:
  enum class Phase { kOpening, kReadOnly, kWriting, kDraining, kSucceeding, kFenced, kClosed };
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

  // --- driving the cores (volume_host.cc)
  void Feed(Turn& turn, const quorum::WriterInput& input);
  void Feed(Turn& turn, const backtrack::OpeningInput& input);
  template <class Input>
  void FeedEither(Turn& turn, const Input& input);
  void LookAt(Turn& turn, const NodeId& node, const quorum::SegmentAnswer& answer);
  void OnDeadline(Instant armed);
  void ArmTimer(Instant now);
  void WakeBlocked(Turn& turn);
  void FinishCommits(std::vector<CommitQueue::Waiter> waiters, const absl::Status& status);

  void CountBoxcar(const quorum::SegmentRequest& request);

  // --- effects
  void On(Turn& turn, quorum::Send& send);
  void On(Turn& turn, const quorum::MtrIssued& issued);
  void On(Turn& turn, const quorum::MtrBlocked& blocked);
  void On(Turn& turn, const quorum::VdlMoved& moved);
  void On(Turn& turn, const quorum::Grown& grown);
  void On(Turn& turn, const quorum::Retained& retained);
  void On(Turn& turn, const quorum::WriteQuorumChanged& changed);
  void On(Turn& turn, const quorum::Outbid& outbid);
  void On(Turn& turn, const quorum::Fenced& fenced);
  void On(Turn& turn, const quorum::AckTimed& acked);
  void On(Turn& turn, backtrack::Opened& opened);
  void On(Turn& turn, backtrack::OpenedReadOnly& opened);
  void On(Turn& turn, const backtrack::OpeningFailed& failed);

  // --- tenures (volume_tenures.cc)
  void StartOpening(Turn& turn);
  void Succeed(Turn& turn);
  void EndTenure();
  void GiveUpDraining(Turn& turn);
  bool WroteInBetween(const quorum::WriterStart& start) const;
  bool CouldBeOurs(Lsn end) const { return end >= vdl_ && end <= issued_to_; }
  void SettleCommits();
  absl::Status Annulled() const;
  void SetReadBase(Turn& turn, Lsn vdl);
  void ForgetCache(Turn& turn, Lsn vdl);
  void BecomeFenced(Turn& turn, std::string why);

  // --- commits (volume_commits.cc)
  absl::Status CheckMtr(const Mtr& mtr) const;
  absl::Status WhyNoCommit(Instant now) const;
  absl::Status HeldBack(const std::string& why) const;
  // One attempt: an LSN, or an error, or what to wait for before the next.
  struct Attempt {
    std::optional<absl::StatusOr<Lsn>> outcome;
    std::shared_ptr<Event> wait;
    std::shared_ptr<PageWait> page;  // whose event `wait` is, if it is a page
    std::string why;
  };
  bool WaitOut(Attempt& attempt, Instant deadline) const;
  // Pages of an MTR that stay cached while others are read for it.
  struct Held {
    uint64_t cache = 0;  // cache_serial_ when they were pinned
    std::vector<PageNo> pages;
  };
  Attempt AttemptCommit(const Mtr& mtr, const std::vector<PageNo>& pages, Held& held);
  bool AllCached(Turn& turn, const std::vector<PageNo>& pages, Held& held, Attempt& attempt);
  void Submit(Turn& turn, const Mtr& mtr, Attempt& attempt);
  void Release(const Held& held);
  void WaitForChange(Attempt& attempt, std::string why);
  void GrowTowards(Turn& turn, size_t pgs);

  // --- reads (volume_reads.cc)
  absl::Status CheckRead(PageNo page, Lsn read_point) const;
  void LetLastVdlBeTold();
  absl::StatusOr<PageSnapshot> ReadPatiently(PageNo page, Lsn read_point);
  absl::StatusOr<PageSnapshot> ReadOnce(PageNo page, Lsn read_point, Instant deadline);
  bool IsOurOwnEpoch(const absl::Status& refusal) const;
  void RefreshSnapshot();
  Lsn CompleteTo(size_t pg_index, Lsn read_point) const;
  std::shared_ptr<PageWait> FetchNewest(Turn& turn, PageNo page);
  void Fetched(PageNo page, uint64_t tenure, absl::StatusOr<quorum::PageRead> read);
  absl::StatusOr<PageSnapshot> ReadAt(PageNo page, Lsn read_point);
  void DropFetches(Turn& turn);
  void Pin(Turn& turn, Lsn read_point);
  void Unpin(Turn& turn, Lsn read_point);
  void StaleRead(const NodeId& node, const quorum::Refused& refused);
  std::vector<quorum::PgDescription> DescribeWithoutWriter() const;
  std::string Where() const;  // "volume main (timeline 5f, epoch 3.a1, VDL 12)", for messages

  const std::shared_ptr<const ClusterNodes> nodes_;
  const VolumeEntry entry_;
  const OpenOptions options_;
  const std::shared_ptr<PageReads> reads_;
  std::map<NodeId, std::shared_ptr<StorageLink>> links_;  // fixed after Open
  CallbackLane callbacks_;

  mutable std::mutex mutex_;
  Phase phase_ = Phase::kOpening;
  std::string reason_;                                         // why the phase is not kWriting
  backtrack::OpenMode mode_ = backtrack::OpenMode::kOperator;  // of the next opening
  std::unique_ptr<backtrack::Opening> opening_;
  std::unique_ptr<quorum::VolumeWriter> writer_;  // in kWriting, kDraining, kFenced
  std::map<NodeId, Incarnation> connected_;
  std::shared_ptr<Event> open_event_;
  absl::Status open_failure_;
  quorum::Manifest manifest_;
  EpochId epoch_;          // that reads claim
  bool sealed_ = false;    // and that has not begun
  EpochId written_epoch_;  // the last that this handle wrote under; Root() if none
  Lsn issued_to_;          // kSucceeding: the highest LSN issued under it
  // LSNs that were issued and, after a draining that was given up, are in no history: (first,
  // second].
  std::vector<std::pair<Lsn, Lsn>> annulled_;
  uint64_t tenure_ = 0;  // counts what SetReadBase starts: reads of an earlier one do not count
  Lsn vdl_;
  Instant snapshot_at_;  // of the last OpenedReadOnly
  // Per PG: in kReadOnly, and in kSucceeding once the opening offered to read only.
  std::vector<Lsn> read_only_complete_to_;
  QuorumWatch quorums_;
  // kWriting: Outbid was met, drain then. kDraining: give up then. kSucceeding: try again then.
  std::optional<Instant> succeed_at_;
  // When the timer will call. Each one armed is earlier than all before it, so they are few: what
  // comes too early arms nothing that is there already.
  std::set<Instant> armed_;

  CommitQueue commits_;
  std::vector<std::shared_ptr<Event>>
      blocked_;  // commits and reads that wait for anything to change
  uint64_t tag_ = 0;
  std::optional<quorum::MtrIssued> issued_;  // the last Submit's outcome: one of these
  std::optional<quorum::MtrBlocked> refused_;
  size_t growth_target_ = 0;
  bool growing_ = false;

  std::unique_ptr<PageCache> cache_;  // from the first SetReadBase on
  uint64_t cache_serial_ = 0;         // counts the caches
  RedoGenerator redo_;
  std::map<PageNo, Fetch> fetches_;
  ReadPins pins_;
  uint64_t pages_seen_ = 0;
  VolumeStatistics statistics_;
  const char* last_boxcar_ = nullptr;  // compared, never read
};

}  // namespace hexad::compute
