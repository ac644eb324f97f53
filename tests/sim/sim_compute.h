// A compute process of the simulated world: the real Opening, VolumeWriter, commit queue, page
// cache and redo generator, with clients that write and readers that read. It does what
// compute/host's VolumeHost does, in the same phases:
//
//   [opening] -> [writing] -> [draining] -> [succeeding] -> [writing] ...     any -> [fenced]
//
// A process opened as a snapshot only reads, and asks again how far the volume is.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backtrack/opening.h"
#include "compute/core/commit_queue.h"
#include "compute/core/page_cache.h"
#include "compute/core/read_pins.h"
#include "compute/core/redo_generator.h"
#include "quorum/base/prng.h"
#include "quorum/segment_selector.h"
#include "quorum/volume_writer.h"
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
};

struct ComputeOptions {
  quorum::Manifest named;
  std::vector<quorum::RosterNode> roster;
  quorum::WriterOptions writer;
  LoadOptions load;
  size_t cache_bytes = 16 * 4096;
  uint64_t lal = quorum::kMaxLal;
};

class SimCompute : public StreamOwner {
 public:
  enum class Phase { kDown, kOpening, kReadOnly, kWriting, kDraining, kSucceeding, kFenced };

  SimCompute(Fabric& fabric, Endpoint self, ComputeOptions options, Fabric::Tell tell,
             uint64_t seed);
  ~SimCompute() override;

  // REQUIRES: down. `id` is never reused.
  void Start(ProcessId id, backtrack::OpenMode mode);
  void Stop();
  void JumpAhead(Duration by);

  Process& process() { return process_; }
  Endpoint endpoint() const { return self_; }
  ProcessId id() const { return id_; }
  Phase phase() const { return phase_; }
  backtrack::OpenMode mode() const { return mode_; }
  EpochId epoch() const { return epoch_; }
  Lsn vdl() const { return vdl_; }
  const quorum::VolumeWriter* writer() const { return writer_.get(); }
  const quorum::Manifest& manifest() const { return manifest_; }
  std::string Describe() const;
  // Clients start no more MTRs.
  void Quiesce() { quiet_ = true; }
  // Nothing issued is waiting.
  bool idle() const { return commits_.size() == 0 && in_hand_ == 0; }

  void OnUp(NodeIndex node, Incarnation incarnation) override;
  void OnDown(NodeIndex node) override;
  void OnAnswer(NodeIndex node, quorum::SegmentAnswer answer) override;

 private:
  // --- the cores (sim_compute.cc)
  void StartOpening();
  void Feed(const quorum::WriterInput& input);
  void Feed(const backtrack::OpeningInput& input);
  void TellOpening(const quorum::Send& send);
  template <class Input>
  void FeedEither(const Input& input);
  void On(const quorum::Send& send);
  void On(const quorum::MtrIssued& issued);
  void On(const quorum::MtrBlocked& blocked) { refused_ = blocked; }
  void On(const quorum::VdlMoved& moved);
  void On(const quorum::Grown& grown);
  void On(const quorum::Retained& retained) { manifest_ = retained.manifest; }
  void On(const quorum::WriteQuorumChanged& changed);
  void On(const quorum::Outbid& outbid);
  void On(const quorum::Fenced& fenced);
  void On(const quorum::AckTimed&) {}
  void On(const backtrack::Opened& opened);
  void On(const backtrack::OpenedReadOnly& opened);
  void On(const backtrack::OpeningFailed& failed);
  void ArmTick();
  void OnTick();
  NodeIndex IndexOf(const NodeId& node) const;

  // --- tenures (sim_tenures.cc)
  void BecomeFenced();
  void Succeed();
  void EndTenure();
  void GiveUpDraining();
  bool CouldBeOurs(Lsn end) const { return end >= vdl_ && end <= issued_to_; }
  bool WroteInBetween(const quorum::WriterStart& start) const;
  void SettleCommits();
  void SetReadBase(Lsn vdl);
  void ForgetCache();

  // --- what its clients write (sim_load.cc)
  struct Client {
    std::vector<PageWrite> writes;  // the MTR in hand
    bool in_hand = false;
  };
  void StartClients();
  void Think(size_t client);
  void Begin(size_t client);
  void Try(size_t client);
  void TryBlocked();
  bool MayCommit(const Client& client);
  bool Submit(size_t client);
  void Finished(size_t client, Lsn commit, bool durable);
  void Finish(std::vector<compute::CommitQueue::Waiter> waiters, bool durable);
  std::vector<PageWrite> MakeMtr();
  void Grow(size_t pgs);

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
  Lsn CompleteTo(size_t pg_index, Lsn read_point) const;
  void LearnScl(const NodeId& node, const quorum::SegmentAnswer& answer);
  void SetSelectors(const std::vector<std::vector<std::optional<Lsn>>>& scls);

  Fabric& fabric_;
  const Endpoint self_;
  const ComputeOptions options_;
  const Fabric::Tell tell_;
  Prng prng_;
  Process process_;
  ProcessId id_ = 0;

  Phase phase_ = Phase::kDown;
  backtrack::OpenMode mode_ = backtrack::OpenMode::kOperator;
  std::unique_ptr<backtrack::Opening> opening_;
  std::unique_ptr<quorum::VolumeWriter> writer_;
  // The last ones that ended: they may stand below us on the stack.
  std::unique_ptr<quorum::VolumeWriter> retired_;
  std::unique_ptr<backtrack::Opening> retired_opening_;
  std::map<NodeIndex, Incarnation> connected_;
  quorum::Manifest manifest_;
  EpochId epoch_;        // that reads claim
  bool sealed_ = false;  // and that has not begun
  EpochId written_epoch_;
  EpochId begins_;  // the last epoch that an opening asked a segment to begin
  Lsn issued_to_;
  Lsn vdl_;
  uint64_t tenure_ = 0;
  uint64_t writer_steps_ = 0;
  std::vector<Lsn> read_only_complete_to_;
  std::optional<Instant> succeed_at_;
  Instant tick_at_ = Instant::Never();

  compute::CommitQueue commits_;
  std::optional<quorum::MtrIssued> issued_;
  std::optional<quorum::MtrBlocked> refused_;
  std::vector<Client> clients_;
  std::deque<size_t> blocked_;
  size_t submitting_ = 0;  // the client whose MTR the writer is given
  bool trying_ = false;
  size_t in_hand_ = 0;
  uint64_t tag_ = 0;
  bool growing_ = false;
  bool quiet_ = false;

  std::unique_ptr<compute::PageCache> cache_;
  std::unique_ptr<compute::RedoGenerator> redo_;
  compute::ReadPins pins_;
  struct View {
    Lsn read_point;
    Instant until;
  };
  std::deque<View> views_;         // by read point
  std::map<PageNo, Lsn> fetches_;  // under way, with the read point of each
  std::vector<quorum::SegmentSelector> selectors_;
};

}  // namespace hexad::sim
