// Tenures of a simulated compute process: opening, following itself with a higher epoch, and what
// each opening's end means. As compute/host/volume_tenures.cc.
#include <algorithm>
#include <utility>

#include "tests/sim/sim_compute.h"

namespace hexad::sim {

using backtrack::OpenMode;
using compute::CommitQueue;

namespace {

constexpr Duration kDrainPatience = Duration::Seconds(3);
constexpr Duration kRetryOpening = Duration::Seconds(1);
constexpr Duration kSnapshotPause = Duration::Millis(150);

}  // namespace

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
