// A compute process of the simulated world: the real volume core (openings, writer, commit queue,
// pins, retention), page cache and redo generator, with clients that write and readers that read.
// It is the host of the core, as compute/host's VolumeHost is in a real process.
//
// A process opened as a snapshot only reads, and asks again how far the volume is.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compute/core/page_cache.h"
#include "compute/core/redo_generator.h"
#include "compute/core/volume_core.h"
#include "quorum/base/prng.h"
#include "quorum/segment_selector.h"
#include "tests/sim/fabric.h"

namespace hexad::sim {

// What its clients do.
struct LoadOptions {
  int clients = 4;                             // each waits for its MTR's outcome, then thinks
  Duration think = Duration::Millis(20);       // on average
  uint32_t pages = 24;                         // of the volume: more than there are make it grow
  uint32_t largest_mtr = 6;                    // page writes
  uint32_t images_per_mille = 30;              // of page writes
  uint32_t truncates_per_mille = 2;            // of MTRs
  Duration read_every = Duration::Millis(40);  // a page at some read point
  Duration read_point_age = Duration::Millis(800);  // how long a read point is kept, at most
  Duration commit_timeout = Duration::Seconds(5);
  Duration backtrack_every;  // on average; none: never
};

struct ComputeOptions {
  quorum::Manifest named;
  std::vector<quorum::RosterNode> roster;
  quorum::WriterOptions writer;
  LoadOptions load;
  size_t cache_bytes = 16 * 4096;
  uint64_t lal = quorum::kMaxLal;
  Duration mark_every = compute::RetentionMarks::kShortestStep;
};

class SimCompute : public StreamOwner {
 public:
  using Phase = compute::VolumeCore::Phase;

  SimCompute(Fabric& fabric, Endpoint self, ComputeOptions options, Fabric::Tell tell,
             uint64_t seed);
  ~SimCompute() override;

  // REQUIRES: down. `id` is never reused.
  void Start(ProcessId id, compute::OpenVolume open);
  // Where its user might want to go back to; nothing if nothing was written from here yet.
  std::optional<backtrack::BacktrackTarget> DrawTarget();
  void Stop();
  void JumpAhead(Duration by);

  Process& process() { return process_; }
  Endpoint endpoint() const { return self_; }
  ProcessId id() const { return id_; }
  bool down() const { return core_ == nullptr; }
  bool Is(Phase phase) const { return core_ != nullptr && core_->phase() == phase; }
  // REQUIRES: not down.
  const compute::VolumeCore& core() const { return *core_; }
  std::string Describe() const;
  // Clients start no more MTRs.
  void Quiesce() { quiet_ = true; }
  // Nothing issued is waiting.
  bool idle() const { return core_->commits_waiting() == 0 && in_hand_ == 0; }

  void OnUp(NodeIndex node, Incarnation incarnation) override;
  void OnDown(NodeIndex node) override;
  void OnAnswer(NodeIndex node, quorum::SegmentAnswer answer) override;

 private:
  // --- the core (sim_compute.cc)
  void Step(const compute::VolumeInput& input);
  void CarryOut(const compute::VolumeCore::Effects& effects);
  void TellOpening(const quorum::Send& send);
  void On(const quorum::Send& send);
  void On(const compute::OpeningSend& send);
  void On(const quorum::MtrIssued& issued);
  void On(const quorum::MtrBlocked& blocked) { refused_ = blocked; }
  void On(const quorum::VdlMoved& moved);
  void On(const quorum::Grown& grown);
  void On(const quorum::AckTimed&) {}
  void On(const compute::TenureBegan& began);
  void On(const compute::ReadsRestart& restart);
  void On(const compute::CommitsEnded& ended);
  void On(const compute::OpenEnded& ended);
  void On(const compute::OpeningGaveUp& gave_up);
  void On(const compute::BacktrackEnded& ended);
  void On(const compute::Located&) {}
  void On(const compute::Changed&) { TryBlocked(); }
  void On(const compute::BecameFenced& fenced);
  void ArmTick();
  NodeIndex IndexOf(const NodeId& node) const;

  // --- what its clients write (sim_load.cc)
  struct Client {
    std::vector<PageWrite> writes;  // the MTR in hand
    bool in_hand = false;
  };
  void StartClients(backtrack::OpenMode mode);
  void StartGoingBack();
  void Think(size_t client);
  void Begin(size_t client);
  void Try(size_t client);
  void TryBlocked();
  bool MayCommit(const Client& client);
  bool Submit(size_t client);
  void Finished(size_t client, Lsn commit, bool durable);
  std::vector<PageWrite> MakeMtr();

  // --- reads (sim_reads.cc)
  struct Reading;
  void StartReaders();
  void ReadSomething();
  void Pin(Lsn read_point);
  void Unpin(Lsn read_point);
  void DropFetches();
  void Fetch(PageNo page);
  void Fetched(PageNo page, Lsn read_at, const quorum::PageRead& read);
  using PageCallback = std::function<void(const quorum::PageRead&)>;
  void ReadPage(PageNo page, Lsn read_point, PageCallback done);
  void Ask(const std::shared_ptr<Reading>& reading);
  void Asked(const std::shared_ptr<Reading>& reading, int member,
             std::optional<PageOutcome> outcome);
  void LearnScl(const NodeId& node, const quorum::SegmentAnswer& answer);
  void SetSelectors(const std::vector<std::vector<std::optional<Lsn>>>& scls);

  Fabric& fabric_;
  const Endpoint self_;
  const ComputeOptions options_;
  const Fabric::Tell tell_;
  Prng prng_;
  Process process_;
  ProcessId id_ = 0;

  std::unique_ptr<compute::VolumeCore> core_;  // nullptr: the process is down
  std::set<NodeIndex> connected_;
  EpochId begins_;  // the last epoch that an opening asked a segment to begin
  uint64_t steps_ = 0;
  Instant tick_at_ = Instant::Never();

  std::optional<quorum::MtrIssued> issued_;
  std::optional<quorum::MtrBlocked> refused_;
  std::vector<Client> clients_;
  std::deque<size_t> blocked_;
  size_t submitting_ = 0;  // the client whose MTR the writer is given
  CommitTime submitting_at_;
  bool trying_ = false;
  size_t in_hand_ = 0;
  // What its user remembers of its commits, also of those of earlier processes.
  static constexpr size_t kCommitsSeen = 200;
  std::deque<quorum::CommitPoint> commits_seen_;
  uint64_t tag_ = 0;
  bool quiet_ = false;

  std::unique_ptr<compute::PageCache> cache_;
  std::unique_ptr<compute::RedoGenerator> redo_;
  struct View {
    Lsn read_point;
    Instant until;
  };
  std::deque<View> views_;         // by read point
  std::map<PageNo, Lsn> fetches_;  // under way, with the read point of each
  std::vector<quorum::SegmentSelector> selectors_;
};

}  // namespace hexad::sim
