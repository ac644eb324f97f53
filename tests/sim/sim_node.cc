#include "tests/sim/sim_node.h"

#include <utility>

#include "quorum/base/check.h"
#include "storage-node/io/plan_runner.h"
#include "storage-node/io/scrub_runner.h"

namespace hexad::sim {

using namespace storage_node;  // NOLINT(google-build-using-namespace): the subject of this file

namespace {

// A step's invariants cost more than the step: every so often is enough to stop close to the cause.
constexpr uint64_t kCheckOneIn = 64;
constexpr Duration kCoalesceBackOff = Duration::Millis(50);
// Small, so that a coalescing is several writes even in a small volume.
constexpr size_t kCoalesceWriteBytes = 6 << 10;

// Collects a coalescing's writes instead of doing them. What it reads are the versions of pages
// that it has not written yet.
class WriteCollector : public SegmentStore {
 public:
  explicit WriteCollector(const SegmentStore& store) : store_(store) {}

  std::deque<StoreBatch> TakeWrites() { return std::move(writes_); }

  absl::Status Write(const std::vector<const StoreBatch*>& batches, Durability) override {
    for (const StoreBatch* batch : batches) writes_.push_back(*batch);
    return absl::OkStatus();
  }
  absl::Status ScanLog(PgId pg, TimelineId timeline, Lsn from,
                       const BoxcarVisitor& visit) const override {
    return store_.ScanLog(pg, timeline, from, visit);
  }
  absl::StatusOr<Lsn> FloorBoxcar(PgId pg, TimelineId timeline, Lsn lsn) const override {
    return store_.FloorBoxcar(pg, timeline, lsn);
  }
  std::vector<Versions> ReadVersions(PgId pg, std::span<const PageNo> pages,
                                     const std::vector<LsnRange>& visible) const override {
    return store_.ReadVersions(pg, pages, visible);
  }
  absl::Status ScanMeta(std::string_view prefix, const MetaVisitor& visit) const override {
    return store_.ScanMeta(prefix, visit);
  }
  uint64_t ApproximateBytes() const override { return store_.ApproximateBytes(); }
  uint64_t ApproximateBytes(PgId pg, TimelineId timeline) const override {
    return store_.ApproximateBytes(pg, timeline);
  }

