#include "tests/sim/sim_compute.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::sim {

using backtrack::OpenMode;

namespace {

constexpr Duration kSnapshotPause = Duration::Millis(150);
// The core's invariants walk its queues: every so often is enough to stop close to the cause.
constexpr uint64_t kCheckOneIn = 8;

const char* NameOf(SimCompute::Phase phase) {
  switch (phase) {
    case SimCompute::Phase::kOpening:
      return "opening";
    case SimCompute::Phase::kReadOnly:
      return "read-only";
    case SimCompute::Phase::kWriting:
      return "writing";
    case SimCompute::Phase::kDraining:
      return "draining";
    case SimCompute::Phase::kSucceeding:
      return "succeeding";
    case SimCompute::Phase::kFenced:
      return "fenced";
  }
  return "?";
}

}  // namespace

SimCompute::SimCompute(Fabric& fabric, Endpoint self, ComputeOptions options, Fabric::Tell tell,
                       uint64_t seed)
    : fabric_(fabric),
      self_(self),
      options_(std::move(options)),
      tell_(std::move(tell)),
      prng_(seed),
      process_(fabric.scheduler()) {}

SimCompute::~SimCompute() = default;

// ---- life ---------------------------------------------------------------------------------------

void SimCompute::Start(ProcessId id, compute::OpenVolume open) {
  INVARIANT(down());
  process_.Start();
  id_ = id;
  redo_ = std::make_unique<compute::RedoGenerator>(options_.named.page_size,
                                                   options_.named.pages_per_pg);
  compute::VolumeCoreOptions core;
  core.named = options_.named;
  core.roster = options_.roster;
  core.writer = options_.writer;
  core.lal = options_.lal;
  core.commit_timeout = options_.load.commit_timeout;
  core.mark_every = options_.mark_every;
  core.seed = prng_.Next();
  core_ = std::make_unique<compute::VolumeCore>(std::move(core));
  if (open.backtrack.has_value()) tell_(BacktrackAsked{id_, *open.backtrack});
  Step(open);
  fabric_.Dial(self_, process_, *this);
  StartClients(open.mode);
  if (open.mode != OpenMode::kSnapshot) StartGoingBack();
  StartReaders();
}

// Everything that a process forgets when it dies.
void SimCompute::Stop() {
  if (down()) return;
  process_.Stop();
  fabric_.Hangup(self_);
  core_.reset();
  connected_.clear();
  begins_ = EpochId::Root();
  tick_at_ = Instant::Never();
  clients_.clear();
  blocked_.clear();
  in_hand_ = 0;
  cache_.reset();
  views_.clear();
  fetches_.clear();
  selectors_.clear();
}

void SimCompute::JumpAhead(Duration by) {
  process_.JumpAhead(by);
  tick_at_ = Instant::Never();
  ArmTick();
}

std::string SimCompute::Describe() const {
  std::string text = absl::StrCat("compute ", self_ - fabric_.nodes() + 1, " ");
  if (down()) return text + "down";
  absl::StrAppend(&text, NameOf(core_->phase()), " epoch ", core_->epoch().number, " VDL ",
                  core_->vdl().value());
  if (core_->opening() != nullptr) absl::StrAppend(&text, ": ", core_->DescribeOpening());
  return text;
}

// ---- inputs -------------------------------------------------------------------------------------

void SimCompute::Step(const compute::VolumeInput& input) {
  compute::VolumeCore::Effects effects;
  core_->Step(input, process_.now(), effects);
  const bool opens = core_->opening() != nullptr;
  if (opens || ++steps_ % kCheckOneIn == 0) core_->CheckInvariants();
  CarryOut(effects);
}

void SimCompute::CarryOut(const compute::VolumeCore::Effects& effects) {
  for (const auto& effect : effects) {
    std::visit([this](const auto& e) { On(e); }, effect);
  }
  ArmTick();
}

void SimCompute::TellOpening(const quorum::Send& send) {
  const auto* begin = std::get_if<quorum::Begin>(&send.request);
  if (begin != nullptr && begin->to.epoch != begins_) {
    begins_ = begin->to.epoch;
    const std::vector<backtrack::OpeningCount> counts = core_->opening()->Count();
    tell_(OpeningBegins{id_, begins_, &counts});
  }
  tell_(OpeningAsked{id_, IndexOf(send.node), &send.request});
}

void SimCompute::OnUp(NodeIndex node, Incarnation incarnation) {
  if (Is(Phase::kFenced)) return;
  connected_.insert(node);
  const NodeId& id = fabric_.node(node).options().node;
  for (size_t pg = 0; pg < selectors_.size(); ++pg) {
    const auto member = core_->manifest().pgs[pg].IndexOf(id);
    if (member.has_value()) selectors_[pg].SetUp(*member, true);
  }
  Step(quorum::NodeUp{id, incarnation});
}

