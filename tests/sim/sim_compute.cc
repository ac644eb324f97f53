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
constexpr Duration kDrainPatience = Duration::Seconds(3);
constexpr Duration kRetryOpening = Duration::Seconds(1);
constexpr Duration kSnapshotPause = Duration::Millis(150);

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
  epoch_ = written_epoch_ = EpochId::Root();
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
  writer_->CheckInvariants();
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
    std::visit([this](const auto& e) { On(e); }, effect);
  }
  ArmTick();
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

// ---- tenures ------------------------------------------------------------------------------------

void SimCompute::Succeed() {
  if (phase_ == Phase::kDraining) {
    if (writer_->vdl() != writer_->last_issued()) {
      succeed_at_ = process_.now() + kDrainPatience;
      return;
    }
    EndTenure();
  }
  const bool opening = phase_ == Phase::kSucceeding || phase_ == Phase::kReadOnly;
  if (opening && opening_ == nullptr) {
    // Not from inside the writer's own step.
    process_.After(Duration(), [this] {
      const bool still = phase_ == Phase::kSucceeding || phase_ == Phase::kReadOnly;
      if (still && opening_ == nullptr) StartOpening();
    });
  }
}

void SimCompute::EndTenure() {
  phase_ = Phase::kSucceeding;
  issued_to_ = writer_->last_issued();
  retired_ = std::move(writer_);
  read_only_complete_to_.clear();
  succeed_at_.reset();
}

void SimCompute::GiveUpDraining() {
  EndTenure();
  ForgetCache();
  TryBlocked();
  Succeed();
}

bool SimCompute::WroteInBetween(const quorum::WriterStart& start) const {
  if (!CouldBeOurs(start.vdl)) return true;
  const auto& steps = start.pg_paths.front().path.steps();
  for (size_t i = steps.size() - 1; i-- > 0;) {
    if (steps[i].epoch == written_epoch_) return false;
    if (!steps[i].is_empty()) return true;
  }
  return true;
}

void SimCompute::SetReadBase(Lsn vdl) {
  const bool same = cache_ != nullptr && vdl == vdl_;
  vdl_ = vdl;
  if (!same) return ForgetCache();
  ++tenure_;
  DropFetches();
}

void SimCompute::ForgetCache() {
  ++tenure_;
  DropFetches();
  cache_ =
      std::make_unique<compute::PageCache>(options_.named.page_size, options_.cache_bytes, vdl_);
}

void SimCompute::SettleCommits() {
  std::vector<CommitQueue::Waiter> durable;
  commits_.VdlMoved(vdl_, durable);
  Finish(std::move(durable), /*durable=*/true);
  if (issued_to_ <= vdl_) return;
  std::vector<CommitQueue::Waiter> lost;
  commits_.TakeAll(lost);
  Finish(std::move(lost), /*durable=*/false);
}

// By value: the opening that made it ends here.
void SimCompute::On(const backtrack::Opened& made) {
  const backtrack::Opened opened = made;
  const bool succeeding = phase_ == Phase::kSucceeding;
  retired_opening_ = std::move(opening_);
  if (!succeeding) issued_to_ = opened.start.vdl;
  if (succeeding && WroteInBetween(opened.start)) return BecomeFenced();
  tell_(EpochOpened{id_, &opened.start});
  epoch_ = written_epoch_ = opened.start.epoch;
  sealed_ = false;
  manifest_ = opened.start.manifest;
  SetReadBase(opened.start.vdl);
  tell_(ReadPointOffered{id_, epoch_, vdl_, false});
  SetSelectors(opened.scls);
  growing_ = false;
  SettleCommits();
  phase_ = Phase::kWriting;
  mode_ = OpenMode::kOperator;  // what follows a tenure of ours is ours
  read_only_complete_to_.clear();
  writer_ = std::make_unique<quorum::VolumeWriter>(options_.writer, opened.start);
  for (const auto& [node, incarnation] : connected_) {
    Feed(quorum::WriterInput(quorum::NodeUp{fabric_.node(node).options().node, incarnation}));
  }
  tell_(ReadPointsHeld{id_, pins_.lowest()});
  if (!pins_.lowest().IsNone()) {
    Feed(quorum::WriterInput(quorum::ReadPointsMoved{pins_.lowest()}));
  }
  TryBlocked();
}

void SimCompute::On(const backtrack::OpenedReadOnly& opened) {
  const bool succeeding = phase_ == Phase::kSucceeding;
  if (succeeding && !CouldBeOurs(opened.read_point)) return BecomeFenced();
  if (phase_ == Phase::kOpening) phase_ = Phase::kReadOnly;
  epoch_ = opened.epoch;
  sealed_ = opened.sealed;
  manifest_ = opened.manifest;
  SetReadBase(succeeding ? vdl_ : opened.read_point);
  read_only_complete_to_ = opened.complete_to;
  for (Lsn& tail : read_only_complete_to_) tail = std::min(tail, vdl_);
  tell_(ReadPointOffered{id_, epoch_, vdl_, mode_ == OpenMode::kSnapshot});
  SetSelectors(opened.scls);
  if (mode_ == OpenMode::kSnapshot) {
    retired_opening_ = std::move(opening_);
    succeed_at_ = process_.now() + kSnapshotPause;  // and ask again
  }
}

void SimCompute::On(const backtrack::OpeningFailed& failed) {
  retired_opening_ = std::move(opening_);
  tell_(OpeningGivenUp{id_, failed.status});
  if (phase_ == Phase::kOpening) {
    return BecomeFenced();  // it says so to its user and ends
  }
  if (mode_ == OpenMode::kAutomatic && absl::IsUnavailable(failed.status)) return BecomeFenced();
  succeed_at_ = process_.now() + kRetryOpening;
}

}  // namespace hexad::sim
