#include "tests/sim/sim_compute.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::sim {

using backtrack::OpenMode;
using compute::CommitQueue;

namespace {

// As compute/host has them.
constexpr Duration kOutbidGrace = Duration::Seconds(1);
// The writer's invariants walk its queues: every so often is enough to stop close to the cause.
constexpr uint64_t kCheckOneIn = 8;

const char* NameOf(SimCompute::Phase phase) {
  switch (phase) {
    case SimCompute::Phase::kDown:
      return "down";
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

void SimCompute::Start(ProcessId id, OpenMode mode) {
  INVARIANT(phase_ == Phase::kDown);
  process_.Start();
  id_ = id;
  mode_ = mode;
  phase_ = Phase::kOpening;
  redo_ = std::make_unique<compute::RedoGenerator>(options_.named.page_size,
                                                   options_.named.pages_per_pg);
  StartOpening();
  fabric_.Dial(self_, process_, *this);
  StartClients();
  StartReaders();
}

// Everything that a process forgets when it dies.
void SimCompute::Stop() {
  if (phase_ == Phase::kDown) return;
  process_.Stop();
  phase_ = Phase::kDown;
  fabric_.Hangup(self_);
  opening_.reset();
  writer_.reset();
  connected_.clear();
  manifest_ = {};
  epoch_ = written_epoch_ = begins_ = EpochId::Root();
  issued_to_ = vdl_ = Lsn::None();
  ++tenure_;
  read_only_complete_to_.clear();
  succeed_at_.reset();
  tick_at_ = Instant::Never();
  commits_ = {};
  clients_.clear();
  blocked_.clear();
  in_hand_ = 0;
  growing_ = false;
  cache_.reset();
  pins_ = {};
  views_.clear();
  fetches_.clear();
  selectors_.clear();
}

void SimCompute::JumpAhead(Duration by) {
  process_.JumpAhead(by);
  tick_at_ = Instant::Never();
  if (phase_ != Phase::kDown) ArmTick();
}

std::string SimCompute::Describe() const {
  std::string text = absl::StrCat("compute ", self_ - fabric_.nodes() + 1, " ", NameOf(phase_),
                                  " epoch ", epoch_.number, " VDL ", vdl_.value());
  if (opening_ != nullptr) absl::StrAppend(&text, ": ", opening_->Describe());
  return text;
}

// ---- inputs -------------------------------------------------------------------------------------

void SimCompute::StartOpening() {
  backtrack::OpeningOptions opening;
  opening.mode = mode_;
  opening.named = options_.named;
  opening.claimant = prng_.Next();
  opening.seed = prng_.Next();
  opening.lal = options_.lal;
  if (mode_ == OpenMode::kSnapshot) opening.at_least = vdl_;
  opening_ = std::make_unique<backtrack::Opening>(std::move(opening));
  Feed(backtrack::OpeningInput(backtrack::OpeningStart{}));
  for (const auto& [node, incarnation] : connected_) {
    if (opening_ == nullptr) break;  // it ended by one of these
    Feed(backtrack::OpeningInput(quorum::NodeUp{fabric_.node(node).options().node, incarnation}));
  }
}

void SimCompute::Feed(const quorum::WriterInput& input) {
  std::vector<quorum::WriterEffect> effects;
  writer_->Step(input, process_.now(), effects);
  if (++writer_steps_ % kCheckOneIn == 0) writer_->CheckInvariants();
  for (const auto& effect : effects) {
    std::visit([this](const auto& e) { On(e); }, effect);
  }
  ArmTick();
}

void SimCompute::Feed(const backtrack::OpeningInput& input) {
  std::vector<backtrack::OpeningEffect> effects;
  opening_->Step(input, process_.now(), effects);
  opening_->CheckInvariants();
  for (const auto& effect : effects) {
    if (const auto* send = std::get_if<quorum::Send>(&effect)) TellOpening(*send);
    std::visit([this](const auto& e) { On(e); }, effect);
  }
  ArmTick();
}

void SimCompute::TellOpening(const quorum::Send& send) {
  const auto* begin = std::get_if<quorum::Begin>(&send.request);
  if (begin != nullptr && begin->to.epoch != begins_) {
    begins_ = begin->to.epoch;
    const std::vector<backtrack::OpeningCount> counts = opening_->Count();
    tell_(OpeningBegins{id_, begins_, &counts});
  }
  tell_(OpeningAsked{id_, IndexOf(send.node), &send.request});
}

template <class Input>
void SimCompute::FeedEither(const Input& input) {
  if (opening_ != nullptr) {
    Feed(backtrack::OpeningInput(input));
  } else if (writer_ != nullptr && phase_ != Phase::kFenced) {
    Feed(quorum::WriterInput(input));
  }
}

void SimCompute::OnUp(NodeIndex node, Incarnation incarnation) {
  if (phase_ == Phase::kFenced) return;
  connected_[node] = incarnation;
  const NodeId& id = fabric_.node(node).options().node;
  for (size_t pg = 0; pg < selectors_.size(); ++pg) {
    const auto member = manifest_.pgs[pg].IndexOf(id);
    if (member.has_value()) selectors_[pg].SetUp(*member, true);
  }
  FeedEither(quorum::NodeUp{id, incarnation});
}

void SimCompute::OnDown(NodeIndex node) {
  if (connected_.erase(node) == 0) return;
  const NodeId& id = fabric_.node(node).options().node;
  for (size_t pg = 0; pg < selectors_.size(); ++pg) {
    const auto member = manifest_.pgs[pg].IndexOf(id);
    if (member.has_value()) selectors_[pg].SetUp(*member, false);
  }
  FeedEither(quorum::NodeDown{id});
}

void SimCompute::OnAnswer(NodeIndex node, quorum::SegmentAnswer answer) {
  const NodeId& id = fabric_.node(node).options().node;
  LearnScl(id, answer);
  const auto* refused = std::get_if<quorum::Refused>(&answer);
  if (refused != nullptr && refused->reason == quorum::RefusalReason::kStaleEpoch &&
      phase_ == Phase::kReadOnly && mode_ == OpenMode::kOperator && opening_ != nullptr) {
    mode_ = OpenMode::kAutomatic;
    StartOpening();
  }
  if (opening_ != nullptr) tell_(OpeningHeard{id_, node, &answer});
  FeedEither(quorum::NodeAnswered{id, std::move(answer)});
}

NodeIndex SimCompute::IndexOf(const NodeId& node) const {
  for (NodeIndex i = 0; i < fabric_.nodes(); ++i) {
    if (fabric_.node(i).options().node == node) return i;
  }
  return fabric_.nodes();
}

// ---- time ---------------------------------------------------------------------------------------

void SimCompute::ArmTick() {
  if (phase_ == Phase::kDown) return;
  Instant next = commits_.NextDeadline();
  if (opening_ != nullptr) next = std::min(next, opening_->NextDeadline());
  if (writer_ != nullptr && phase_ != Phase::kFenced) {
    next = std::min(next, writer_->NextDeadline());
  }
  if (succeed_at_.has_value()) next = std::min(next, *succeed_at_);
  if (next >= tick_at_) return;
  tick_at_ = next;
  process_.AtLocal(next, [this, next] {
    if (tick_at_ != next) return;  // an earlier one was armed meanwhile
    tick_at_ = Instant::Never();
    OnTick();
    ArmTick();
  });
}

void SimCompute::OnTick() {
  const Instant now = process_.now();
  if (opening_ != nullptr && opening_->NextDeadline() <= now) {
    Feed(backtrack::OpeningInput(backtrack::OpeningTick{}));
  }
  if (writer_ != nullptr && phase_ != Phase::kFenced && writer_->NextDeadline() <= now) {
    Feed(quorum::WriterInput(quorum::WriterTick{}));
  }
  std::vector<CommitQueue::Waiter> expired;
  commits_.Expire(now, expired);
  Finish(std::move(expired), /*durable=*/false);
  if (succeed_at_.has_value() && *succeed_at_ <= now) {
    succeed_at_.reset();
    if (phase_ == Phase::kDraining) return GiveUpDraining();
    if (phase_ == Phase::kWriting) phase_ = Phase::kDraining;
    Succeed();
  }
}

// ---- the writer's effects -----------------------------------------------------------------------

void SimCompute::On(const quorum::Send& send) {
  const NodeIndex node = IndexOf(send.node);
  if (node < fabric_.nodes()) fabric_.Send(self_, node, send.request);
}

void SimCompute::On(const quorum::VdlMoved& moved) {
  INVARIANT(moved.vdl >= vdl_);
  vdl_ = moved.vdl;
  tell_(VdlMoved{id_, epoch_, vdl_});
  cache_->VdlMoved(vdl_);
  if (cache_->has_truncates()) {
    Lsn read_from = vdl_;
    for (const auto& [page, read_at] : fetches_) read_from = std::min(read_from, read_at);
    cache_->ForgetTruncatesUpTo(read_from);
  }
  std::vector<CommitQueue::Waiter> durable;
  commits_.VdlMoved(vdl_, durable);
  Finish(std::move(durable), /*durable=*/true);
  TryBlocked();
  if (phase_ == Phase::kDraining) Succeed();
}

void SimCompute::On(const quorum::Grown& grown) {
  manifest_ = grown.manifest;
  growing_ = false;
  cache_->Grown(manifest_.FirstPageOf(manifest_.pgs.size() - 1));
  const quorum::Membership& added = manifest_.pgs.back();
  selectors_.emplace_back(static_cast<int>(added.members.size()), prng_.Next());
  for (const auto& [node, incarnation] : connected_) {
    const auto member = added.IndexOf(fabric_.node(node).options().node);
    if (member.has_value()) selectors_.back().SetUp(*member, true);
  }
  TryBlocked();
}

void SimCompute::On(const quorum::WriteQuorumChanged& changed) {
  if (changed.ok) TryBlocked();
}

void SimCompute::On(const quorum::Outbid&) {
  if (succeed_at_.has_value() || phase_ != Phase::kWriting) return;
  succeed_at_ = process_.now() + kOutbidGrace;
}

void SimCompute::On(const quorum::Fenced&) { BecomeFenced(); }

void SimCompute::BecomeFenced() {
  phase_ = Phase::kFenced;
  opening_.reset();
  succeed_at_.reset();
  ++tenure_;  // reads under way are nobody's any more
  DropFetches();
  std::vector<CommitQueue::Waiter> waiting;
  commits_.TakeAll(waiting);
  Finish(std::move(waiting), /*durable=*/false);
  tell_(WriterFenced{id_, epoch_});
  process_.After(Duration(), [this] { fabric_.Hangup(self_); });
}

}  // namespace hexad::sim