void SimCompute::OnDown(NodeIndex node) {
  if (down() || connected_.erase(node) == 0) return;
  const NodeId& id = fabric_.node(node).options().node;
  for (size_t pg = 0; pg < selectors_.size(); ++pg) {
    const auto member = core_->manifest().pgs[pg].IndexOf(id);
    if (member.has_value()) selectors_[pg].SetUp(*member, false);
  }
  Step(quorum::NodeDown{id});
}

void SimCompute::OnAnswer(NodeIndex node, quorum::SegmentAnswer answer) {
  const NodeId& id = fabric_.node(node).options().node;
  LearnScl(id, answer);
  if (core_->opening() != nullptr) tell_(OpeningHeard{id_, node, &answer});
  Step(quorum::NodeAnswered{id, std::move(answer)});
}

NodeIndex SimCompute::IndexOf(const NodeId& node) const {
  for (NodeIndex i = 0; i < fabric_.nodes(); ++i) {
    if (fabric_.node(i).options().node == node) return i;
  }
  return fabric_.nodes();
}

// ---- time ---------------------------------------------------------------------------------------

void SimCompute::ArmTick() {
  if (down()) return;
  const Instant next = core_->NextDeadline(process_.now());
  if (next >= tick_at_) return;
  tick_at_ = next;
  process_.AtLocal(next, [this, next] {
    if (tick_at_ != next) return;  // an earlier one was armed meanwhile
    tick_at_ = Instant::Never();
    Step(compute::VolumeTick{});
  });
}

// ---- effects ------------------------------------------------------------------------------------

void SimCompute::On(const quorum::Send& send) {
  const NodeIndex node = IndexOf(send.node);
  if (node < fabric_.nodes()) fabric_.Send(self_, node, send.request);
}

void SimCompute::On(const compute::OpeningSend& opening) {
  TellOpening(opening.send);
  On(opening.send);
}

void SimCompute::On(const quorum::VdlMoved& moved) {
  tell_(VdlMoved{id_, core_->epoch(), moved.vdl});
  cache_->VdlMoved(moved.vdl);
  if (!cache_->has_truncates()) return;
  Lsn read_from = moved.vdl;
  for (const auto& [page, read_at] : fetches_) read_from = std::min(read_from, read_at);
  cache_->ForgetTruncatesUpTo(read_from);
}

void SimCompute::On(const quorum::Grown& grown) {
  cache_->Grown(grown.manifest.FirstPageOf(grown.manifest.pgs.size() - 1));
  const quorum::Membership& added = grown.manifest.pgs.back();
  selectors_.emplace_back(static_cast<int>(added.members.size()), prng_.Next());
  for (const NodeIndex node : connected_) {
    const auto member = added.IndexOf(fabric_.node(node).options().node);
    if (member.has_value()) selectors_.back().SetUp(*member, true);
  }
}

void SimCompute::On(const compute::TenureBegan& began) { tell_(EpochOpened{id_, &began.start}); }

void SimCompute::On(const compute::ReadsRestart& restart) {
  DropFetches();
  if (cache_ == nullptr || !restart.keep_cache) {
    cache_ = std::make_unique<compute::PageCache>(options_.named.page_size, options_.cache_bytes,
                                                  restart.vdl);
  }
  if (restart.scls.empty()) return;
  const bool snapshot = core_->mode() == OpenMode::kSnapshot;
  tell_(ReadPointOffered{id_, restart.epoch, restart.vdl, snapshot, &core_->history()->path});
  SetSelectors(restart.scls);
  if (!snapshot) return;
  process_.After(kSnapshotPause, [this] { Step(compute::AskAgain{}); });
}

void SimCompute::On(const compute::CommitsEnded& ended) {
  for (const auto& waiter : ended.waiters) waiter.done(ended.status);
}

void SimCompute::On(const compute::OpenEnded& ended) {
  if (ended.status.ok()) return;
  tell_(OpeningGivenUp{id_, ended.status});  // it says so to its user and ends
  process_.After(Duration(), [this] { fabric_.Hangup(self_); });
}

void SimCompute::On(const compute::OpeningGaveUp& gave_up) {
  tell_(OpeningGivenUp{id_, gave_up.status});
}

void SimCompute::On(const compute::BacktrackEnded& ended) {
  std::optional<Lsn> first_left;
  if (ended.first_left.has_value()) first_left = ended.first_left->lsn;
  tell_(BacktrackEnded{id_, core_->epoch(), ended.status, ended.forked_at.lsn, first_left});
}

void SimCompute::On(const compute::BecameFenced&) {
  DropFetches();
  tell_(WriterFenced{id_, core_->epoch()});
  process_.After(Duration(), [this] { fabric_.Hangup(self_); });
}

}  // namespace hexad::sim