 private:
  const SegmentStore& store_;
  std::deque<StoreBatch> writes_;
};

quorum::Refused Damaged(const quorum::Envelope& from, const absl::Status& status) {
  quorum::Refused refused;
  refused.from = from;
  refused.reason = quorum::RefusalReason::kDamaged;
  refused.message = status.ToString();
  return refused;
}

}  // namespace

struct SimNode::Coalescing {
  Ticket ticket;
  std::deque<StoreBatch> writes;
};

SimNode::SimNode(Scheduler& scheduler, NodeSurroundings& around, NodeIndex index,
                 NodeOptions options)
    : scheduler_(scheduler),
      around_(around),
      index_(index),
      options_(std::move(options)),
      prng_(options_.seed),
      process_(scheduler) {
  disk_ =
      std::make_unique<MemorySegmentStore>(MemoryStoreOptions{.survivors_seed = prng_.Next() | 1});
}

SimNode::~SimNode() = default;

// ---- life ---------------------------------------------------------------------------------------

absl::Status SimNode::Start() {
  INVARIANT(core_ == nullptr);
  if (absl::Status status = disk_->Restart(); !status.ok()) return status;
  options_.seed = prng_.Next();
  auto core = std::make_unique<NodeCore>(options_);
  if (absl::Status status = Load(*core); !status.ok()) return status;
  core->CheckInvariants();
  core_ = std::move(core);
  process_.Start();
  ArmTick();
  return absl::OkStatus();
}

absl::Status SimNode::Load(NodeCore& core) const {
  absl::Status loaded;
  absl::Status status = disk_->ScanMeta("", [&](std::string_view key, std::string_view value) {
    if (loaded.ok()) loaded = core.LoadMeta(key, value);
  });
  if (!status.ok()) return status;
  if (!loaded.ok()) return loaded;
  const auto logs = core.LogsToLoad();
  if (!logs.ok()) return logs.status();
  for (const NodeCore::LogToLoad& log : *logs) {
    const auto floor = disk_->FloorBoxcar(log.pg, log.timeline, log.from);
    const Lsn from = floor.ok() && !floor->IsNone() ? *floor : log.from;
    status = disk_->ScanLog(log.pg, log.timeline, from, [&](Lsn first, BytesRef bytes) {
      // A damaged boxcar keeps no node from starting: its segment remembers what it lost.
      core.LoadBoxcar(log.pg, log.timeline, first, std::move(bytes)).IgnoreError();
      return true;
    });
    if (!status.ok()) core.LoseLog(log.pg, log.timeline);
  }
  return absl::OkStatus();
}

void SimNode::Stop(bool power) {
  process_.Stop();
  core_.reset();
  waiting_.clear();
  writing_.clear();
  coalescing_.reset();
  tick_at_ = Instant::Never();
  if (power) disk_->CutPower();
}

void SimNode::Wipe(Incarnation incarnation) {
  INVARIANT(core_ == nullptr);
  options_.incarnation = incarnation;
  disk_ =
      std::make_unique<MemorySegmentStore>(MemoryStoreOptions{.survivors_seed = prng_.Next() | 1});
}

void SimNode::JumpAhead(Duration by) {
  process_.JumpAhead(by);
  tick_at_ = Instant::Never();
  if (core_ != nullptr) ArmTick();
}

// ---- steps --------------------------------------------------------------------------------------

void SimNode::Give(NodeInput input) {
  process_.After(Duration(), [this, input = std::move(input)] { Step(input); });
}

void SimNode::Step(const NodeInput& input) {
  std::vector<NodeEffect> effects;
  core_->Step(input, process_.now(), effects);
  if (++steps_ % kCheckOneIn == 0) core_->CheckInvariants();
  for (NodeEffect& effect : effects) {
    std::visit([this](auto& e) { Carry(std::move(e)); }, effect);
  }
  StartWrite();
  ArmTick();
}

void SimNode::ArmTick() {
  const Instant next = core_->NextDeadline();
  if (next >= tick_at_) return;
  tick_at_ = next;
  process_.AtLocal(next, [this, next] {
    if (tick_at_ != next) return;  // an earlier one was armed meanwhile
    tick_at_ = Instant::Never();
    if (core_->NextDeadline() <= process_.now()) Step(Tick{});
    ArmTick();
  });
}

Duration SimNode::Jittered(Duration least) const {
  const auto jitter = static_cast<uint64_t>(speed_.jitter.nanos());
  return least + Duration::Nanos(static_cast<int64_t>(jitter == 0 ? 0 : prng_.Below(jitter)));
}

// ---- the disk -----------------------------------------------------------------------------------

void SimNode::Carry(Persist persist) { waiting_.push_back(std::move(persist)); }

// Group commit: whatever waits goes into one synced write; what comes meanwhile waits for the next.
// It is written before its fsync ends: a power cut in between may take it or leave it.
void SimNode::StartWrite() {
  if (!writing_.empty() || waiting_.empty()) return;
  writing_.assign(std::make_move_iterator(waiting_.begin()),
                  std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  std::vector<const StoreBatch*> batches;
  for (const Persist& persist : writing_) batches.push_back(&persist.batch);
  const absl::Status status = disk_->Write(batches, Durability::kOrdered);
  around_.OnWritten(index_);
  process_.After(Jittered(speed_.sync), [this, status] { EndWrite(status); });
}

void SimNode::EndWrite(const absl::Status& status) {
  if (!status.ok() && !absl::IsResourceExhausted(status)) {
    return around_.OnFailStop(index_);  // never a retry: what the disk holds is unknown
  }
  if (status.ok() && !speed_.lies) disk_->Sync();
  const std::vector<Persist> done = std::exchange(writing_, {});
  if (status.ok()) {
    for (const Persist& persist : done) around_.OnPersisted(index_, persist.batch);
  }
  for (const Persist& persist : done) {
    if (status.ok()) {
      Step(Persisted{persist.ticket});
    } else {
      Step(NotPersisted{persist.ticket});
    }
  }
  StartWrite();
}

// ---- answers ------------------------------------------------------------------------------------

void SimNode::Carry(Reply reply) { around_.OnReply(index_, std::move(reply)); }

void SimNode::Carry(ServeRead serve) {
  auto shared = std::make_shared<ServeRead>(std::move(serve));
  process_.After(Jittered(speed_.read), [this, shared] { FinishRead(*shared); });
}

void SimNode::FinishRead(const ServeRead& serve) {
  auto page = RunRead(*disk_, serve.plan);
  if (!core_->MayServe(serve.plan)) {
    quorum::Refused refused;
    refused.from = serve.plan.envelope;
    refused.reason = quorum::RefusalReason::kOutOfRange;
    refused.message = "below the GC floor by now";
    return around_.OnPage(index_, serve.call, std::move(refused));
  }
  if (page.ok()) return around_.OnPage(index_, serve.call, *std::move(page));
  around_.OnPage(index_, serve.call, Damaged(serve.plan.envelope, page.status()));
}

void SimNode::Carry(ServeGossip serve) {
  auto shared = std::make_shared<ServeGossip>(std::move(serve));
  process_.After(Jittered(speed_.read), [this, shared] {
    const LogPlan& plan = shared->plan;
    auto run = RunLog(*disk_, plan);
    if (!run.ok()) {
      return around_.OnGossip(index_, shared->call, Damaged(plan.envelope, run.status()));
    }
    around_.OnGossip(
        index_, shared->call,
        quorum::GossipFill{plan.envelope, plan.head.value_or(plan.path), plan.scl, plan.vdl_heard,
                           std::move(run->boxcars), run->more, plan.in_use, plan.branch});
  });
}

void SimNode::Carry(ServeFetch serve) {
  auto shared = std::make_shared<ServeFetch>(std::move(serve));
  process_.After(Jittered(speed_.read), [this, shared] {
    auto run = RunLog(*disk_, shared->plan);
    if (run.ok()) {
      quorum::LogPart part{shared->plan.envelope, std::move(run->boxcars), run->more};
      around_.OnReply(index_, Reply{shared->conn, std::move(part)});
    } else {
      around_.OnReply(index_, Reply{shared->conn, Damaged(shared->plan.envelope, run.status())});
    }
  });
}

void SimNode::Carry(ServeFind serve) {
  auto shared = std::make_shared<ServeFind>(std::move(serve));
  process_.After(Jittered(speed_.read), [this, shared] {
    auto found = RunFind(*disk_, shared->plan);
    if (found.ok()) {
      around_.OnReply(index_, Reply{shared->conn, *std::move(found)});
    } else {
      around_.OnReply(index_, Reply{shared->conn, Damaged(shared->plan.envelope, found.status())});
    }
  });
}

void SimNode::Carry(AskPeer ask) { around_.OnAskPeer(index_, std::move(ask)); }

void SimNode::Carry(CallRefused refused) {
  // The core does not say which kind of call it was; only one of them is waited for.
  around_.OnPage(index_, refused.call, refused.refused);
  around_.OnGossip(index_, refused.call, refused.refused);
  around_.OnScrub(index_, refused.call, std::move(refused.refused));
}

void SimNode::Carry(const FormDone& done) { INVARIANT(done.status.ok()); }

// ---- scrub --------------------------------------------------------------------------------------

void SimNode::Carry(ServeScrub serve) {
  auto shared = std::make_shared<ServeScrub>(std::move(serve));
  process_.After(Jittered(speed_.read), [this, shared] {
    auto fill = RunScrub(*disk_, shared->plan);
    if (fill.ok() && core_->MayServe(shared->plan)) {
      return around_.OnScrub(index_, shared->call, *std::move(fill));
    }
    around_.OnScrub(index_, shared->call, Damaged(shared->plan.envelope, fill.status()));
  });
}

void SimNode::Carry(ScrubOwn own) {
  auto shared = std::make_shared<ScrubOwn>(std::move(own));
  process_.After(Jittered(speed_.read), [this, shared] {
    Scrubbed scrubbed{shared->question, {}, std::nullopt};
    auto fill = RunScrub(*disk_, shared->plan);
    if (fill.ok() && core_->MayServe(shared->plan)) scrubbed.fill = *std::move(fill);
    Step(scrubbed);
  });
}

void SimNode::Carry(ScrubPeer ask) { around_.OnScrubPeer(index_, std::move(ask)); }

void SimNode::Carry(Repair repair) {
  process_.After(Jittered(speed_.read), [this, batch = std::move(repair.batch)] {
    const absl::Status status = disk_->Write({&batch}, Durability::kOrdered);
    if (!status.ok() && !absl::IsResourceExhausted(status)) return around_.OnFailStop(index_);
    around_.OnWritten(index_);
    Step(Repaired{status});
  });
}

// ---- coalescing ---------------------------------------------------------------------------------

void SimNode::Carry(Coalesce coalesce) {
  INVARIANT(coalescing_ == nullptr);
  coalescing_ = std::make_unique<Coalescing>();
  coalescing_->ticket = coalesce.ticket;
  WriteCollector collector(*disk_);
  // Damaged pages are kept as they are; other errors the memory store does not have.
  INVARIANT(RunCoalesce(collector, coalesce.plan, kCoalesceWriteBytes).ok());
  coalescing_->writes = collector.TakeWrites();
  process_.After(Jittered(speed_.read), [this] { WriteOnCoalescing(); });
}

void SimNode::WriteOnCoalescing() {
  if (scheduler_.now() < coalesce_not_before_) {
    return process_.At(coalesce_not_before_, [this] { WriteOnCoalescing(); });
  }
  const StoreBatch batch = std::move(coalescing_->writes.front());
  coalescing_->writes.pop_front();
  const absl::Status status = disk_->Write({&batch}, Durability::kOrdered);
  if (!status.ok() && !absl::IsResourceExhausted(status)) return around_.OnFailStop(index_);
  around_.OnWritten(index_);
  if (status.ok() && !coalescing_->writes.empty()) {
    return process_.After(Jittered(speed_.read), [this] { WriteOnCoalescing(); });
  }
  if (!status.ok()) coalesce_not_before_ = scheduler_.now() + kCoalesceBackOff;
  const Ticket ticket = coalescing_->ticket;
  coalescing_.reset();
  Step(Coalesced{ticket, status});
}

}  // namespace hexad::sim
